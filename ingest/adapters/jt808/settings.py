"""The ``[[jt808]]`` sections of the settings: listeners for JT/T 808 terminals."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from pydantic import Field, SecretStr, model_validator

from devices.metrics import Catalogue
from devices.rates import Rate
from ingest.listening import ListenerTlsSection
from ingest.plugin import Section
from ingest.transports.tcp import TcpLimits
from ingest.transports.tls import ServerTls
from ingest.wire.jt808.alarms import Input
from ingest.wire.jt808.session import Claims, Gate

NAME = "jt808"
_INPUT_BITS = {"25": 32, "2a": 16}  #: items of JT/T 808 that carry switches, with their widths


class Jt808Listener(msgspec.Struct, frozen=True):
    """One listener: its address, who may speak, its limits.

    ``in_flight`` is how many messages of one connection may await their commit; beyond it the connection is not read,
    so that a terminal with a long backlog leaves room to the others.
    """

    name: str
    gate: Gate
    host: str = "127.0.0.1"
    port: int = 6808
    limits: TcpLimits = TcpLimits()
    in_flight: int = 500
    tls: ServerTls | None = None
    rate: Rate = Rate()


class Jt808Section(Section):
    """A listener for JT/T 808 terminals (``[[jt808]]``; several may stand).

    ``secret`` makes the terminals' authentication codes; without it the hub draws one and keeps it in its data folder.
    ``inputs`` names the switches of the vehicles: item and bit (``25.14``, ``2a.0``) to a metric of 0 and 1.
    """

    host: str = Field("127.0.0.1", description="where terminals connect to; 0.0.0.0 for those from outside")
    port: int = Field(6808, ge=0, le=65_535, description="where terminals connect to")
    authentication: bool = Field(
        True, description="whether terminals must register and authenticate before they are heard"
    )
    max_messages_per_s: float = Field(
        100.0,
        ge=0,
        le=100_000,
        description=(
            "of one connection in the long run, and ten seconds of it at once; beyond it the connection is read more"
            " slowly, and nothing is lost; 0: no limit"
        ),
    )
    bind_terminals: bool = Field(
        True,
        description=(
            "whether a phone belongs to the terminal that registered it first, or that the attribute jt808_terminal of"
            " its device names; another terminal is refused"
        ),
    )
    secret: SecretStr | None = Field(
        None, min_length=16, description="makes their authentication codes; without it the hub draws one and keeps it"
    )
    inputs: dict[str, str] = Field(
        {},
        description="what the switches of vehicles are wired to: an item and its bit to a metric of 0 and 1, as 2a.0",
    )
    max_connections: int = Field(10_000, ge=1, description="at a time")
    max_connections_per_address: int = Field(
        1_000, ge=1, description="a carrier may put a whole fleet behind one address"
    )
    max_in_flight: int = Field(500, ge=1, description="messages of one connection that await their commit")
    idle_s: int = Field(300, ge=10, description="a connection that is silent for so long is closed, seconds")
    tls: ListenerTlsSection | None = Field(None, description="of the port; without it nothing is encrypted")
    unauthenticated_s: int = Field(30, ge=1, description="so is one that has not authenticated after so long, seconds")

    @model_validator(mode="after")
    def _inputs_are_known(self) -> Jt808Section:
        metrics = Catalogue().by_name
        for place, metric in self.inputs.items():
            item, _, bit = place.partition(".")
            if item not in _INPUT_BITS or not bit.isdecimal() or int(bit) >= _INPUT_BITS[item]:
                raise ValueError(f"inputs: {place!r} is no bit of an item; expected 25.0 to 25.31 or 2a.0 to 2a.15")
            if metric not in metrics or (metrics[metric].low, metrics[metric].high) != (0, 1):
                raise ValueError(f"inputs: {metric!r} is no metric of 0 and 1")
        return self

    def switches(self) -> tuple[Input, ...]:
        """The decoder's view of ``inputs``."""
        parts = ((place.split("."), metric) for place, metric in self.inputs.items())
        return tuple(Input(int(item, 16), int(bit), metric) for (item, bit), metric in parts)

    def listener(
        self, hub_secret: Callable[[], bytes], owners: Callable[[bytes], Claims] | None = None
    ) -> Jt808Listener:
        """The adapter's view of this section; ``hub_secret`` gives the hub's own, for a section without one.

        ``owners`` makes the memory of whose phones are, given the secret.
        """
        limits = TcpLimits(
            connections=self.max_connections,
            per_address=self.max_connections_per_address,
            idle_s=self.idle_s,
            newcomer_s=self.unauthenticated_s,
        )
        chosen = self.secret.get_secret_value().encode() if self.secret else hub_secret()
        bound = owners(chosen) if owners is not None and self.bind_terminals else None
        gate = Gate(chosen, required=self.authentication, owners=bound)
        tls = self.tls.tls() if self.tls else None
        rate = Rate(self.max_messages_per_s, 10 * self.max_messages_per_s)
        return Jt808Listener(self.name, gate, self.host, self.port, limits, self.max_in_flight, tls, rate)
