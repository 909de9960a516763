"""The upgrade of a plain database to TimescaleDB, in place: partition by partition, and resumable wherever it dies.

Hypertables are made beside the tables. A partition is copied into its hypertable and dropped in one transaction, so
that at every instant each row lies in one place. When no partition is left, the hypertables take the tables' names, all
in one transaction. What is still to be done is seen from what is there: nothing else is noted that could be wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection, sql

from devices.errors import SanihubError
from store.rollups import steward as rollup_steward
from store.rollups import timescale as rollups_timescale
from store.schema import BESIDE, TELEMETRY, Mode, made_in, make_hypertable, upgrade_begun
from store.timescale import columnstore
from store.timescale.capability import Capability, capability
from store.timescale.columnstore import Columnstore
from store.timescale.upgrade_plan import Part

log = structlog.get_logger("store.upgrade")

PATIENCE = "30s"  #: for locks that readers hold
TURN_S = 10.0  #: of summing up
BEFORE = "_before"  #: what ends the names of the tables for the moment before they are dropped

_COLUMNS = """
SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_GRANTS = """
SELECT CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable
  FROM pg_class c, aclexplode(c.relacl) AS a
 WHERE c.oid = %s::regclass AND a.grantee <> c.relowner
"""
# What an index is, without its own name and its table's; the names that a migration may mean later are the old ones.
_INDEXES = """
SELECT substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*$'), c.relname::text
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = %s::regclass
"""
_LEFT = "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass"
# Views of these tables, as they read before the tables change their names.
_VIEWS = """
SELECT DISTINCT v.oid::regclass::text, pg_get_viewdef(v.oid), array_to_string(v.reloptions, ', ')
  FROM unnest(%s::text[]) AS t (name)
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(t.name)
  JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
 ORDER BY 1
"""


class UpgradeError(SanihubError):
    """The upgrade stopped; what was moved is moved, and a second run goes on."""


class Step(msgspec.Struct, frozen=True):
    """What was just done: ``begun``, ``moved`` (a partition, with its rows), ``renamed`` or ``finished``."""

    name: str
    part: Part | None = None
    rows: int = 0


Told = Callable[[Step], None]


async def upgrade(
    connection: AsyncConnection,
    parts: tuple[Part, ...],
    *,
    chunk_days: int,
    wanted: Columnstore,
    now: int,
    told: Told = lambda step: None,
) -> None:
    """Do what is left of the upgrade; ``parts`` is what the plan says is to be moved. Run again, it goes on.

    ``now`` is in µs. The connection is in autocommit and has the store to itself (:mod:`store.telemetry.presence`).
    ``told`` hears of each step after its commit. Raises UpgradeError and psycopg's errors; what is committed by then
    stays, and nothing is half moved.
    """
    await connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(PATIENCE)))
    if await made_in(connection) is Mode.PLAIN:
        if not await upgrade_begun(connection):
            await _sum_up(connection, now)
            await _begin(connection, chunk_days)
        told(Step("begun"))
        for part in parts:
            told(Step("moved", part, await move(connection, part)))
        await _rename(connection)
        told(Step("renamed"))
    await _finish(connection, wanted)
    told(Step("finished"))


async def _sum_up(connection: AsyncConnection, now: int) -> None:
    """Let nothing be left to sum up: what the hub kept of rollups is handed over as it stands."""
    while not (await rollup_steward.take_turn(connection, now, TURN_S)).done:
        pass


async def _begin(connection: AsyncConnection, chunk_days: int) -> None:
    """Make the hypertables, beside the tables and empty."""
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise UpgradeError(f"the timescaledb extension cannot be made: {reason}; nothing was changed") from error
    async with connection.transaction():
        for table in TELEMETRY:
            beside = table + BESIDE
            statement = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)")
            await connection.execute(statement.format(sql.Identifier(beside), sql.Identifier(table)))
            await make_hypertable(connection, beside, chunk_days)


async def move(connection: AsyncConnection, part: Part) -> int:
    """Copy a partition into its hypertable and drop it, in one transaction; returns its rows."""
    source, target = sql.Identifier(part.name), sql.Identifier(part.table + BESIDE)
    async with connection.transaction():
        await connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(source))
        rows = await (await connection.execute(_COLUMNS, (part.table,))).fetchall()
        columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)
        copied = await connection.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(target, columns, columns, source)
        )
        count = await (await connection.execute(sql.SQL("SELECT count(*) FROM {}").format(source))).fetchone()
        if count is None or copied.rowcount != count[0]:
            raise UpgradeError(f"{part.name}: {copied.rowcount} rows were copied, expected {count and count[0]}")
        await connection.execute(sql.SQL("DROP TABLE {}").format(source))
    log.info("partition_moved", table=part.table, partition=part.name, rows=copied.rowcount)
    return copied.rowcount


async def _rename(connection: AsyncConnection) -> None:
    """Let the hypertables take the place of the tables, which are empty now, with all that hangs on them."""
    async with connection.transaction():
        for table in TELEMETRY:
            left = await (await connection.execute(_LEFT, (table,))).fetchone()
            if left is None or left[0]:
                raise UpgradeError(f"{table} has partitions that were not moved: run it again")
        views = await (await connection.execute(_VIEWS, (list(TELEMETRY),))).fetchall()
        for table in TELEMETRY:
            await _rename_table(connection, table, table + BEFORE)
            await _rename_table(connection, table + BESIDE, table)
        for view, definition, options in views:
            told = f" WITH ({options})" if options else ""
            await connection.execute(f"CREATE OR REPLACE VIEW {view}{told} AS {definition}".encode())
        for table in TELEMETRY:
            await _replace(connection, table)
        if await rollups_timescale.create(connection):
            await rollups_timescale.adopt(connection)


async def _rename_table(connection: AsyncConnection, name: str, wanted: str) -> None:
    statement = sql.SQL("ALTER TABLE {} RENAME TO {}")
    await connection.execute(statement.format(sql.Identifier(name), sql.Identifier(wanted)))


async def _replace(connection: AsyncConnection, table: str) -> None:
    """Give a hypertable the grants and the names of indexes of the table before it, and drop that."""
    before = table + BEFORE
    grants = await (await connection.execute(_GRANTS, (before,))).fetchall()
    names: dict[str, str] = dict(await (await connection.execute(_INDEXES, (before,))).fetchall())
    made = await (await connection.execute(_INDEXES, (table,))).fetchall()
    await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(before)))
    for definition, name in made:
        await _rename_index(connection, name, names.get(definition) or name.replace(table + BESIDE, table))
    for grantee, privilege, grantable in grants:
        await _grant(connection, table, grantee, privilege, grantable)


async def _rename_index(connection: AsyncConnection, name: str, wanted: str) -> None:
    if name != wanted:
        statement = sql.SQL("ALTER INDEX {} RENAME TO {}")
        await connection.execute(statement.format(sql.Identifier(name), sql.Identifier(wanted)))


async def _grant(connection: AsyncConnection, table: str, grantee: str | None, privilege: str, grantable: bool) -> None:
    """``privilege`` is one of the server's own words."""
    statement = sql.SQL("GRANT {} ON {} TO {}{}").format(
        sql.SQL(privilege),
        sql.Identifier(table),
        sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee),
        sql.SQL(" WITH GRANT OPTION" if grantable else ""),
    )
    await connection.execute(statement)


async def _finish(connection: AsyncConnection, wanted: Columnstore) -> None:
    """What a new database in TimescaleDB mode has besides. Each of it may be done again."""
    able, version = await capability(connection, Mode.TIMESCALE)
    if able is Capability.FULL:
        await columnstore.keep(connection, wanted, version)
    for table in TELEMETRY:
        await connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
