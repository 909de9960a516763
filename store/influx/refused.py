"""Points that InfluxDB would not take: kept with their content and the reason, the newest so many of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from devices.instants import from_datetime, to_datetime
from store.connection import translated_errors
from store.influx.delivery import Refusal

KEPT = 10_000

_ENTER = """
INSERT INTO influx_refused (measurement, device, observed_at, field, value, reason)
SELECT * FROM unnest(%(measurement)s::text[], %(device)s::text[], %(at)s::timestamptz[], %(field)s::text[],
                     %(value)s::text[], %(reason)s::text[])
ON CONFLICT (measurement, device, observed_at, field) DO UPDATE
   SET value = excluded.value, reason = excluded.reason, refused_at = excluded.refused_at,
       times = influx_refused.times + 1
"""
_BOUND = """
DELETE FROM influx_refused WHERE refused_at <= (
    SELECT refused_at FROM influx_refused ORDER BY refused_at DESC OFFSET %s LIMIT 1)
"""
_COUNT = "SELECT count(*) FROM influx_refused"
_NEWEST = """
SELECT measurement, device, observed_at, field, value, reason, refused_at, times FROM influx_refused
 WHERE %(device)s::text IS NULL OR device = %(device)s::text
 ORDER BY refused_at DESC, measurement, device, observed_at, field LIMIT %(limit)s
"""
_CLEAR = "DELETE FROM influx_refused"


class RefusedEntry(msgspec.Struct, frozen=True):
    """A value that InfluxDB refused, when last (µs), and how often. The number of the store is still in PostgreSQL."""

    measurement: str
    device: str
    observed_at: int
    field: str
    value: str
    reason: str
    refused_at: int
    times: int


class RefusedPoints:
    """The table, over an open connection in autocommit. Raises TransientError when the store is away."""

    def __init__(self, connection: AsyncConnection[TupleRow], kept: int = KEPT) -> None:
        self._connection, self._kept = connection, kept

    async def enter(self, refusals: Sequence[Refusal]) -> None:
        """Keep what was refused; the oldest beyond the bound are forgotten."""
        newest = refusals[-self._kept :]
        columns: dict[str, list[object]] = {
            name: [getattr(one, name) for one in newest] for name in ("measurement", "device", "field", "reason")
        }
        columns |= {"at": [to_datetime(one.at) for one in newest], "value": [repr(one.value) for one in newest]}
        with translated_errors():
            async with self._connection.transaction():
                await self._connection.execute(_ENTER, columns)
                await self._connection.execute(_BOUND, (self._kept,))

    async def count(self) -> int:
        """How many are kept."""
        with translated_errors():
            row = await (await self._connection.execute(_COUNT)).fetchone()
        return int(row[0]) if row else 0

    async def newest(self, device: str | None, limit: int) -> list[RefusedEntry]:
        """The newest first, of a device or of all."""
        with translated_errors():
            cursor = await self._connection.execute(_NEWEST, {"device": device, "limit": limit})
            rows = await cursor.fetchall()
        return [
            RefusedEntry(measurement, device, from_datetime(at), field, value, reason, from_datetime(refused_at), times)
            for measurement, device, at, field, value, reason, refused_at, times in rows
        ]

    async def clear(self) -> int:
        """Forget all of them; how many."""
        with translated_errors():
            return (await self._connection.execute(_CLEAR)).rowcount
