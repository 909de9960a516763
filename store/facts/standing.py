"""What the store is made of, as ``sanihub store status`` tells it."""

from __future__ import annotations

import msgspec
from psycopg import AsyncConnection

from store.facts.holdings import Holding, holdings
from store.schema import Mode, made_in, upgrade_begun
from store.timescale.capability import Capability, of_licence
from store.timescale.jobs import Job, jobs

_VERSIONS = """
SELECT current_setting('server_version'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       current_setting('timescaledb.license', true)
"""


class StoreFacts(msgspec.Struct, frozen=True):
    """``mode`` is None in a database without our tables. ``jobs`` are TimescaleDB's, and empty without it."""

    mode: Mode | None
    capability: Capability
    version: str
    timescaledb_offered: str | None
    timescaledb_used: str | None
    upgrade_begun: bool
    holdings: tuple[Holding, ...]
    jobs: tuple[Job, ...]


async def look(connection: AsyncConnection) -> StoreFacts:
    """Look at the database; changes nothing."""
    row = await (await connection.execute(_VERSIONS)).fetchone()
    assert row is not None
    version, offered, used, licence = row
    mode = await made_in(connection)
    return StoreFacts(
        mode=mode,
        capability=of_licence(mode, licence),
        version=version,
        timescaledb_offered=offered,
        timescaledb_used=used,
        upgrade_begun=await upgrade_begun(connection),
        holdings=() if mode is None else await holdings(connection, mode),
        jobs=await jobs(connection) if mode is Mode.TIMESCALE else (),
    )
