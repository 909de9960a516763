"""Entering master data of the fleet: all that is given or nothing of it, with an entry in the audit.

A changed route or area is a new version from an instant on; what is the same makes none. The versions that were stay
as they were, for reports of their time are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import msgspec
import psycopg
from psycopg.rows import TupleRow

from devices.access import AuditNote
from devices.instants import from_datetime, to_datetime, to_iso
from fleet.master.collection import SECTIONS, TYPES, VERSIONED, Item, Master, Section, references
from fleet.master.entering import Came, NotEnteredError, Wrong
from fleet.master.places import Area
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.master.withdrawing import end
from store.access import audit
from store.fleet.ends import named_too_long
from store.writing import WriteSession

_LOCK = "SELECT pg_advisory_xact_lock(1514230099)"
_NOW = "SELECT now()"
_KNOWN_DEVICES = "SELECT id FROM devices WHERE id = ANY (%(ids)s::text[])"
MOST_NOTED = 50  #: ids of a section that the audit names

Versioned = Route | Area
Connection = psycopg.AsyncConnection[TupleRow]


def _newest(table: str) -> bytes:
    return (
        f"SELECT DISTINCT ON (id) id, version, valid_from, valid_until, content FROM {table}"  # noqa: S608 - constants
        " WHERE id = ANY (%(ids)s::text[]) ORDER BY id, version DESC"
    ).encode()


def _put(table: str) -> bytes:
    return (
        f"INSERT INTO {table} AS t (id, content)"  # noqa: S608 - constants
        " SELECT id, content FROM unnest(%(ids)s::text[], %(contents)s::text[]::jsonb[]) AS g (id, content)"
        " ON CONFLICT (id) DO UPDATE SET content = excluded.content, changed_at = now()"
        " WHERE t.content IS DISTINCT FROM excluded.content RETURNING id, xmax = 0"
    ).encode()


def _known(table: str) -> bytes:
    return f"SELECT DISTINCT id FROM {table} WHERE id = ANY (%(ids)s::text[])".encode()  # noqa: S608 - constants


_NEWEST = {table: _newest(table) for table in VERSIONED}
_END = {
    table: (
        f"UPDATE {table} SET valid_until = %(until)s WHERE id = %(id)s AND version = %(version)s".encode()  # noqa: S608
    )
    for table in VERSIONED
}
_ADD = {
    table: (
        f"INSERT INTO {table} (id, version, valid_from, valid_until, content, entered_by)"  # noqa: S608 - constants
        " VALUES (%(id)s, %(version)s, %(from)s, %(until)s, %(content)s::text::jsonb, %(actor)s)"
    ).encode()
    for table in VERSIONED
}
_CONTENTS = {
    table: f"SELECT content FROM {table} WHERE id = ANY (%(ids)s::text[])".encode()  # noqa: S608 - constants
    for table in SECTIONS
    if table not in VERSIONED
}
_PUT = {table: _put(table) for table in SECTIONS if table not in VERSIONED}
_KNOWN: Mapping[str, bytes] = {"devices": _KNOWN_DEVICES.encode(), **{table: _known(table) for table in SECTIONS}}


class FleetEntry:
    """Raises TransientError while the store is away, NotEnteredError for what does not fit."""

    def __init__(self, writes: WriteSession) -> None:
        self._writes = writes

    async def enter(
        self,
        master: Master,
        actor: str,
        *,
        valid_from: int | None = None,
        details: Mapping[str, Any] | None = None,
        within: Connection | None = None,
    ) -> dict[Section, Came]:
        """Enter what is given; ids are distinct within a section. All that is named has to be known, or be given too.

        A changed route or area is in force from its own ``valid_from``, else from ``valid_from`` (µs), else from now.
        The first version of an id is in force since ever unless one of these says otherwise. ``version`` is the
        store's to give. An item's ``valid_from`` that is the stored version's own is that of an export, and says
        nothing. ``details`` go into the audit. ``within`` is a connection whose transaction this is to be part of.
        """
        async with self._writes.transaction() if within is None else nullcontext(within) as connection:
            now = await _begin(connection)
            came = await _put_all(connection, master, actor, valid_from, now)
            if any(one.created or one.changed for one in came.values()):
                told: dict[str, Any] = {name: _told(one) for name, one in came.items()}
                note = AuditNote(actor, "fleet.enter", "fleet", "done", {**(details or {}), **told})
                await audit.enter(connection, note)
        return came

    async def withdraw(self, section: Section, ids: Sequence[str], actor: str, *, since: int | None = None) -> Came:
        """Have items of a section end at ``since`` (µs; None: now); one that ends before that stays as it is.

        What was before stays: see :mod:`fleet.master.withdrawing`. A plan is withdrawn as a whole.
        """
        async with self._writes.transaction() as connection:
            now = await _begin(connection)
            at = now if since is None else since
            items = await _stored(connection, section, sorted(set(ids)))
            unknown = sorted(set(ids) - {item.id for item in items})
            if unknown:
                raise NotEnteredError(
                    [Wrong(section, one, "id", f"there is none among the {section}") for one in unknown]
                )
            ending = tuple(_ended(item, at) for item in items if end(item) > at)
            came = Came(unchanged=len(items) - len(ending))
            if ending:
                await _put_all(connection, Master.of(section, ending), actor, None, now)
                came.changed = [item.id for item in ending]
                details = {"section": section, "from": to_iso(at), "ids": came.changed[:MOST_NOTED]}
                await audit.enter(connection, AuditNote(actor, "fleet.withdraw", "fleet", "done", details))
        return came


async def _begin(connection: Connection) -> int:
    """The instant of the transaction (µs). Versions are counted, and two must not count the same: one at a time."""
    await connection.execute(_LOCK)
    row = await (await connection.execute(_NOW)).fetchone()
    assert row is not None
    return from_datetime(row[0])


async def _put_all(
    connection: Connection, master: Master, actor: str, valid_from: int | None, now: int
) -> dict[Section, Came]:
    """Store what is given. Raises NotEnteredError with all that does not fit."""
    came: dict[Section, Came] = {}
    wrong: list[Wrong] = []
    for section in SECTIONS:
        items = getattr(master, section)
        if not items:
            continue
        if section in VERSIONED:
            came[section] = await _Versions(connection, section, actor, valid_from, now).enter(items, wrong)
        else:
            came[section] = await _entries(connection, section, items)
    wrong += await _unknown(connection, master)
    wrong += await named_too_long(connection, master)
    if wrong:
        raise NotEnteredError(wrong)
    return came


async def _stored(connection: Connection, section: Section, ids: Sequence[str]) -> list[Item]:
    if section in VERSIONED:
        rows = await (await connection.execute(_NEWEST[section], {"ids": ids})).fetchall()
        return [versioned(section, row) for row in rows]
    rows = await (await connection.execute(_CONTENTS[section], {"ids": ids})).fetchall()
    return [msgspec.convert(row[0], TYPES[section]) for row in rows]


def _ended(item: Item, at: int) -> Item:
    if isinstance(item, Route | Area):
        return msgspec.structs.replace(item, valid_until=at)
    return msgspec.structs.replace(item, withdrawn=True if isinstance(item, Plan) else at)


class _Versions:
    """Routes or areas, within the transaction."""

    def __init__(self, connection: Connection, section: Section, actor: str, valid_from: int | None, now: int) -> None:
        self._connection, self._section, self._actor = connection, section, actor
        self._valid_from, self._now = valid_from, now

    async def enter(self, items: Sequence[Versioned], wrong: list[Wrong]) -> Came:
        came = Came()
        cursor = await self._connection.execute(_NEWEST[self._section], {"ids": [item.id for item in items]})
        newest = {row[0]: versioned(self._section, row) for row in await cursor.fetchall()}
        for item in items:
            was = newest.get(item.id)
            if was is None:
                await self._add(item, 1, item.valid_from or self._valid_from or 0)
                came.created.append(item.id)
            elif _bare(was) != _bare(item):
                await self._follow(was, item, wrong)
                came.changed.append(item.id)
            elif was.valid_until != item.valid_until and item.valid_until is not None:
                await self._end(was, item.valid_until, wrong)
                came.changed.append(item.id)
            else:
                came.unchanged += 1
        return came

    async def _follow(self, was: Versioned, item: Versioned, wrong: list[Wrong]) -> None:
        own = item.valid_from if item.valid_from != was.valid_from else 0
        since = own or self._valid_from or self._now
        if since <= was.valid_from:
            begun = f"version {was.version} is in force from {to_iso(was.valid_from)} on"
            reason = f"{begun}; expected a later instant than that, got {to_iso(since)}"
            wrong.append(Wrong(self._section, item.id, "valid_from", reason))
            return
        if was.valid_until is None or was.valid_until > since:
            await self._end(was, since, wrong)
        own_end = item.valid_until if item.valid_until != was.valid_until else None
        await self._add(msgspec.structs.replace(item, valid_until=own_end), was.version + 1, since)

    async def _add(self, item: Versioned, version: int, since: int) -> None:
        values = {
            "id": item.id,
            "version": version,
            "from": to_datetime(since),
            "until": None if item.valid_until is None else to_datetime(item.valid_until),
            "content": _content(_bare(item)),
            "actor": self._actor,
        }
        await self._connection.execute(_ADD[self._section], values)

    async def _end(self, was: Versioned, until: int, wrong: list[Wrong]) -> None:
        if until <= was.valid_from:
            reason = f"expected an instant after {to_iso(was.valid_from)}; got {to_iso(until)}"
            wrong.append(Wrong(self._section, was.id, "valid_until", reason))
            return
        values = {"id": was.id, "version": was.version, "until": to_datetime(until)}
        await self._connection.execute(_END[self._section], values)


async def _entries(connection: Connection, section: Section, items: Sequence[Item]) -> Came:
    values = {"ids": [item.id for item in items], "contents": [_content(item) for item in items]}
    cursor = await connection.execute(_PUT[section], values)
    rows = await cursor.fetchall()
    created = sorted(row[0] for row in rows if row[1])
    changed = sorted(row[0] for row in rows if not row[1])
    return Came(created, changed, len(items) - len(rows))


async def _unknown(connection: Connection, master: Master) -> list[Wrong]:
    """What is named and not there, once everything that was given is in."""
    named = [(section, item.id, one) for section, item in master.items() for one in references(item)]
    wrong = []
    for target, statement in _KNOWN.items():
        wanted = sorted({one.id for _, _, one in named if one.section == target})
        if not wanted:
            continue
        known = {row[0] for row in await (await connection.execute(statement, {"ids": wanted})).fetchall()}
        for section, item_id, one in named:
            if one.section == target and one.id not in known:
                wrong.append(Wrong(section, item_id, one.field, f"{one.id}: there is none among the {target}"))
    return wrong


def versioned(section: Section, row: Sequence[Any]) -> Any:
    """A route or area of a row: id, version, valid_from, valid_until, content."""
    item_id, version, since, until, content = row
    given = {
        **content,
        "id": item_id,
        "version": version,
        "valid_from": from_datetime(since),
        "valid_until": None if until is None else from_datetime(until),
    }
    return msgspec.convert(given, TYPES[section])


def _bare(item: Versioned) -> Versioned:
    """What is the same in two versions that say the same."""
    return msgspec.structs.replace(item, version=0, valid_from=0, valid_until=None)


def _content(item: Item) -> str:
    fields = msgspec.to_builtins(item)
    if not fields.get("withdrawn"):  # as it was written before there was such a field: the same is no change
        fields.pop("withdrawn", None)
    return msgspec.json.encode(fields).decode()


def _told(came: Came) -> dict[str, Any]:
    return {
        "created": len(came.created),
        "changed": len(came.changed),
        "ids": [*came.created, *came.changed][:MOST_NOTED],
    }
