"""What the bench of the rollups asks of a database: sizes and counts."""

from __future__ import annotations

from typing import LiteralString

import msgspec
from psycopg import AsyncConnection

from devices.instants import to_datetime
from store.connection import session_parameters, translated_errors
from store.schema import Mode

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
# The same in hypertables and continuous aggregates; a size is that of all chunks, converted or not.
_TS_READINGS = "SELECT hypertable_size('readings')"
_TS_AGGREGATE: LiteralString = """
SELECT hypertable_size(format('%%I.%%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass)
  FROM timescaledb_information.continuous_aggregates
 WHERE view_schema = current_schema() AND view_name = """
_TS_HOURS: LiteralString = f"{_TS_AGGREGATE}'rollup_hours_ts'"
_TS_DAYS: LiteralString = f"{_TS_AGGREGATE}'rollup_days_ts'"
_TS_HOUR_ROWS = "SELECT count(*) FROM rollup_hours_ts"
_TS_DAY_ROWS = "SELECT count(*) FROM rollup_days_ts"
_TS_SUMS = """
SELECT md5(string_agg(k::text, ',' ORDER BY k.device_key, k.metric_key, k.at))
  FROM rollup_hours_ts k WHERE k.at < %(at)s
"""
_OLDEST = "SELECT (extract(epoch FROM min(observed_at)) * 1000000)::bigint FROM readings"
_PLAIN: tuple[LiteralString, ...] = (*(_ROWS, _HOUR_ROWS, _DAY_ROWS, _READINGS, _HOURS, _DAYS, _YOUNG, _OLDEST, _SUMS),)
_TIMESCALE: tuple[LiteralString, ...] = (
    *(_ROWS, _TS_HOUR_ROWS, _TS_DAY_ROWS, _TS_READINGS, _TS_HOURS, _TS_DAYS, _YOUNG, _OLDEST, _TS_SUMS),
)


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


async def facts(dsn: str, since: int, mode: Mode) -> YearFacts:
    """Count and weigh; ``since`` (µs) tells who is young. On TimescaleDB the sums are continuous aggregates."""
    statements = _PLAIN if mode is Mode.PLAIN else _TIMESCALE
    with translated_errors():
        async with await AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
            found = []
            for statement in statements:
                row = await (await connection.execute(statement, {"at": to_datetime(since)})).fetchone()
                assert row is not None
                found.append(row[0])
    return YearFacts(*found)
