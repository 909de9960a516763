"""What the bench of scaling is asked to measure, and what it found: a point for each size."""

from __future__ import annotations

import msgspec

PROCESSES = ("hub", "postgres", "broker")


class Point(msgspec.Struct, frozen=True):
    """One size: so many devices over so many readings, spread over ``days``, that were stored before.

    ``messages`` is that of the steady load (at least two of each device, at most 200), ``strangers`` how many devices
    register themselves by their first message, ``rate`` (messages/s) and ``seconds`` those of the measured latency,
    ``questions`` how often each question is asked.
    """

    devices: int
    stored: int = 0
    messages: int = 100_000
    strangers: int = 2_000
    rate: int = 1_000
    seconds: float = 15.0
    questions: int = 200
    days: int = 28

    @property
    def steady(self) -> int:
        """Messages of the steady load."""
        return max(min(self.messages, 200 * self.devices), 2 * self.devices)


class Question(msgspec.Struct):
    """A question about one device: median of its time (ms), CPU of PostgreSQL (µs) and rows of an answer (mean)."""

    p50_ms: float
    postgres_us: float
    rows: float


class Found(msgspec.Struct, kw_only=True):
    """What was measured at one point. CPU is in µs a message by process.

    ``cpu_us`` is that of a flood, in which a batch holds many messages of a device where there are few devices, and
    ``paced_us`` that at the rate of the point, at which a batch holds one of each, whatever their number.
    ``first_us`` is that of the first message since the start of the hub of devices that are known, ``stranger_us`` of
    the first ever. ``wal_bytes`` and ``wal_pages`` (pages written whole) are for each message of the steady load.
    """

    point: Point
    fill_s: float
    stored: int
    store_mib: float
    cpu_us: dict[str, float]
    paced_us: dict[str, float]
    first_us: dict[str, float]
    stranger_us: dict[str, float]
    messages_per_s: float
    rows_per_message: float
    wal_bytes: float
    wal_pages: float
    p50_ms: float
    p99_ms: float
    rss_mib: float
    rss_known_mib: float
    rss_bare_mib: float
    state: Question
    day: Question
    day_by_hours: Question

    redelivered: int

    @property
    def flood_us(self) -> float:
        """CPU of hub, PostgreSQL and broker for a message of the flood."""
        return _sum(self.cpu_us)

    @property
    def pace_us(self) -> float:
        """The same at the rate of the point."""
        return _sum(self.paced_us)


def _sum(used: dict[str, float]) -> float:
    return sum(used.get(name, 0.0) for name in PROCESSES)


class Figures(msgspec.Struct):
    """What a run measured: over devices without stored readings, and over stored readings."""

    devices: list[Found]
    stored: list[Found]
    machine: dict[str, str]
