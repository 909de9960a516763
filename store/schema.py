"""The schema: what the server can do, migrations, and the metric catalogue as numbers."""

from __future__ import annotations

from enum import Enum
from importlib.resources import files

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from devices.errors import ConfigError
from devices.metrics import Catalogue
from store.rollups import timescale as rollups_timescale

log = structlog.get_logger("store.schema")

MIN_SERVER = 150000  #: PostgreSQL 15
_LOCK = 0x5A_41_4E_49  # advisory lock of the migrations
TELEMETRY = ("readings", "fixes", "events")
BESIDE = "_hyper"  #: what ends the names of the hypertables that an upgrade fills beside the tables


class Mode(Enum):
    """What the store is made of. Readers see the same tables in each."""

    PLAIN = "plain"  #: range partitions that the hub keeps
    TIMESCALE = "timescale"  #: hypertables


async def detect(connection: AsyncConnection, wanted: str = "auto") -> Mode:
    """The mode of this database: the one that it was made in, else TimescaleDB where the server offers it.

    ``wanted`` is ``auto``, ``plain`` or ``timescale``. Raises ConfigError when the server is too old or cannot do what
    was wanted.
    """
    if connection.info.server_version < MIN_SERVER:
        raise ConfigError(
            f"store.dsn: server version {connection.info.server_version}, expected PostgreSQL 15 or newer"
        )
    if await upgrade_begun(connection):
        raise ConfigError(
            "store: an upgrade to TimescaleDB was interrupted, and part of the telemetry lies beside its tables; run"
            " `sanihub store upgrade`, which goes on where it was"
        )
    made = await made_in(connection)
    if made is not None:
        if wanted not in ("auto", made.value):
            raise ConfigError(f"store.mode: {wanted} is wanted, but this database was made in {made.value} mode")
        return made
    cursor = await connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
    offered = await cursor.fetchone() is not None
    if wanted == "timescale" and not offered:
        raise ConfigError("store.mode: timescale is wanted, but the server does not offer the timescaledb extension")
    if wanted == "plain" or not offered:
        return Mode.PLAIN
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.errors.InsufficientPrivilege:
        if wanted == "timescale":
            raise ConfigError("store.mode: this user may not CREATE EXTENSION timescaledb; ask its owner") from None
        log.warning("timescaledb_not_usable", reason="this user may not create the extension")
        return Mode.PLAIN
    except psycopg.OperationalError as error:
        if "preloaded" not in str(error):
            raise
        raise ConfigError(
            "store.mode: TimescaleDB is installed and not preloaded; set shared_preload_libraries = 'timescaledb' in "
            'postgresql.conf and restart the server, or store.mode = "plain"'
        ) from None
    return Mode.TIMESCALE


async def made_in(connection: AsyncConnection) -> Mode | None:
    """The mode that the tables of this database were made in; None without tables."""
    cursor = await connection.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass('readings')")
    row = await cursor.fetchone()
    if row is None:
        return None
    return Mode.PLAIN if row[0] in ("p", b"p") else Mode.TIMESCALE


async def upgrade_begun(connection: AsyncConnection) -> bool:
    """Whether an upgrade to TimescaleDB has begun and not ended: its hypertables stand beside the tables."""
    cursor = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{TELEMETRY[0]}{BESIDE}",))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def migrate(connection: AsyncConnection, mode: Mode, chunk_days: int) -> list[str]:
    """Bring the schema up to date, each migration in its own transaction; returns the names of those applied.

    Several hubs may start at once: an advisory lock lets one of them work. The connection must be in autocommit.
    """
    applied = []
    await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        cursor = await connection.execute("SELECT name FROM schema_migrations")
        done = {row[0] for row in await cursor.fetchall()}
        for name, text in migrations(mode):
            if name in done:
                continue
            async with connection.transaction():
                await connection.execute(text.encode())
                if name == "0002_telemetry":
                    await _divide(connection, mode, chunk_days)
                if name == "0019_rollups" and mode is Mode.TIMESCALE:
                    await rollups_timescale.create(connection)
                await connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", (name,))
            applied.append(name)
    finally:
        await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return applied


def migrations(mode: Mode) -> list[tuple[str, str]]:
    """The migrations in order, as (name, SQL) for the mode."""
    partitioned = "PARTITION BY RANGE (observed_at)" if mode is Mode.PLAIN else ""
    folder = files("store") / "migrations"
    found = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    return [(f.name.removesuffix(".sql"), f.read_text("utf-8").replace("{partitioned}", partitioned)) for f in found]


async def _divide(connection: AsyncConnection, mode: Mode, chunk_days: int) -> None:
    """Divide the telemetry tables by time: a catch-all partition to begin with, or hypertables."""
    for table in TELEMETRY:
        if mode is Mode.TIMESCALE:
            await make_hypertable(connection, table, chunk_days)
            continue
        statement = sql.SQL("CREATE TABLE {} PARTITION OF {} DEFAULT")
        await connection.execute(statement.format(sql.Identifier(f"{table}_default"), sql.Identifier(table)))


async def make_hypertable(connection: AsyncConnection, table: str, chunk_days: int) -> None:
    """Make an empty table one that TimescaleDB divides by time, in chunks of so many days."""
    await connection.execute(
        "SELECT create_hypertable(%s::regclass, by_range('observed_at', make_interval(days => %s)))",
        (table, chunk_days),
    )


# Only what is missing is inserted: a row that meets its conflict would still use up a number, and numbers are scarce.
_ENTER_METRICS = """
WITH given AS (
    SELECT * FROM unnest(%(names)s::text[], %(units)s::text[], %(titles)s::text[], %(titles_zh)s::text[])
        AS g (name, unit, title, title_zh)
), renewed AS (
    UPDATE metrics m SET unit = g.unit, title = g.title, title_zh = g.title_zh FROM given g
     WHERE m.name = g.name AND (m.unit, m.title, m.title_zh) <> (g.unit, g.title, g.title_zh)
)
INSERT INTO metrics (name, unit, title, title_zh)
SELECT * FROM given g WHERE NOT EXISTS (SELECT FROM metrics m WHERE m.name = g.name)
ON CONFLICT (name) DO NOTHING
"""


async def enter_catalogue(connection: AsyncConnection, catalogue: Catalogue) -> dict[str, int]:
    """Enter the metric catalogue and return the store's number for each name."""
    entries = list(catalogue.by_name.values())
    columns = {
        "names": [entry.name for entry in entries],
        "units": [entry.unit for entry in entries],
        "titles": [entry.title for entry in entries],
        "titles_zh": [entry.title_zh for entry in entries],
    }
    await connection.execute(_ENTER_METRICS, columns)
    cursor = await connection.execute("SELECT name, key FROM metrics")
    return dict(await cursor.fetchall())
