"""Facts about the database server that a person wants to know before trusting it with telemetry."""

from __future__ import annotations

from time import time_ns

import msgspec
import psycopg
from psycopg import AsyncConnection

from devices import instants
from devices.clock import DAY
from store.connection import session_parameters, translated_errors
from store.facts.holdings import Holding, holdings
from store.facts.intake import IntakeFacts, intake_facts
from store.rollups.standing import RollupStanding, standing
from store.schema import TELEMETRY, Mode, migrations, upgrade_begun
from store.timescale.capability import Capability, of_licence
from store.timescale.jobs import Job, jobs

_SERVER = """
SELECT current_setting('server_version'), current_setting('server_version_num')::integer,
       current_setting('fsync'), current_setting('full_page_writes'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
       (SELECT relkind::text FROM pg_class WHERE oid = to_regclass('readings')),
       to_regclass('schema_migrations') IS NOT NULL,
       current_setting('timescaledb.license', true)
"""
# What migrations need.
_RIGHTS = """
SELECT current_user, current_database(), current_schema(),
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
       has_database_privilege(current_database(), 'CREATE')
"""
_SYNCHRONOUS = "SELECT current_setting('synchronous_commit')"
ROLLUPS = "0019_rollups"  #: the migration that makes them
INTAKE = {"0001_devices", "0002_telemetry", "0003_dead_letters"}  #: those that make what came in
_APPLIED = "SELECT name FROM schema_migrations"

# The upper bounds of the partitions, as text of the form FOR VALUES FROM ('...') TO ('...').
_AHEAD = r"""
SELECT p.parent, max(substring(pg_get_expr(c.relpartbound, c.oid) FROM $$TO \('([^']+)'\)$$)::timestamptz)
  FROM unnest(%s::text[]) AS p (parent)
  LEFT JOIN pg_inherits i ON i.inhparent = to_regclass(p.parent)
  LEFT JOIN pg_class c ON c.oid = i.inhrelid
 GROUP BY 1
"""


class Rights(msgspec.Struct, frozen=True):
    """What the hub's user may do in the database. ``schema`` is where its tables go; None without any."""

    user: str
    database: str
    schema: str | None
    makes_tables: bool
    makes_schemas: bool


class ServerFacts(msgspec.Struct, frozen=True):
    """What was found. ``mode`` is None in a database without our tables; ``clock_lead_us`` is positive when the
    server's clock is ahead of this machine's, and true to within ``clock_doubt_us``.

    ``partitions_ahead_days`` is how far the table that ends first reaches beyond now; None without partitions.
    ``rollups`` and ``intake`` are None in a database that has none yet. ``jobs`` and ``holdings`` are TimescaleDB's,
    empty without it. ``upgrade_begun``: an upgrade to it was interrupted.
    """  # noqa: D205 - the first sentence needs its line

    version: str
    version_number: int
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    timescaledb_offered: str | None
    timescaledb_used: str | None
    read_only: bool
    mode: Mode | None
    migrations_missing: tuple[str, ...]
    clock_lead_us: int
    clock_doubt_us: int
    partitions_ahead_days: float | None
    rollups: RollupStanding | None
    rights: Rights
    intake: IntakeFacts | None = None
    capability: Capability = Capability.PLAIN
    upgrade_begun: bool = False
    jobs: tuple[Job, ...] = ()
    holdings: tuple[Holding, ...] = ()


async def examine(dsn: str) -> ServerFacts:
    """Look at the server and the database; changes nothing. Raises TransientError with the server's reason."""
    with translated_errors():
        connection = await AsyncConnection.connect(**session_parameters(dsn), autocommit=True)  # type: ignore[arg-type]
        async with connection:
            row = await _one(connection, _SERVER)
            version, number, fsync, full_pages, offered, used, read_only, relkind, migrated, licence = row
            mode = None if relkind is None else Mode.PLAIN if relkind == "p" else Mode.TIMESCALE
            applied: set[str] = set()
            if migrated:
                applied = {name for (name,) in await (await connection.execute(_APPLIED)).fetchall()}
            lead, doubt = await _clock(connection)
            return ServerFacts(
                version=version,
                version_number=number,
                fsync=fsync == "on",
                full_page_writes=full_pages == "on",
                synchronous_commit=(await _one(connection, _SYNCHRONOUS))[0],
                timescaledb_offered=offered,
                timescaledb_used=used,
                read_only=read_only,
                mode=mode,
                migrations_missing=tuple(name for name, _ in migrations(mode or Mode.PLAIN) if name not in applied),
                clock_lead_us=lead,
                clock_doubt_us=doubt,
                partitions_ahead_days=await _ahead(connection) if mode is Mode.PLAIN else None,
                capability=of_licence(mode, licence),
                upgrade_begun=await upgrade_begun(connection),
                jobs=await jobs(connection) if mode is Mode.TIMESCALE else (),
                holdings=await holdings(connection, mode, sizes=False) if mode is Mode.TIMESCALE else (),
                rollups=await standing(connection) if ROLLUPS in applied else None,
                rights=Rights(*await _one(connection, _RIGHTS)),
                intake=await intake_facts(connection) if applied >= INTAKE else None,
            )


async def _one(connection: AsyncConnection, statement: str) -> psycopg.rows.TupleRow:
    row = await (await connection.execute(statement.encode())).fetchone()
    assert row is not None
    return row


async def _clock(connection: AsyncConnection) -> tuple[int, int]:
    """How far the server's clock leads ours, and half the time that asking took (µs): the best of three."""
    best: tuple[int, int] | None = None
    for _ in range(3):
        asked = time_ns() // 1_000
        theirs = instants.from_datetime((await _one(connection, "SELECT clock_timestamp()"))[0])
        answered = time_ns() // 1_000
        doubt = (answered - asked) // 2
        if best is None or doubt < best[1]:
            best = (theirs - (asked + answered) // 2, doubt)
    assert best is not None
    return best


async def _ahead(connection: AsyncConnection) -> float | None:
    cursor = await connection.execute(_AHEAD.encode(), (list(TELEMETRY),))
    now = time_ns() // 1_000
    ends = [0.0 if end is None else (instants.from_datetime(end) - now) / DAY for _, end in await cursor.fetchall()]
    return min(ends, default=None)
