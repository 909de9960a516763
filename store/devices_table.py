"""The registry's tables: devices and the identities that they go by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from devices import instants
from devices.vocabulary import Device, Identity

_LOCK = 0x5A_41_52_45
_COLUMNS = "i.scheme, i.value, d.key, d.id, d.kind, d.status, d.name, d.attributes"

_FIND = f"""
SELECT {_COLUMNS} FROM identities i JOIN devices d ON d.key = i.device_key
  JOIN unnest(%s::text[], %s::text[]) AS w (scheme, value) USING (scheme, value)
"""  # noqa: S608 - constants only

_CHANGED = f"""
SELECT {_COLUMNS} FROM identities i JOIN devices d ON d.key = i.device_key
 WHERE d.changed_at >= %s ORDER BY d.key, i.scheme, i.value
"""  # noqa: S608 - constants only

_REGISTER = """
WITH entered AS (
    INSERT INTO devices (id, kind, status)
    SELECT DISTINCT ON (value) value, kind, 'pending'
      FROM unnest(%(values)s::text[], %(kinds)s::text[]) AS n (value, kind) ORDER BY value
    ON CONFLICT (id) DO NOTHING RETURNING key, id
)
INSERT INTO identities (scheme, value, device_key)
SELECT n.scheme, n.value, e.key FROM entered e
  JOIN unnest(%(schemes)s::text[], %(values)s::text[]) AS n (scheme, value) ON n.value = e.id
ON CONFLICT DO NOTHING
"""


async def find(connection: AsyncConnection, identities: Sequence[Identity]) -> list[tuple[Identity, Device]]:
    """The registered devices among ``identities``."""
    cursor = await connection.execute(_FIND, ([i.scheme for i in identities], [i.value for i in identities]))
    return [_entry(row) for row in await cursor.fetchall()]


async def changed(connection: AsyncConnection, since: int) -> list[tuple[Identity, Device]]:
    """Devices entered or changed at or after ``since`` (µs), one entry for each identity."""
    cursor = await connection.execute(_CHANGED, (instants.to_datetime(since),))
    return [_entry(row) for row in await cursor.fetchall()]


async def register_pending(
    connection: AsyncConnection, newcomers: Sequence[tuple[Identity, str]], limit: int
) -> list[tuple[Identity, Device]]:
    """Enter devices as pending under their identity's value, as long as fewer than ``limit`` are pending.

    An id that is taken by another device is left alone: its newcomer stays unknown.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        cursor = await connection.execute("SELECT count(*) FROM devices WHERE status = 'pending'")
        row = await cursor.fetchone()
        admitted = newcomers[: max(0, limit - (row[0] if row else 0))]
        if admitted:
            values = {
                "schemes": [identity.scheme for identity, _ in admitted],
                "values": [identity.value for identity, _ in admitted],
                "kinds": [kind for _, kind in admitted],
            }
            await connection.execute(_REGISTER, values)
    return await find(connection, [identity for identity, _ in newcomers])


def _entry(row: tuple[Any, ...]) -> tuple[Identity, Device]:
    scheme, value, key, device_id, kind, status, name, attributes = row
    return Identity(scheme, value), Device(key, device_id, kind, status, name, attributes)
