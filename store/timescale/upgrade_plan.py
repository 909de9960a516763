"""What an upgrade from plain to TimescaleDB would do: what stands in its way, what is moved, what room it takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from psycopg import AsyncConnection

from store.schema import MIN_SERVER, TELEMETRY, Mode, made_in, migrations, upgrade_begun
from store.telemetry import presence

ROOM = 2  #: of the largest partition: its copy, and the log that is written of it

_OFFERED = """
SELECT (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       current_setting('shared_preload_libraries', true)
"""
_PARTS = """
SELECT p.relname::text, c.relname::text, pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint
  FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, number)
  JOIN pg_class p ON p.oid = to_regclass(t.name) AND p.relkind = 'p'
  JOIN pg_inherits i ON i.inhparent = p.oid
  JOIN pg_class c ON c.oid = i.inhrelid
 ORDER BY t.number, c.relname
"""
_VIEWS = """
SELECT DISTINCT v.oid::regclass::text, t.name
  FROM unnest(%s::text[]) AS t (name)
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(t.name)
  JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'm'
 ORDER BY 1, 2
"""
_APPLIED = "SELECT name FROM schema_migrations"
_FOLDER = "SELECT setting FROM pg_settings WHERE name = 'data_directory'"


class Part(msgspec.Struct, frozen=True):
    """A partition that is still to be moved. ``rows`` is the server's estimate, 0 where it has none."""

    table: str
    name: str
    size_bytes: int
    rows: int


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, and why it cannot be begun: ``obstacles``, in words; empty when it can. ``doubts`` are less.

    ``begun``: an earlier run was interrupted. ``mode`` is None in a database without our tables. ``free_bytes`` is the
    room on the server's disk, where the server is on this machine and its folder can be seen.
    """

    mode: Mode | None
    version: str | None
    begun: bool
    parts: tuple[Part, ...]
    obstacles: tuple[str, ...]
    doubts: tuple[str, ...]
    free_bytes: int | None

    @property
    def size_bytes(self) -> int:
        """What is still to be moved."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def room_bytes(self) -> int:
        """The room that is wanted beside what is there, for one partition is moved at a time."""
        return ROOM * max((part.size_bytes for part in self.parts), default=0)


async def make_plan(connection: AsyncConnection, *, wanted: str = "auto") -> Plan:
    """Look, and change nothing. ``wanted`` is the setting ``store.mode``."""
    mode, begun = await made_in(connection), await upgrade_begun(connection)
    offered, used, preloaded = await _row(connection, _OFFERED)
    found: list[str | None] = []
    if mode is not Mode.TIMESCALE:
        found.append(_server(connection, mode, wanted, used or offered))
    doubts = []
    if offered is not None and used is None and "timescaledb" not in (preloaded or ""):
        doubts.append("shared_preload_libraries does not name timescaledb: the server may refuse to make the extension")
    if mode is Mode.PLAIN:
        found += [await _writers(connection), await _views(connection)]
        if not begun:
            found.append(await _migrations(connection))
    rows = await (await connection.execute(_PARTS, (list(TELEMETRY),))).fetchall()
    return Plan(
        mode=mode,
        version=used or offered,
        begun=begun,
        parts=tuple(Part(*row) for row in rows),
        obstacles=tuple(obstacle for obstacle in found if obstacle is not None),
        doubts=tuple(doubts),
        free_bytes=await _free(connection),
    )


def _server(connection: AsyncConnection, mode: Mode | None, wanted: str, offered: str | None) -> str | None:
    if connection.info.server_version < MIN_SERVER:
        return f"server version {connection.info.server_version}: expected PostgreSQL 15 or newer"
    if mode is None:
        return "there are no tables of a hub in this database: a hub that starts on it takes TimescaleDB by itself"
    if offered is None:
        return "the server does not offer the timescaledb extension: install it for this version of PostgreSQL"
    if wanted == "plain":
        return 'store.mode is "plain" in the settings: set it to "auto", or the hub will not start afterwards'
    return None


async def _writers(connection: AsyncConnection) -> str | None:
    there = await presence.writers(connection)
    return f"a hub or a command writes to this store: stop it ({'; '.join(there)})" if there else None


async def _views(connection: AsyncConnection) -> str | None:
    rows = await (await connection.execute(_VIEWS, (list(TELEMETRY),))).fetchall()
    if not rows:
        return None
    named = ", ".join(f"{view} (of {table})" for view, table in rows)
    return f"materialized views read tables that are replaced: drop them, and make them again afterwards: {named}"


async def _migrations(connection: AsyncConnection) -> str | None:
    applied = {name for (name,) in await (await connection.execute(_APPLIED)).fetchall()}
    missing = [name for name, _ in migrations(Mode.PLAIN) if name not in applied]
    return (
        f"migrations to come: {', '.join(missing)}; start the hub of this version once and stop it" if missing else None
    )


async def _free(connection: AsyncConnection) -> int | None:
    host = connection.info.host
    if host and not host.startswith("/") and host not in ("localhost", "127.0.0.1", "::1"):
        return None
    row = await (await connection.execute(_FOLDER)).fetchone()
    try:
        return shutil.disk_usage(Path(row[0])).free if row and row[0] else None
    except OSError:
        return None


async def _row(connection: AsyncConnection, statement: str) -> tuple[str | None, str | None, str | None]:
    row = await (await connection.execute(statement.encode())).fetchone()
    assert row is not None
    return row[0], row[1], row[2]
