"""The keys' table. Of a key only its hash is here; every change of it stands in the audit, by the same transaction."""

from __future__ import annotations

from collections.abc import Collection

from devices.access import AuditNote, KeyEntry, Role, fingerprint, mosquitto_hash, new_key
from devices.instants import from_datetime, to_datetime
from devices.people import check_areas
from devices.read_models import Page
from store import cursors
from store.access import audit
from store.cursors import KeyCursor
from store.reading import Row, micros_or_none
from store.writing import WriteSession

_COLUMNS = "id, prefix, hash, name, role, device_id, created_at, expires_at, revoked_at, last_used_at, areas"
_FIND = f"SELECT {_COLUMNS} FROM api_keys WHERE prefix = %s"  # noqa: S608 - constants only
_FIND_MANY = f"SELECT {_COLUMNS} FROM api_keys WHERE prefix = ANY(%s)"  # noqa: S608 - constants only
_REVOKED = f"""
SELECT {_COLUMNS} FROM api_keys WHERE revoked_at > clock_timestamp() - make_interval(secs => %s)
"""  # noqa: S608 - constants only
_FOR_BROKERS = f"""
SELECT {_COLUMNS}, mosquitto FROM api_keys
 WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY id
"""  # noqa: S608 - constants only
_LIST = f"""
SELECT {_COLUMNS} FROM api_keys
 WHERE id > %(after)s AND (%(all)s OR (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())))
 ORDER BY id LIMIT %(limit)s
"""  # noqa: S608 - constants only
_CREATE = f"""
INSERT INTO api_keys (prefix, hash, name, role, device_id, expires_at, areas, mosquitto)
VALUES (%(prefix)s, %(hash)s, %(name)s, %(role)s, %(device)s, %(expires_at)s, %(areas)s, %(mosquitto)s)
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
_REVOKE = f"""
UPDATE api_keys SET revoked_at = clock_timestamp() WHERE prefix = %s AND revoked_at IS NULL RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
# The newer of two notes stays, and a note that is a minute old is new enough.
_USED = """
UPDATE api_keys SET last_used_at = now()
 WHERE id = %s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""


class ApiKeys:
    """Keys (``api.ports.access.KeyRing``), their making and ending. Raises TransientError while the store is away."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def find(self, prefix: str) -> KeyEntry | None:
        """The key with this prefix, usable or not; None when there is none."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_FIND, (prefix,))).fetchone()
        return None if row is None else _entry(row)

    async def find_many(self, prefixes: Collection[str]) -> tuple[KeyEntry, ...]:
        """The keys with these prefixes, usable or not."""
        async with self._session.transaction() as connection:
            rows = await (await connection.execute(_FIND_MANY, (list(prefixes),))).fetchall()
        return tuple(_entry(row) for row in rows)

    async def revoked_within(self, seconds: float) -> tuple[KeyEntry, ...]:
        """The keys that were revoked within the last so many seconds, by the clock of the store."""
        async with self._session.transaction() as connection:
            rows = await (await connection.execute(_REVOKED, (seconds,))).fetchall()
        return tuple(_entry(row) for row in rows)

    async def for_brokers(self) -> tuple[tuple[KeyEntry, str | None], ...]:
        """The usable keys in the order of their making, each with its hash for mosquitto; None for old ones."""
        async with self._session.transaction() as connection:
            rows = await (await connection.execute(_FOR_BROKERS)).fetchall()
        return tuple((_entry(row[:-1]), row[-1]) for row in rows)

    async def used(self, key_id: int) -> None:
        """Note that a key was used; written once a minute at most."""
        async with self._session.transaction() as connection:
            await connection.execute(_USED, (key_id,))

    async def keys(self, *, ended: bool = False, cursor: str | None = None, limit: int = 100_000) -> Page[KeyEntry]:
        """Keys in the order of their making; with ``ended`` those too that are revoked or have expired."""
        after = cursors.read(cursor, KeyCursor(0))
        values = {"all": ended, "after": after.id, "limit": limit + 1}
        async with self._session.transaction() as connection:
            rows = await (await connection.execute(_LIST, values)).fetchall()
        items = tuple(_entry(row) for row in rows[:limit])
        return Page(items, cursors.write(KeyCursor(items[-1].id)) if len(rows) > limit else None)

    async def create(
        self,
        name: str,
        role: Role,
        *,
        device: str | None,
        expires_at: int | None,
        actor: str,
        areas: Collection[str] | None = None,
    ) -> tuple[str, KeyEntry]:
        """Make a key. Returns the key itself, which nobody can tell again, and its entry.

        ``device`` stands with the role DEVICE and with no other; ``expires_at`` in µs; ``areas`` limit what a reader
        sees. Raises ValueError.
        """
        if (role is Role.DEVICE) != (device is not None):
            raise ValueError("device: a key of the role device has one, and no other key has")
        if role is Role.WORKER:
            raise ValueError("role: workers are people, who sign in")
        check_areas(role, areas)
        key, prefix = new_key()
        values = {
            "prefix": prefix,
            "hash": fingerprint(key),
            "mosquitto": mosquitto_hash(key),
            "name": name,
            "role": role.value,
            "device": device,
            "areas": None if areas is None else sorted(areas),
            "expires_at": None if expires_at is None else to_datetime(expires_at),
        }
        details = {"name": name, "role": role.value, "device": device, "areas": values["areas"]}
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_CREATE, values)).fetchone()
            await audit.enter(connection, AuditNote(actor, "key.create", f"key:{prefix}", "done", details))
        assert row is not None
        return key, _entry(row)

    async def revoke(self, prefix: str, *, actor: str) -> KeyEntry | None:
        """End a key for ever. Returns its entry; None when there is no such key, or it is revoked already."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_REVOKE, (prefix,))).fetchone()
            if row is None:
                return None
            entry = _entry(row)
            await audit.enter(connection, AuditNote(actor, "key.revoke", f"key:{prefix}", "done", {"name": entry.name}))
        return entry


def _entry(row: Row) -> KeyEntry:
    key_id, prefix, digest, name, role, device, created_at, expires_at, revoked_at, last_used_at, areas = row
    return KeyEntry(
        id=key_id,
        prefix=prefix,
        hash=bytes(digest),
        name=name,
        role=Role(role),
        device=device,
        created_at=from_datetime(created_at),
        expires_at=micros_or_none(expires_at),
        revoked_at=micros_or_none(revoked_at),
        last_used_at=micros_or_none(last_used_at),
        areas=None if areas is None else tuple(areas),
    )
