"""What the bench of the rollups asks of a database: sizes and counts."""

from __future__ import annotations

from typing import LiteralString

import msgspec
from psycopg import AsyncConnection

from devices.instants import to_datetime
from store.connection import session_parameters, translated_errors

_READINGS = """
SELECT coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint FROM pg_inherits i
 WHERE i.inhparent = 'readings'::regclass
"""
_HOURS = "SELECT pg_total_relation_size('rollup_hours_kept')"
_DAYS = "SELECT pg_total_relation_size('rollup_days_kept')"
_ROWS = "SELECT count(*) FROM readings"
_HOUR_ROWS = "SELECT count(*) FROM rollup_hours_kept"
_DAY_ROWS = "SELECT count(*) FROM rollup_days_kept"
_YOUNG = "SELECT count(*) FROM readings WHERE observed_at >= %(at)s"
_SUMS = """
SELECT md5(string_agg(k::text, ',' ORDER BY k.device_key, k.metric_key, k.at))
  FROM rollup_hours_kept k WHERE k.at < %(at)s
"""
_OLDEST = "SELECT (extract(epoch FROM min(observed_at)) * 1000000)::bigint FROM readings"


class YearFacts(msgspec.Struct, frozen=True):
    """Rows and bytes (with indexes) of the readings and of their sums.

    ``young`` are readings at or behind an instant that was given, ``sums`` a digest of the sums of hours before it;
    ``oldest`` is the instant of the oldest reading (µs).
    """

    rows: int
    hour_rows: int
    day_rows: int
    bytes: int
    hour_bytes: int
    day_bytes: int
    young: int
    oldest: int
    sums: str


async def facts(dsn: str, since: int) -> YearFacts:
    """Count and weigh; ``since`` (µs) tells who is young. Plain mode only."""
    statements: tuple[LiteralString, ...] = (
        *(_ROWS, _HOUR_ROWS, _DAY_ROWS, _READINGS, _HOURS, _DAYS, _YOUNG, _OLDEST, _SUMS),
    )
    with translated_errors():
        async with await AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
            found = []
            for statement in statements:
                row = await (await connection.execute(statement, {"at": to_datetime(since)})).fetchone()
                assert row is not None
                found.append(row[0])
    return YearFacts(*found)
