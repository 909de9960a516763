"""What the comparison measures."""

from __future__ import annotations

import statistics

import msgspec


class Heat(msgspec.Struct, frozen=True):
    """What is the same for all in a round: the broker, and whether devices are of all kinds."""

    broker: str
    mixed: bool

    @property
    def load(self) -> str:
        """The load, as people read it."""
        return "devices of all kinds" if self.mixed else "a fix and three readings"


class Plan(msgspec.Struct, frozen=True):
    """What is to be measured.

    ``kill_rates`` are messages a second: one that all keep up with, and 0 for as fast as the broker takes them, as when
    a subscriber comes back after a while.
    """

    messages: int = 60_000
    devices: int = 1_000
    rounds: int = 3
    heats: tuple[Heat, ...] = (Heat("nats-server", True), Heat("mosquitto", True), Heat("nats-server", False))
    contenders: tuple[str, ...] = ("sanihub", "node-red", "script")
    kill_messages: int = 45_000
    kill_rates: tuple[float, ...] = (3_000.0, 0.0)
    quiet_s: float = 8.0  #: longer than nats-server's 5 s until it sends again what was not acknowledged


class Run(msgspec.Struct, frozen=True):
    """A flood at one contender. CPU in µs a message by process, memory (the most that it had) in MiB."""

    round: int
    broker: str
    mixed: bool
    contender: str
    messages: int
    messages_per_s: float
    cpu_us: dict[str, float]
    rss_mib: float
    rows_again: int


class Copied(msgspec.Struct, frozen=True):
    """A server-side COPY of the rows that the hub had stored in that round."""

    round: int
    broker: str
    mixed: bool
    rows: int
    rows_per_s: float
    messages_per_s: float


class Killed(msgspec.Struct, frozen=True):
    """SIGKILL in the middle of a load, and a start at once: messages lost, messages that are stored more than once."""

    broker: str
    contender: str
    rate: float
    messages: int
    lost: int
    doubled: int


class Figures(msgspec.Struct):
    """All of it."""

    plan: Plan
    runs: list[Run]
    copies: list[Copied]
    kills: list[Killed]
    load: list[float]
    machine: dict[str, str]

    def of(self, heat: Heat, contender: str) -> list[Run]:
        """The runs of a contender in a heat."""
        return [
            one for one in self.runs if (one.broker, one.mixed, one.contender) == (heat.broker, heat.mixed, contender)
        ]

    def rate(self, heat: Heat, contender: str) -> float:
        """The median of its messages a second."""
        return statistics.median(one.messages_per_s for one in self.of(heat, contender))

    def copied(self, heat: Heat) -> float:
        """The median of the messages a second whose rows COPY takes; 0 where the hub had no turn."""
        wanted = (heat.broker, heat.mixed)
        rates = [one.messages_per_s for one in self.copies if (one.broker, one.mixed) == wanted]
        return statistics.median(rates) if rates else 0.0

    def rss_mib(self, heat: Heat, contender: str) -> float:
        """The median of the most memory that it had."""
        return statistics.median(one.rss_mib for one in self.of(heat, contender))

    def killed(self, broker: str, contender: str, rate: float) -> Killed | None:
        """What a kill cost."""
        wanted = (broker, contender, rate)
        found = (one for one in self.kills if (one.broker, one.contender, one.rate) == wanted)
        return next(found, None)

    def cpu_us(self, heat: Heat, contender: str) -> dict[str, float]:
        """The medians of its CPU a message."""
        runs = self.of(heat, contender)
        return {name: statistics.median(one.cpu_us[name] for one in runs) for name in runs[0].cpu_us}
