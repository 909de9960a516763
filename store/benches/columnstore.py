"""What the bench of a year asks of TimescaleDB: that it convert, and what that comes to on disk."""

from __future__ import annotations

from time import perf_counter
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection, sql

from store.connection import session_parameters, translated_errors
from store.timescale import columnstore
from store.timescale.columnstore import Columnstore

_SIZE = "SELECT hypertable_size('readings')"
_ROWS = "SELECT count(*) FROM readings"
_CHUNKS = """
SELECT count(*), count(*) FILTER (WHERE is_compressed) FROM timescaledb_information.chunks
 WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = 'readings'::regclass
"""
# Nobody but the bench is to run it: two that convert the same chunk would wait for each other.
_UNSCHEDULE = """
SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs
 WHERE proc_name = 'policy_compression'
"""
_JOB = """
SELECT job_id FROM timescaledb_information.jobs
 WHERE proc_name = 'policy_compression'
   AND format('%I.%I', hypertable_schema, hypertable_name)::regclass = 'readings'::regclass
"""


class Conversion(msgspec.Struct, frozen=True):
    """The hypertable of the readings before and after its chunks that have ended went to the columnstore.

    Bytes are with indexes, of all of its chunks, those that are still rows among them; ``ratio`` is of these. Made
    readings are more regular than real ones, which save less.
    """

    chunks: int
    converted: int
    bytes_before: int
    bytes_after: int
    rows_after: int
    took_s: float
    ratio: float


async def convert(dsn: str, version: str) -> Conversion:
    """Convert each chunk that has ended, by the job of the policy that the hub sets, run once and here.

    The capability is ``full``; ``version`` is TimescaleDB's.
    """
    with translated_errors():
        async with await AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
            (before,) = await _row(connection, _SIZE)
            async with connection.transaction():
                await columnstore.keep(connection, Columnstore(0), version)
                await connection.execute(_UNSCHEDULE)
            (job,) = await _row(connection, _JOB)
            began = perf_counter()
            await connection.execute(sql.SQL("CALL run_job({})").format(sql.Literal(job)))
            took = perf_counter() - began
            await connection.execute("VACUUM (ANALYZE) readings")
            chunks, converted = await _row(connection, _CHUNKS)
            (after,), (rows,) = await _row(connection, _SIZE), await _row(connection, _ROWS)
    return Conversion(chunks, converted, before, after, rows, round(took, 1), round(before / after, 2))


async def _row(connection: AsyncConnection, statement: LiteralString) -> tuple[Any, ...]:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row
