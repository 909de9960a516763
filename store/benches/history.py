"""Stored history for the benches of the API and of the rollups, made by the server itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
from psycopg import AsyncConnection

from devices.instants import to_datetime
from store.connection import session_parameters, translated_errors
from store.rollups.standing import RollupKeeper
from store.schema import TELEMETRY
from store.telemetry.forgetting import Keeping
from store.telemetry.partitions import Partitions

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
STEP = 6 * HOUR

# In the order of time, as it would have come: the rows of one device lie far apart.
_READINGS = """
INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)
SELECT d.key, m.key, 0, t, round((50 + 40 * sin(extract(epoch FROM t) / 7200 + d.key))::numeric, 1)::float8,
       t + interval '300 ms'
  FROM generate_series(%(start)s::timestamptz, %(last)s::timestamptz, %(every)s) AS t
 CROSS JOIN (SELECT key FROM devices WHERE starts_with(id, %(prefix)s)) AS d
 CROSS JOIN (SELECT key FROM metrics WHERE name = ANY (%(metrics)s::text[])) AS m
"""
_FIXES = """
INSERT INTO fixes (device_key, variant, observed_at, received_at, lat, lon, speed_kmh, heading_deg, hdop, satellites,
                   quality, valid)
SELECT d.key, 0, t, t + interval '300 ms', 31.2 + 0.02 * sin(extract(epoch FROM t) / 3000 + d.key),
       121.4 + 0.02 * cos(extract(epoch FROM t) / 2000 + d.key), 18, 90, 0.9, 12, 0, true
  FROM generate_series(%(start)s::timestamptz, %(last)s::timestamptz, %(every)s) AS t
 CROSS JOIN (SELECT key FROM devices WHERE starts_with(id, %(prefix)s)) AS d
"""
_STATE = """
INSERT INTO device_state (device_key, received_at, protocol, source)
SELECT key, %(end)s, 'bench', 'bench' FROM devices WHERE starts_with(id, %(prefix)s)
ON CONFLICT DO NOTHING
"""
_LATEST = """
INSERT INTO latest_readings (device_key, metric_key, observed_at, value, quality)
SELECT d.key, m.key, r.observed_at, r.value, 0
  FROM (SELECT key FROM devices WHERE starts_with(id, %(prefix)s)) AS d
 CROSS JOIN (SELECT key FROM metrics WHERE name = ANY (%(metrics)s::text[])) AS m
 CROSS JOIN LATERAL (SELECT observed_at, value FROM readings WHERE device_key = d.key AND metric_key = m.key
                      ORDER BY observed_at DESC LIMIT 1) AS r
ON CONFLICT DO NOTHING
"""


# The history was not written by the writer, which notes what is old: it is as if it had been there before the rollups.
_BEFORE_ROLLUPS = """
UPDATE rollup_state SET threshold = %(start)s, hours_until = %(start)s, filled = false,
                        days_until = date_trunc('day', %(start)s::timestamptz, zone)
"""


class Fleet(msgspec.Struct, frozen=True):
    """Devices whose ids begin with ``prefix``, and how often (µs) each tells each of its metrics."""

    prefix: str
    metrics: tuple[str, ...]
    every: int
    fixes_every: int | None = None  #: on the last day, µs


async def fill(
    dsn: str,
    fleets: tuple[Fleet, ...],
    end: int,
    days: int,
    partition_days: int | None,
    told: Callable[[int, int], None],
) -> dict[str, int]:
    """Make ``days`` of history up to ``end`` (µs), and leave the tables as autovacuum leaves them; rows by table.

    ``partition_days`` is None where TimescaleDB makes its chunks itself. ``told`` is called with steps done and steps
    in all. The schema and the devices are there.
    """
    starts = range(end - days * DAY, end, STEP)
    made = {"readings": 0, "fixes": 0}
    with translated_errors():
        async with await AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
            if partition_days is not None:
                partitions = Partitions(partition_days)
                await partitions.ensure(connection, {partitions.span(at) for at in (*starts, end)}, end)
            for index, start in enumerate(starts):
                for fleet in fleets:
                    made["readings"] += await _insert(connection, _READINGS, fleet, start, fleet.every)
                    if fleet.fixes_every is not None and start >= end - DAY:
                        made["fixes"] += await _insert(connection, _FIXES, fleet, start, fleet.fixes_every)
                told(index + 1, len(starts) + 1)
            for fleet in fleets:
                given = {"prefix": fleet.prefix, "metrics": list(fleet.metrics), "end": to_datetime(end)}
                await connection.execute(_STATE, given)
                await connection.execute(_LATEST, given)
            await connection.execute(_BEFORE_ROLLUPS, {"start": to_datetime(end - days * DAY)})
            for table in (*TELEMETRY, "device_state", "latest_readings"):
                await connection.execute(f"VACUUM (ANALYZE) {table}".encode())
            told(len(starts) + 1, len(starts) + 1)
    return made


async def sum_up(dsn: str, end: int, keeping: Keeping | None = None) -> None:
    """Bring the rollups up to date as of ``end`` (µs), as a hub with such a ``keeping`` does that runs long enough."""
    keeper = RollupKeeper(dsn, lambda: end)
    while not await keeper.turn(keeping or Keeping(), 60.0):
        pass
    with translated_errors():
        async with await AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
            for table in ("rollup_hours_kept", "rollup_days_kept"):
                await connection.execute(f"VACUUM (ANALYZE) {table}".encode())


async def _insert(connection: AsyncConnection, statement: str, fleet: Fleet, start: int, every: int) -> int:
    values = {
        "prefix": fleet.prefix,
        "metrics": list(fleet.metrics),
        "start": to_datetime(start),
        "last": to_datetime(start + STEP - 1),
        "every": timedelta(microseconds=every),
    }
    return (await connection.execute(statement.encode(), values)).rowcount
