"""The table of people. Every change of it stands in the audit, by the same transaction."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import TupleRow

from devices.access import AuditNote, Role
from devices.instants import from_datetime
from devices.people import Known, LastAdminError, Person, PersonSpec
from devices.read_models import Page
from devices.registering import TakenError
from store import cursors
from store.access import audit
from store.cursors import DeviceCursor
from store.reading import Row, micros_or_none
from store.writing import WriteSession

COLUMNS = (
    "p.id, p.name, p.display_name, p.role, p.areas, p.worker, p.language, p.active, p.created_at, p.changed_at,"
    " p.signed_in_at"
)
_LOCK = 0x50_45_4F_50  # changes of people come one after the other, so that an administrator is left
_FIND = f"SELECT {COLUMNS}, p.hash FROM people p WHERE p.name = %s"  # noqa: S608 - constants only
_LIST = f"SELECT {COLUMNS} FROM people p WHERE p.name > %s ORDER BY p.name LIMIT %s"  # noqa: S608 - constants only
_CREATE = f"""
INSERT INTO people AS p (name, display_name, role, areas, worker, language, active, hash)
SELECT %(name)s, %(display_name)s, %(role)s, %(areas)s, %(worker)s, %(language)s, %(active)s, %(hash)s
 WHERE NOT (%(first)s AND EXISTS (SELECT FROM people))
ON CONFLICT (name) DO NOTHING RETURNING {COLUMNS}
"""  # noqa: S608 - constants only
_CHANGE = f"""
UPDATE people p SET display_name = %(display_name)s, role = %(role)s, areas = %(areas)s, worker = %(worker)s,
       language = %(language)s, active = %(active)s, changed_at = clock_timestamp()
 WHERE name = %(name)s RETURNING {COLUMNS}
"""  # noqa: S608 - constants only
_ADMINS = "SELECT count(*) FROM people WHERE role = 'admin' AND active"
_END = """
UPDATE sessions SET ended_at = clock_timestamp()
 WHERE person_id = %(person)s AND ended_at IS NULL AND id IS DISTINCT FROM %(keep)s::bigint
"""
_SET_PASSWORD = f"""
UPDATE people p SET hash = %(hash)s, changed_at = clock_timestamp() WHERE name = %(name)s RETURNING {COLUMNS}
"""  # noqa: S608 - constants only
_RENEW = "UPDATE people SET hash = %(new)s WHERE name = %(name)s AND hash = %(old)s"


class People:
    """People (``api.ports.people.PeopleKeeper``). Raises TransientError while the store is away."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def find(self, name: str) -> Known | None:
        """The person of this name, active or not."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_FIND, (name,))).fetchone()
        return None if row is None else Known(person_of(row[:-1]), row[-1])

    async def people(self, *, cursor: str | None, limit: int) -> Page[Person]:
        """People by name."""
        after = cursors.read(cursor, DeviceCursor(""))
        async with self._session.transaction() as connection:
            rows = await (await connection.execute(_LIST, (after.id, limit + 1))).fetchall()
        items = tuple(person_of(row) for row in rows[:limit])
        return Page(items, cursors.write(DeviceCursor(items[-1].name)) if len(rows) > limit else None)

    async def create(self, spec: PersonSpec, password_hash: str, *, actor: str) -> Person:
        """Enter a person. Raises TakenError."""
        made = await self._create(spec, password_hash, actor, first=False)
        if made is None:
            raise TakenError(f"name: {spec.name!r} belongs to somebody already")
        return made

    async def create_first(self, spec: PersonSpec, password_hash: str, *, actor: str) -> Person | None:
        """Enter the first person of all; None where there is anybody."""
        return await self._create(spec, password_hash, actor, first=True)

    async def anybody(self) -> bool:
        """Whether there is anybody."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute("SELECT EXISTS (SELECT FROM people)")).fetchone()
        return bool(row and row[0])

    async def change(self, spec: PersonSpec, *, actor: str) -> Person | None:
        """Let a person be as described; None where there is none.

        A person who may less than before is signed out everywhere. Raises LastAdminError.
        """
        async with self._session.transaction() as connection:
            await _take_turn(connection)
            row = await (await connection.execute(_FIND, (spec.name,))).fetchone()
            if row is None:
                return None
            before = person_of(row[:-1])
            row = await (await connection.execute(_CHANGE, _values(spec))).fetchone()
            assert row is not None
            after = person_of(row)
            left = await (await connection.execute(_ADMINS)).fetchone()
            if before.role is Role.ADMIN and before.active and not (left and left[0]):
                raise LastAdminError
            if not after.active or _rights(after) != _rights(before):
                await connection.execute(_END, {"person": after.id, "keep": None})
            details = {**_told(spec), "active": spec.active}
            await audit.enter(connection, _note(actor, "person.change", spec.name, details))
        return after

    async def set_password(
        self, name: str, password_hash: str, *, actor: str, keep: int | None = None
    ) -> Person | None:
        """Another password; ends all sessions of the person but ``keep``. None where there is no such person."""
        async with self._session.transaction() as connection:
            values = {"name": name, "hash": password_hash}
            row = await (await connection.execute(_SET_PASSWORD, values)).fetchone()
            if row is None:
                return None
            person = person_of(row)
            await connection.execute(_END, {"person": person.id, "keep": keep})
            await audit.enter(connection, _note(actor, "person.password", name, {}))
        return person

    async def renew_hash(self, name: str, old: str, new: str) -> None:
        """The same password under newer parameters; nothing where it was changed meanwhile."""
        async with self._session.transaction() as connection:
            await connection.execute(_RENEW, {"name": name, "old": old, "new": new})

    async def _create(self, spec: PersonSpec, password_hash: str, actor: str, *, first: bool) -> Person | None:
        values = _values(spec) | {"hash": password_hash, "first": first}
        async with self._session.transaction() as connection:
            await _take_turn(connection)
            row = await (await connection.execute(_CREATE, values)).fetchone()
            if row is None:
                return None
            await audit.enter(connection, _note(actor, "person.create", spec.name, _told(spec)))
        return person_of(row)


def person_of(row: Row) -> Person:
    """The person in a row of :data:`COLUMNS`."""
    number, name, display_name, role, areas, worker, language, active, created_at, changed_at, signed_in_at = row
    return Person(
        id=number,
        name=name,
        display_name=display_name,
        role=Role(role),
        areas=None if areas is None else tuple(areas),
        worker=worker,
        language=language,
        active=active,
        created_at=from_datetime(created_at),
        changed_at=from_datetime(changed_at),
        signed_in_at=micros_or_none(signed_in_at),
    )


async def _take_turn(connection: psycopg.AsyncConnection[TupleRow]) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def _rights(person: Person) -> tuple[object, ...]:
    return person.role, person.areas, person.worker


def _values(spec: PersonSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "display_name": spec.display_name,
        "role": spec.role.value,
        "areas": None if spec.areas is None else list(spec.areas),
        "worker": spec.worker,
        "language": spec.language,
        "active": spec.active,
    }


def _told(spec: PersonSpec) -> dict[str, Any]:
    return {"role": spec.role.value, "areas": spec.areas, "worker": spec.worker}


def _note(actor: str, action: str, name: str, details: dict[str, Any]) -> AuditNote:
    return AuditNote(actor, action, f"person:{name}", "done", details)
