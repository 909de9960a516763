"""Chunks of TimescaleDB's hypertables: TimescaleDB makes them as rows come, and the hub drops them when too old."""

from __future__ import annotations

from psycopg import AsyncConnection

from devices import instants
from store.schema import TELEMETRY

_LOCK = 0x5A_41_43_48
_DROP = "SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)"


async def drop_older(connection: AsyncConnection, cutoff: int) -> int:
    """Drop the chunks that end at or before ``cutoff`` (µs); returns how many.

    No retention policy of TimescaleDB's: those need its community licence, and the setting would live in two places.
    """
    dropped = 0
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for table in TELEMETRY:
            cursor = await connection.execute(_DROP, (table, instants.to_datetime(cutoff)))
            dropped += len(await cursor.fetchall())
    return dropped
