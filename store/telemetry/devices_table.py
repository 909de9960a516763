"""The registry's tables: devices and the identities that they go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from devices import instants
from devices.errors import SanihubError
from devices.kinds import guess_kind
from devices.vocabulary import Device, Identity
from store.connection import session_parameters, translated_errors

LOCK = 0x5A_41_52_45  #: of changes of the registry
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

_UPDATE = """
UPDATE devices d SET kind = n.kind, status = n.status, name = n.name, attributes = n.attributes, changed_at = now()
  FROM (SELECT d.key, coalesce(g.kind, d.kind) AS kind, coalesce(g.name, d.name) AS name,
               coalesce(g.status, CASE d.status WHEN 'pending' THEN 'active' ELSE d.status END) AS status,
               d.attributes || g.attributes AS attributes
          FROM devices d
          JOIN unnest(%(ids)s::text[], %(kinds)s::text[], %(statuses)s::text[], %(names)s::text[],
                      %(attributes)s::text[]::jsonb[]) AS g (id, kind, status, name, attributes) ON g.id = d.id
       ) AS n
 WHERE n.key = d.key AND (d.kind, d.status, d.name, d.attributes) IS DISTINCT FROM
                         (n.kind, n.status, n.name, n.attributes)
RETURNING d.id
"""

_ENTER = """
INSERT INTO devices (id, kind, status, name, attributes)
SELECT id, coalesce(kind, fallback), coalesce(status, 'active'), coalesce(name, ''), attributes
  FROM unnest(%(ids)s::text[], %(kinds)s::text[], %(fallbacks)s::text[], %(statuses)s::text[], %(names)s::text[],
              %(attributes)s::text[]::jsonb[]) AS g (id, kind, fallback, status, name, attributes)
ON CONFLICT (id) DO NOTHING RETURNING id
"""

# A list of identities is the whole list: what a device goes by and the list lacks is given up, its own id apart.
_GIVE_UP = """
DELETE FROM identities i USING devices d
 WHERE d.key = i.device_key AND d.id = ANY (%(listed)s::text[]) AND (i.scheme, i.value) <> ('id', d.id)
   AND NOT EXISTS (SELECT FROM unnest(%(owners)s::text[], %(schemes)s::text[], %(values)s::text[])
                            AS w (id, scheme, value)
                    WHERE w.id = d.id AND w.scheme = i.scheme AND w.value = i.value)
RETURNING d.id
"""

_TAKEN = """
SELECT w.id, i.scheme, i.value, d.id
  FROM unnest(%(owners)s::text[], %(schemes)s::text[], %(values)s::text[]) AS w (id, scheme, value)
  JOIN identities i USING (scheme, value) JOIN devices d ON d.key = i.device_key
 WHERE d.id <> w.id ORDER BY 1, 2, 3
"""

_NAME = """
INSERT INTO identities (scheme, value, device_key)
SELECT w.scheme, w.value, d.key
  FROM unnest(%(owners)s::text[], %(schemes)s::text[], %(values)s::text[]) AS w (id, scheme, value)
  JOIN devices d USING (id)
ON CONFLICT (scheme, value) DO NOTHING
RETURNING (SELECT d.id FROM devices d WHERE d.key = device_key)
"""


class DeviceSpec(msgspec.Struct, frozen=True):
    """A device as a person describes it. None leaves what the store has; of a new device it asks for the default.

    ``attributes`` are added to those that are there. ``identities`` is the whole list, the readable id apart.
    """

    id: str
    kind: str | None = None
    status: str | None = None
    name: str | None = None
    attributes: Mapping[str, Any] = {}
    identities: tuple[Identity, ...] | None = None


class Entered(msgspec.Struct, frozen=True):
    """How many devices were new, changed, and as described already."""

    created: int
    changed: int
    unchanged: int


class IdentityTakenError(SanihubError):
    """An identity belongs to another device already. ``conflicts``: (device, identity, its owner)."""

    def __init__(self, conflicts: Sequence[tuple[str, Identity, str]]) -> None:
        super().__init__("; ".join(f"{device}: {identity} belongs to {owner}" for device, identity, owner in conflicts))
        self.conflicts = tuple(conflicts)


async def enter(dsn: str, specs: Sequence[DeviceSpec], hint: str | None = None) -> Entered:
    """Enter or change devices, all or none of them, on a connection of its own; ``hint`` is the kind of new ones.

    A device that awaited a person's word is active from then on, unless its description says otherwise. Ids are
    distinct. Raises IdentityTakenError, TransientError.
    """
    with translated_errors():
        connection = await AsyncConnection.connect(**session_parameters(dsn), autocommit=True)  # type: ignore[arg-type]
        async with connection, connection.transaction():
            return await _enter(connection, specs, hint)


async def _enter(connection: AsyncConnection, specs: Sequence[DeviceSpec], hint: str | None) -> Entered:
    async def touched(statement: str, values: Mapping[str, Any]) -> set[str]:
        cursor = await connection.execute(statement.encode(), values)
        return {row[0] for row in await cursor.fetchall()}

    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    described = {
        "ids": [spec.id for spec in specs],
        "kinds": [spec.kind for spec in specs],
        "fallbacks": [guess_kind(spec.id, hint) for spec in specs],
        "statuses": [spec.status for spec in specs],
        "names": [spec.name for spec in specs],
        "attributes": [msgspec.json.encode(spec.attributes).decode() for spec in specs],
    }
    changed = await touched(_UPDATE, described)
    created = await touched(_ENTER, described)
    wanted = [(spec.id, i) for spec in specs for i in (Identity("id", spec.id), *(spec.identities or ()))]
    names: dict[str, Any] = {
        "listed": [spec.id for spec in specs if spec.identities is not None],
        "owners": [device for device, _ in wanted],
        "schemes": [identity.scheme for _, identity in wanted],
        "values": [identity.value for _, identity in wanted],
    }
    changed |= await touched(_GIVE_UP, names)
    cursor = await connection.execute(_TAKEN, names)
    if taken := await cursor.fetchall():
        raise IdentityTakenError([(row[0], Identity(row[1], row[2]), row[3]) for row in taken])
    changed |= await touched(_NAME, names)
    changed -= created
    await connection.execute("UPDATE devices SET changed_at = now() WHERE id = ANY (%s)", (list(changed),))
    return Entered(len(created), len(changed), len(specs) - len(created) - len(changed))


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
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
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
