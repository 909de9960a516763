"""Stored readings and known devices for the bench of scaling, made by the server itself, and what they weigh."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
from psycopg import AsyncConnection

from devices.instants import to_datetime
from store.connection import session_parameters, translated_errors
from store.schema import TELEMETRY
from store.telemetry.partitions import Partitions

HOUR = 3_600_000_000
DAY = 24 * HOUR
SUMMED = 26 * HOUR  #: before the end; what lies before is as if its sums had been forgotten
PORTION = 1_000_000  #: readings in one statement, about

_MEMORY = "SET work_mem = '256MB'"
# In the order of time, as it would have come: the rows of one device lie far apart, and devices do not speak at once.
_READINGS = """
INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)
SELECT d.key, m.key, 0, t + d.key * interval '37 ms',
       round((50 + 40 * sin(extract(epoch FROM t) / 7200 + d.key))::numeric, 1)::float8,
       t + d.key * interval '37 ms' + interval '300 ms'
  FROM generate_series(%(start)s::timestamptz, %(last)s::timestamptz, %(every)s) AS t
 CROSS JOIN devices d
  JOIN unnest(%(kinds)s::text[], %(metrics)s::text[]) AS w (kind, metric) ON w.kind = d.kind
  JOIN metrics m ON m.name = w.metric
 ORDER BY t, d.key, m.key
"""
_FIXES = """
INSERT INTO fixes (device_key, variant, observed_at, received_at, lat, lon, speed_kmh, heading_deg, hdop, satellites,
                   quality, valid)
SELECT d.key, 0, t + d.key * interval '37 ms', t + d.key * interval '37 ms' + interval '300 ms',
       30.5 + 0.02 * sin(extract(epoch FROM t) / 3000 + d.key),
       114.2 + 0.02 * cos(extract(epoch FROM t) / 2000 + d.key),
       18, 90, 0.9, 12, 0, true
  FROM generate_series(%(start)s::timestamptz, %(last)s::timestamptz, %(every)s) AS t
  JOIN devices d ON d.kind = ANY (%(moving)s::text[])
 ORDER BY t, d.key
"""
_STATE = """
INSERT INTO device_state (device_key, received_at, protocol, source)
SELECT key, %(end)s, 'bench', 'bench' FROM devices ON CONFLICT DO NOTHING
"""
_LATEST = """
INSERT INTO latest_readings (device_key, metric_key, observed_at, value, quality)
SELECT d.key, m.key, r.observed_at, r.value, 0
  FROM devices d JOIN unnest(%(kinds)s::text[], %(metrics)s::text[]) AS w (kind, metric) ON w.kind = d.kind
  JOIN metrics m ON m.name = w.metric
 CROSS JOIN LATERAL (SELECT observed_at, value FROM readings WHERE device_key = d.key AND metric_key = m.key
                      ORDER BY observed_at DESC LIMIT 1) AS r
ON CONFLICT DO NOTHING
"""
# Not written by the writer, which notes what is old. Its sums are made of the last day alone, which is what is read.
_ROLLUPS = """
UPDATE rollup_state SET threshold = date_bin('1 hour', %(since)s::timestamptz, '2000-01-03 00:00:00+00'),
                        hours_until = date_bin('1 hour', %(since)s::timestamptz, '2000-01-03 00:00:00+00'),
                        days_until = date_trunc('day', %(since)s::timestamptz, zone)
"""
_KEYS = "SELECT d.id, d.key FROM devices d"
_OLD = "UPDATE devices SET changed_at = now() - interval '1 day'"
_TRACKS = (
    "INSERT INTO tracks (device_key, at, track) SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::bytea[])"
)
_STATES = (
    "INSERT INTO tracker_states (device_key, at, state)"
    " SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::bytea[])"
)
_FACTS = """
SELECT (SELECT coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint FROM pg_inherits i
         WHERE i.inhparent IN ('readings'::regclass, 'fixes'::regclass)),
       (SELECT wal_bytes::bigint FROM pg_stat_wal), (SELECT wal_fpi FROM pg_stat_wal)
"""


class Fill(msgspec.Struct, frozen=True):
    """So many ``readings`` of all devices, evenly over ``days`` before ``end`` (µs), by kind of device its metrics.

    Devices of the kinds ``moving`` have a fix at each instant besides.
    """

    readings: int
    days: int
    end: int
    metrics: Mapping[str, Sequence[str]]
    moving: tuple[str, ...]

    def pairs(self) -> dict[str, list[str]]:
        """Kinds and metrics as columns."""
        found = [(kind, metric) for kind, own in self.metrics.items() for metric in own]
        return {"kinds": [kind for kind, _ in found], "metrics": [metric for _, metric in found]}


class StoreFacts(msgspec.Struct, frozen=True):
    """Bytes of telemetry with its indexes; of the write-ahead log so far, and pages that it holds whole."""

    bytes: int
    wal_bytes: int
    wal_pages: int


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[AsyncConnection]:
    with translated_errors():
        async with await AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
            yield connection


async def fill(dsn: str, plan: Fill, partition_days: int, told: Callable[[int, int], None]) -> int:
    """Make the readings in portions, and what is newest of them; how many there are. Schema and devices are there.

    ``told`` is called with readings made and all that are wanted.
    """
    start, made, pairs = plan.end - plan.days * DAY, 0, plan.pairs()
    async with _connected(dsn) as connection:
        partitions = Partitions(partition_days)
        spans = {partitions.span(at) for at in range(start, plan.end + DAY, DAY)}
        await partitions.ensure(connection, spans, plan.end)
        await connection.execute(_MEMORY)
        each = await _an_instant(connection, plan)
        instants = max(1, round(plan.readings / each))
        every = (plan.end - start) // instants
        for first in _portions(instants, max(1, PORTION // each)):
            last = min(first + max(1, PORTION // each), instants) - 1
            values = {
                "start": to_datetime(start + first * every),
                "last": to_datetime(start + last * every),
                "every": timedelta(microseconds=every),
                "moving": list(plan.moving),
                **pairs,
            }
            made += (await connection.execute(_READINGS, values)).rowcount
            await connection.execute(_FIXES, values)
            told(made, instants * each)
        since = max(start, plan.end - SUMMED)
        await connection.execute(_ROLLUPS, {"since": to_datetime(since)})
        await connection.execute(_LATEST, pairs)
    return made


def _portions(instants: int, at_once: int) -> Iterator[int]:
    yield from range(0, instants, at_once)


async def _an_instant(connection: AsyncConnection, plan: Fill) -> int:
    """Readings of all devices at one instant."""
    cursor = await connection.execute("SELECT kind, count(*) FROM devices GROUP BY kind")
    counts: dict[str, int] = dict(await cursor.fetchall())
    return sum(counts.get(kind, 0) * len(own) for kind, own in plan.metrics.items())


async def enter_heard(dsn: str, at: int) -> None:
    """Enter that all devices were heard last at an instant (µs)."""
    async with _connected(dsn) as connection:
        await connection.execute(_STATE, {"end": to_datetime(at)})


async def settle(dsn: str) -> None:
    """Leave the tables as they are after a while: vacuumed, analysed and written to disk."""
    async with _connected(dsn) as connection:
        for table in (*TELEMETRY, "devices", "identities", "device_state", "latest_readings", "tracks"):
            await connection.execute(f"VACUUM (ANALYZE) {table}".encode())
        await connection.execute("CHECKPOINT")


async def keys(dsn: str) -> dict[str, int]:
    """The keys of all devices by their ids, which are as if they had been entered yesterday."""
    async with _connected(dsn) as connection:
        await connection.execute(_OLD)
        return dict(await (await connection.execute(_KEYS)).fetchall())


async def enter_checkpoints(
    dsn: str, tracks: Mapping[int, tuple[int, bytes]], states: Mapping[int, tuple[int, bytes]]
) -> None:
    """Checkpoints of the alert engine and of the trackers by the keys of devices, as an earlier hub left them."""
    async with _connected(dsn) as connection:
        for statement, kept in ((_TRACKS, tracks), (_STATES, states)):
            ats = [to_datetime(at) for at, _ in kept.values()]
            await connection.execute(statement.encode(), (list(kept), ats, [data for _, data in kept.values()]))


async def facts(dsn: str) -> StoreFacts:
    """Sizes as they are now."""
    async with _connected(dsn) as connection:
        row = await (await connection.execute(_FACTS)).fetchone()
        assert row is not None
        return StoreFacts(*row)
