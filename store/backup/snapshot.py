"""One state of the database for a back-up: an exported snapshot, what it is made of, and how many rows it has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from devices.errors import ConfigError
from store.connection import session_parameters, translated_errors
from store.schema import Mode

# Tables of the database itself: no partitions, nothing that an extension brought, nothing of TimescaleDB's own.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE '%timescaledb%'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
 ORDER BY 1, 2
"""
# Whatever pg_dump copies rows of, for its progress: partitions and chunks too.
_COPIED = """
SELECT count(*), coalesce(sum(pg_table_size(c.oid)), 0)::bigint
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_FACTS = """
SELECT clock_timestamp(), current_setting('server_version'), pg_export_snapshot(),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       (SELECT relkind::text FROM pg_class WHERE oid = to_regclass('readings'))
"""
_EXTENSIONS = "SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb'"


class Target(msgspec.Struct, frozen=True):
    """Where the programs connect: ``conninfo`` may stand on a command line, ``password`` may not."""

    conninfo: str
    password: str
    major: int


class Snapshot(msgspec.Struct, frozen=True):
    """The state that is saved, while its transaction is open. ``taken_at`` is the server's clock, after it was taken.

    ``tables`` and ``table_bytes`` are what a dump copies: partitions counted by themselves, indexes not.
    """

    target: Target
    name: str
    taken_at: datetime
    server: str
    mode: Mode
    timescaledb: str | None
    migrations: tuple[str, ...]
    tables: int
    table_bytes: int


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[AsyncConnection]:
    """A connection in autocommit; the errors of all that is done with it are the hub's."""
    with translated_errors():
        connection = await AsyncConnection.connect(**session_parameters(dsn), autocommit=True)  # type: ignore[arg-type]
        async with connection:
            yield connection


def target(connection: AsyncConnection) -> Target:
    """Where this connection leads, for programs: as libpq found it, its environment and password files included."""
    info = connection.info
    return Target(make_conninfo(**info.get_parameters()), info.password, info.server_version // 10_000)


@asynccontextmanager
async def open_snapshot(dsn: str) -> AsyncIterator[tuple[AsyncConnection, Snapshot]]:
    """Take a snapshot; it lasts as long as the context. Everything committed before is in it, and nothing after.

    Raises ConfigError when the database holds no tables of a hub, TransientError when it does not answer.
    """
    async with connected(dsn) as connection:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        taken_at, server, name, timescaledb, relkind = await _row(connection, _FACTS)
        if relkind is None:
            raise ConfigError("the database holds no tables of a hub: there is nothing to back up")
        tables, table_bytes = await _row(connection, _COPIED)
        cursor = await connection.execute("SELECT name FROM schema_migrations ORDER BY name")
        yield (
            connection,
            Snapshot(
                target=target(connection),
                name=name,
                taken_at=taken_at,
                server=server,
                mode=Mode.PLAIN if relkind == "p" else Mode.TIMESCALE,
                timescaledb=timescaledb,
                migrations=tuple(row[0] for row in await cursor.fetchall()),
                tables=tables,
                table_bytes=table_bytes,
            ),
        )


async def row_counts(connection: AsyncConnection) -> dict[str, int]:
    """How many rows each table has, in the transaction of the connection."""
    counts = {}
    for schema, table in await tables(connection):
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        cursor = await connection.execute(statement)
        counts[table if schema == "public" else f"{schema}.{table}"] = (await cursor.fetchall())[0][0]
    return counts


async def tables(connection: AsyncConnection) -> list[tuple[str, str]]:
    """Schema and name of each table that is not of the server itself."""
    return [(row[0], row[1]) for row in await (await connection.execute(_TABLES)).fetchall()]


async def make_ready(connection: AsyncConnection, timescaledb: str | None) -> None:
    """Make an empty database ready to be restored into. Raises ConfigError when it is not empty, or cannot be used.

    With ``timescaledb`` (the version in the back-up) the same version of the extension is made, and its restoring
    begins: it must be ended by :func:`made_ready`.
    """
    if found := await tables(connection):
        names = ", ".join(name for _, name in found[:3])
        raise ConfigError(f"the database is not empty (it has {names} ...); restore into a new one")
    if timescaledb is None:
        return
    offered = {row[0] for row in await (await connection.execute(_EXTENSIONS)).fetchall()}
    if timescaledb not in offered:
        there = ", ".join(sorted(offered)) or "none"
        raise ConfigError(
            f"the back-up was made with TimescaleDB {timescaledb}, the server offers {there}; both must be the same: "
            "install that version, restore, and update the extension afterwards"
        )
    version = sql.Literal(timescaledb)
    await connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS timescaledb VERSION {}").format(version))
    (there,) = await _row(connection, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    if there != timescaledb:
        raise ConfigError(
            f"the back-up was made with TimescaleDB {timescaledb}, the database has {there}; "
            "drop that extension from it, or restore into a new one"
        )
    await connection.execute("SELECT timescaledb_pre_restore()")


async def made_ready(connection: AsyncConnection, timescaledb: str | None) -> None:
    """End what :func:`make_ready` began, and let the planner know the tables."""
    if timescaledb is not None:
        await connection.execute("SELECT timescaledb_post_restore()")
    await connection.execute("ANALYZE")


async def _row(connection: AsyncConnection, statement: str) -> psycopg.rows.TupleRow:
    row = await (await connection.execute(statement.encode())).fetchone()
    assert row is not None
    return row
