"""The ``[[nmea]]`` sections of the settings: receivers that speak NMEA 0183."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from devices.kinds import DEVICE_ID
from devices.rates import Rate
from ingest.adapters.nmea.stream import Source
from ingest.listening import ListenerTlsSection
from ingest.plugin import Section
from ingest.transports.lines.stream import LineBounds

_DEVICE = "^" + DEVICE_ID.pattern.replace(r"\Z", "$")


class NmeaSection(Section):
    """One way in for NMEA 0183 (``[[nmea]]``; several may stand)."""

    kind: Literal["tcp-server", "tcp-client", "udp", "serial", "file"] = Field(
        description=(
            "receivers send to the hub (tcp-server, udp), the hub connects to them (tcp-client), or they are"
            " of this machine (serial, file)"
        ),
    )
    host: str = Field("127.0.0.1", description="where to listen, or to connect to")
    port: int | None = Field(None, ge=0, le=65_535, description="of TCP and UDP; 0 takes a free one")
    path: str = Field("", description="of a serial port or a file")
    baud: int = Field(9_600, ge=300, le=4_000_000, description="speed of the serial port")
    greeting: str = Field("", max_length=500, description="a line that a TCP client says first")
    device: str | None = Field(
        None,
        pattern=_DEVICE,
        description="the one device behind this connection; without it who sends is told by identity",
    )
    identity: Literal["auto", "peer", "line", "certificate"] = Field(
        "auto",
        description=(
            "auto: a line before the sentences, else the address; line: only such a line; peer: only the address;"
            " certificate: the common name of the certificate that it has to bring (tls.clients_ca), so that nobody"
            " can speak for another"
        ),
    )
    device_kind: Literal["vehicle", "bin", "toilet", "worker", "station", "gateway", "unknown"] = Field(
        "vehicle", description="what a device that is not known yet is registered as"
    )
    checksum_required: bool = Field(
        True, description="false also takes sentences without a checksum; a wrong one is never taken"
    )
    flush_after_s: float = Field(2.0, gt=0, le=60, description="so much silence ends an epoch, seconds")
    idle_timeout_s: float = Field(300.0, gt=0, description="so much silence ends a peer, seconds")
    max_peers: int = Field(1_000, ge=1, le=50_000, description="at a time")
    max_kib_per_s: float = Field(
        64.0,
        ge=0,
        le=100_000,
        description=(
            "KiB of one connection of a tcp-server in the long run, and ten seconds of it at once; beyond it the"
            " connection is read more slowly, and nothing is lost; 0: no limit"
        ),
    )
    tls: ListenerTlsSection | None = Field(
        None, description="of a tcp-server; without it nothing is encrypted, and anybody may connect"
    )
    max_per_address: int = Field(100, ge=1, description="at a time, from one address")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> NmeaSection:
        if self.identity == "certificate" and (self.tls is None or self.tls.clients_ca is None):
            raise ValueError("identity: certificate needs tls.clients_ca, whose certificates peers have to bring")
        if self.tls is not None and self.kind != "tcp-server":
            raise ValueError(f"tls: the kind {self.kind} has none")
        if self.kind in ("tcp-server", "tcp-client", "udp"):
            if self.port is None:
                raise ValueError(f"port: needed by the kind {self.kind}")
            return self
        if not self.path:
            raise ValueError(f"path: needed by the kind {self.kind}")
        if self.device is None and self.identity != "line":
            raise ValueError(f'device: the kind {self.kind} has no peer address; name the device, or identity = "line"')
        return self

    @property
    def place(self) -> str:
        """Where the bytes come from, for people: ``udp 0.0.0.0:10110``, ``serial /dev/ttyUSB0``."""
        return f"{self.kind} {self.path}" if self.port is None else f"{self.kind} {self.host}:{self.port}"

    def source(self) -> Source:
        """The adapter's view of this section."""
        return Source(self.name, self.identity, self.device, self.device_kind, self.checksum_required)

    def bounds(self) -> LineBounds:
        """The transport's view of this section."""
        rate = Rate(1024 * self.max_kib_per_s, 10 * 1024 * self.max_kib_per_s)
        return LineBounds(self.flush_after_s, self.idle_timeout_s, self.max_peers, self.max_per_address, rate)
