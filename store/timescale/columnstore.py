"""The columnstore of TimescaleDB: how telemetry lies in it, and the policy that converts old chunks.

Rows of a batch of the columnstore share their segment and lie in its order. Both are made of the primary keys: a late
row is held against the rows that are there by segment and order alone, and only the batch that may hold it is opened.
"""

from __future__ import annotations

from typing import LiteralString

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection

from store.timescale.capability import columnstore_fits

log = structlog.get_logger("store.columnstore")

_LOCK = 0x5A_41_43_4F

# What is asked of telemetry names a device, and of readings a metric; the rest of the primary key is the order.
LAYOUT: dict[str, tuple[str, str]] = {
    "readings": ("device_key,metric_key", "observed_at,value"),
    "fixes": ("device_key", "observed_at,variant"),
    "events": ("device_key", "observed_at,kind,variant"),
}
_ENABLE: dict[str, LiteralString] = {
    "readings": """ALTER TABLE readings SET (timescaledb.enable_columnstore,
        timescaledb.segmentby = 'device_key,metric_key', timescaledb.orderby = 'observed_at,value')""",
    "fixes": """ALTER TABLE fixes SET (timescaledb.enable_columnstore,
        timescaledb.segmentby = 'device_key', timescaledb.orderby = 'observed_at,variant')""",
    "events": """ALTER TABLE events SET (timescaledb.enable_columnstore,
        timescaledb.segmentby = 'device_key', timescaledb.orderby = 'observed_at,kind,variant')""",
}
_ENABLED = """
SELECT segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings
 WHERE hypertable = %s::regclass
"""
_POLICY = """
SELECT count(*), count(*) FILTER (WHERE (config ->> 'compress_after')::interval = make_interval(days => %(days)s))
  FROM timescaledb_information.jobs
 WHERE proc_name = 'policy_compression'
   AND format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = %(table)s::regclass
"""
_ADD = "CALL add_columnstore_policy(%s::regclass, after => make_interval(days => %s))"
_REMOVE = "CALL remove_columnstore_policy(%s::regclass, if_exists => true)"

# A write that meets rows of the columnstore may have to open batches of theirs. The server's bound on that (100,000
# rows a transaction) would refuse a batch of late data each time that it is tried again, which is for ever. The hub's
# own bounds hold: so many frames a batch, and for a deletion devices and a span.
UNBOUNDED = "SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0"


class Columnstore(msgspec.Struct, frozen=True):
    """What the settings want: chunks that end so many days ago are converted; None: no chunk is, any more."""

    after_days: int | None


async def keep(connection: AsyncConnection, wanted: Columnstore, version: str | None) -> None:
    """Bring layout and policies to what is wanted; nothing is done where they are so already.

    What is converted already stays so, and is read and written as before. Needs the capability ``full``; ``version`` is
    TimescaleDB's. That it cannot be is logged, and no error: telemetry is stored without it.
    """
    if not columnstore_fits(version):
        if wanted.after_days is not None:
            log.warning("columnstore_not_used", reason=f"TimescaleDB {version} is too old for it")
        return
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            for table in LAYOUT:
                await _keep(connection, table, wanted.after_days)
    except psycopg.errors.InsufficientPrivilege as error:
        log.warning("columnstore_not_used", reason=str(error).strip().splitlines()[0])


async def _keep(connection: AsyncConnection, table: str, days: int | None) -> None:
    policies, right = await _row(connection, _POLICY, {"table": table, "days": days or 0})
    if days is None:
        if policies:
            await connection.execute(_REMOVE, (table,))
            log.info("columnstore_policy_removed", table=table)
        return
    laid_out = await (await connection.execute(_ENABLED, (table,))).fetchone()
    if laid_out is None or (_plain(laid_out[0]), _plain(laid_out[1])) != LAYOUT[table]:
        await connection.execute(_ENABLE[table])
    if (policies, right) == (1, 1):
        return
    if policies:
        await connection.execute(_REMOVE, (table,))
    await connection.execute(_ADD, (table, days))
    log.info("columnstore_policy_set", table=table, after_days=days)


def _plain(columns: str | None) -> str:
    return (columns or "").replace(" ", "").replace('"', "")


async def _row(connection: AsyncConnection, statement: LiteralString, values: dict[str, object]) -> tuple[int, int]:
    row = await (await connection.execute(statement, values)).fetchone()
    assert row is not None
    return row[0], row[1]
