"""What a database can do beyond plain PostgreSQL: the licence and the version of its TimescaleDB decide."""

from __future__ import annotations

import re
from enum import Enum

from psycopg import AsyncConnection

from store.schema import Mode

COLUMNSTORE_SINCE = (2, 20, 2)
"""The first version of TimescaleDB whose columnstore is used.

Up to 2.19.0 an ``INSERT ... ON CONFLICT DO NOTHING`` that meets a row of the columnstore may leave out the rows behind
it (timescale/timescaledb issue 7672), which would lose what was acknowledged; 2.20.2 corrects how NULLs are compared.
"""


class Capability(Enum):
    """What of TimescaleDB may be used. Shown wherever the mode is shown."""

    FULL = "full"  #: the community licence: hypertables, columnstore, continuous aggregates, policies
    APACHE = "apache"  #: hypertables; the rest answers SQLSTATE 0A000
    PLAIN = "plain"  #: the database was made without TimescaleDB


async def capability(connection: AsyncConnection, mode: Mode) -> tuple[Capability, str | None]:
    """What this database of this mode can do, and the version of its TimescaleDB (None in plain mode)."""
    if mode is Mode.PLAIN:
        return Capability.PLAIN, None
    cursor = await connection.execute(
        "SELECT current_setting('timescaledb.license', true),"
        " (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb')"
    )
    row = await cursor.fetchone()
    licence, version = row or (None, None)
    return of_licence(mode, licence), version


def of_licence(mode: Mode | None, licence: str | None) -> Capability:
    """What a mode and the setting ``timescaledb.license`` (``timescale`` or ``apache``) amount to."""
    if mode is not Mode.TIMESCALE:
        return Capability.PLAIN
    return Capability.FULL if licence == "timescale" else Capability.APACHE


def columnstore_fits(version: str | None) -> bool:
    """Whether the columnstore of this version (``2.23.0``, ``2.23.0-dev``) may be trusted with late rows."""
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version or "")
    return numbers is not None and tuple(int(part or 0) for part in numbers.groups()) >= COLUMNSTORE_SINCE
