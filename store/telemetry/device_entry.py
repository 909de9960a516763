"""The registry changed by people one device at a time. Every change stands in the audit, by the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import TupleRow

from devices.access import AuditNote
from devices.kinds import guess_kind
from devices.registering import DeviceForm, TakenError
from store.access import audit
from store.telemetry.devices_table import LOCK
from store.writing import WriteSession

_CREATE = """
INSERT INTO devices (id, kind, status, name, attributes)
VALUES (%(id)s, %(kind)s, %(status)s, %(name)s, %(attributes)s::text::jsonb)
ON CONFLICT (id) DO NOTHING RETURNING key
"""
_CHANGE = """
UPDATE devices SET kind = coalesce(%(kind)s, kind), status = coalesce(%(status)s, status),
       name = coalesce(%(name)s, name), changed_at = clock_timestamp(),
       attributes = (attributes || %(attributes)s::text::jsonb) - %(without)s::text[]
 WHERE id = %(id)s RETURNING key
"""
_KEY = "SELECT key FROM devices WHERE id = %s FOR UPDATE"
_NAME = """
INSERT INTO identities (scheme, value, device_key) VALUES (%(scheme)s, %(value)s, %(key)s)
ON CONFLICT (scheme, value) DO NOTHING RETURNING device_key
"""
_OWNER = """
SELECT d.id FROM identities i JOIN devices d ON d.key = i.device_key WHERE i.scheme = %(scheme)s AND i.value = %(value)s
"""
_UNNAME = "DELETE FROM identities WHERE scheme = %(scheme)s AND value = %(value)s AND device_key = %(key)s"
_TOUCH = "UPDATE devices SET changed_at = clock_timestamp() WHERE key = %s"


class DeviceEntry:
    """The registry (``api.ports.people.DeviceKeeper``). Raises TransientError while the store is away."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def create(self, form: DeviceForm, identities: Sequence[str], *, actor: str) -> None:
        """Register a device, with identities ``scheme:value``. Raises TakenError for its id or one of them."""
        values = _values(form)
        values |= {
            "kind": guess_kind(form.id, form.kind),
            "status": form.status or "active",
            "name": form.name or "",
        }
        async with self._session.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            row = await (await connection.execute(_CREATE, values)).fetchone()
            if row is None:
                raise TakenError(f"id: {form.id!r} is registered already")
            for identity in (f"id:{form.id}", *identities):
                await _name(connection, row[0], form.id, identity)
            details = {"kind": values["kind"], "status": values["status"], "identities": list(identities)}
            await audit.enter(connection, _note(actor, "device.create", form.id, details))

    async def change(self, form: DeviceForm, *, actor: str) -> bool:
        """Change a device; False where there is none."""
        async with self._session.transaction() as connection:
            if await (await connection.execute(_CHANGE, _values(form))).fetchone() is None:
                return False
            said = {name: getattr(form, name) for name in ("kind", "name", "status") if getattr(form, name) is not None}
            details = {**said, "attributes": dict(form.attributes)}
            await audit.enter(connection, _note(actor, "device.change", form.id, details))
        return True

    async def add_identity(self, device: str, identity: str, *, actor: str) -> bool:
        """Let a device go by another name; False where there is no such device. Raises TakenError."""
        async with self._session.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            row = await (await connection.execute(_KEY, (device,))).fetchone()
            if row is None:
                return False
            await _name(connection, row[0], device, identity)
            await connection.execute(_TOUCH, row)
            await audit.enter(connection, _note(actor, "device.identity.add", device, {"identity": identity}))
        return True

    async def remove_identity(self, device: str, identity: str, *, actor: str) -> bool:
        """Let it go by a name no more; False where it does not."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_KEY, (device,))).fetchone()
            if row is None:
                return False
            if not (await connection.execute(_UNNAME, _parts(identity) | {"key": row[0]})).rowcount:
                return False
            await connection.execute(_TOUCH, row)
            await audit.enter(connection, _note(actor, "device.identity.remove", device, {"identity": identity}))
        return True


async def _name(connection: psycopg.AsyncConnection[TupleRow], key: int, device: str, identity: str) -> None:
    values = _parts(identity) | {"key": key}
    if await (await connection.execute(_NAME, values)).fetchone() is not None:
        return
    owner = await (await connection.execute(_OWNER, values)).fetchone()
    if owner is None or owner[0] != device:
        raise TakenError(f"identity: {identity} belongs to {owner[0] if owner else 'another device'}")


def _parts(identity: str) -> dict[str, Any]:
    scheme, _, value = identity.partition(":")
    return {"scheme": scheme, "value": value}


def _values(form: DeviceForm) -> dict[str, Any]:
    kept = {name: value for name, value in form.attributes.items() if value is not None}
    return {
        "id": form.id,
        "kind": form.kind,
        "status": form.status,
        "name": form.name,
        "attributes": msgspec.json.encode(kept).decode(),
        "without": [name for name, value in form.attributes.items() if value is None],
    }


def _note(actor: str, action: str, device: str, details: dict[str, Any]) -> AuditNote:
    return AuditNote(actor, action, f"device:{device}", "done", details)
