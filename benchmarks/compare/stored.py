"""What has arrived, counted where it ought to be: in the tables of the hub or in those of a peer, or at a subscriber.

A message is known by its device and its time, which no other message of a load has; it has at least three readings.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import msgspec
import psycopg

from benchmarks.compare.subscriber import COUNT
from devices.instants import to_datetime

Tables = str  #: "hub" or "peer"

SAID = (
    *("speed_kmh", "ignition", "pto", "fuel_pct", "fill_pct", "temperature_c", "tilt", "smoke", "battery_pct"),
    *("nh3_ppm", "h2s_ppm", "water_m3", "energy_kwh", "stalls_occupied", "water_leak", "on_duty", "sos", "steps"),
)
"""What the loads tell (hub.bench.load); other metrics in the hub's tables are its own, derived from these."""

_TAIL = {
    "hub": """
        SELECT count(*) FROM unnest(%(devices)s::text[], %(at)s::timestamptz[]) AS last (device, at)
         WHERE EXISTS (SELECT 1 FROM readings r JOIN devices d ON d.key = r.device_key
                        WHERE d.id = last.device AND r.observed_at = last.at)""",
    "peer": """
        SELECT count(*) FROM unnest(%(devices)s::text[], %(at)s::timestamptz[]) AS last (device, at)
         WHERE EXISTS (SELECT 1 FROM readings r WHERE r.device = last.device AND r.observed_at = last.at)""",
}
_COUNT = {
    "hub": """
        SELECT count(*), coalesce(sum(rows - metrics), 0)::bigint, coalesce(sum((rows > metrics)::int), 0)::bigint
          FROM (SELECT count(*) AS rows, count(DISTINCT metric_key) AS metrics FROM readings
                 WHERE observed_at >= %(first)s AND observed_at < %(end)s
                   AND metric_key IN (SELECT key FROM metrics WHERE name = ANY (%(said)s))
                 GROUP BY device_key, observed_at) AS message""",
    "peer": """
        SELECT count(*), coalesce(sum(rows - metrics), 0)::bigint, coalesce(sum((rows > metrics)::int), 0)::bigint
          FROM (SELECT count(*) AS rows, count(DISTINCT metric) AS metrics FROM readings
                 WHERE observed_at >= %(first)s AND observed_at < %(end)s
                 GROUP BY device, observed_at) AS message""",
}


class Span(msgspec.Struct, frozen=True):
    """A load as it can be looked for: its messages are of these times (epoch µs, end excluded).

    ``last`` are some of its last messages, by device and time; none where it stamps them as it makes them.
    """

    first: int
    end: int
    last: tuple[tuple[str, int], ...] = ()


class Found(msgspec.Struct, frozen=True):
    """Different messages, rows beyond the first of their kind, and messages that have such."""

    messages: int
    rows_again: int
    messages_again: int


class Counter(Protocol):
    """Where messages arrive."""

    async def at_end(self, span: Span, expected: int) -> bool:
        """Whether the last messages have arrived, or so many: a cheap question."""

    async def found(self, span: Span) -> Found:
        """What has arrived: an expensive question."""


class Stored:
    """A database in which rows arrive. An async context manager."""

    def __init__(self, dsn: str, tables: Tables) -> None:
        self._dsn, self._tables = dsn, tables

    async def __aenter__(self) -> Self:
        self._connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def at_end(self, span: Span, expected: int) -> bool:
        """See :class:`Counter`."""
        devices, times = [one[0] for one in span.last], [to_datetime(one[1]) for one in span.last]
        (count,) = await self._row(_TAIL[self._tables], {"devices": devices, "at": times})
        return count == len(span.last)

    async def found(self, span: Span) -> Found:
        """See :class:`Counter`."""
        window = {"first": to_datetime(span.first), "end": to_datetime(span.end), "said": list(SAID)}
        return Found(*(await self._row(_COUNT[self._tables], window)))

    async def _row(self, question: str, values: Mapping[str, Any]) -> Sequence[int]:
        """The answer's one row; noughts before the hub has made its tables."""
        try:
            cursor = await self._connection.execute(question, values)
        except psycopg.errors.UndefinedTable:
            return (0,) * (1 if question in _TAIL.values() else 3)
        row = await cursor.fetchone()
        return row or ()


class Received:
    """The count that a bare subscriber tells in a file that both have mapped; it knows no spans and counts on."""

    def __init__(self, told: mmap.mmap) -> None:
        self._told = told

    async def at_end(self, span: Span, expected: int) -> bool:
        """See :class:`Counter`."""
        return self._count() >= expected

    async def found(self, span: Span) -> Found:
        """See :class:`Counter`."""
        return Found(self._count(), 0, 0)

    def _count(self) -> int:
        found: int = COUNT.unpack_from(self._told, 0)[0]
        return found
