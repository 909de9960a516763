"""What ends and is named none the less, within the transaction in which master data is entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import TupleRow

from devices.instants import from_datetime, to_datetime
from fleet.master.collection import TYPES, VERSIONED, Item, Master, Section, references
from fleet.master.entering import Wrong
from fleet.master.plan import Shift
from fleet.master.withdrawing import FOREVER, Key, end, named_beyond, refused

_ENDED_VERSION = """
SELECT id, valid_until FROM (
    SELECT DISTINCT ON (id) id, valid_until FROM routes WHERE id = ANY (%(ids)s::text[]) ORDER BY id, version DESC) AS n
 WHERE valid_until IS NOT NULL
"""
_ENDED = """
SELECT id, to_timestamp((content ->> 'withdrawn')::bigint / 1e6) FROM shifts
 WHERE id = ANY (%(ids)s::text[]) AND content ->> 'withdrawn' IS NOT NULL
"""
_ENDS: Mapping[Section, LiteralString] = {
    "routes": _ENDED_VERSION,
    "areas": _ENDED_VERSION.replace("FROM routes", "FROM areas"),
    "crews": _ENDED.replace("FROM shifts", "FROM crews"),
    "workers": _ENDED.replace("FROM shifts", "FROM workers"),
    "shifts": _ENDED,
}
_NAMING: Mapping[Section, LiteralString] = {
    "plans": """
SELECT content FROM plans
 WHERE on_date >= %(first)s AND NOT coalesce((content ->> 'withdrawn')::boolean, false)
   AND (content ->> 'shift' = ANY (%(ids)s::text[]) OR content ->> 'route' = ANY (%(ids)s::text[])
        OR content ->> 'area' = ANY (%(ids)s::text[]) OR crew = ANY (%(ids)s::text[]) OR workers ?| %(ids)s::text[])
 ORDER BY on_date, id""",
    "workers": "SELECT content FROM workers WHERE content ->> 'crew' = ANY (%(ids)s::text[]) ORDER BY id",
    "crews": """
SELECT content FROM crews
 WHERE content ->> 'supervisor' = ANY (%(ids)s::text[]) OR content ->> 'area' = ANY (%(ids)s::text[])
 ORDER BY id""",
    "routes": """
SELECT (content - 'access' - 'stops') || '{"lines": []}'
       || jsonb_build_object('valid_until', (extract(epoch FROM valid_until) * 1000000)::bigint) FROM (
    SELECT DISTINCT ON (id) id, content, valid_until FROM routes ORDER BY id, version DESC) AS newest
 WHERE content ->> 'area' = ANY (%(ids)s::text[]) ORDER BY id""",
}
_SHIFTS = "SELECT content FROM shifts WHERE id = ANY (%(ids)s::text[])"

Connection = psycopg.AsyncConnection[TupleRow]


async def named_too_long(connection: Connection, master: Master) -> list[Wrong]:
    """What of the given, which is entered already, ends and is named beyond that, or names what has ended."""
    items = list(master.items())
    own = {(section, item.id) for section, item in items if end(item) < FOREVER}
    ends: dict[Key, int] = {}
    for section, statement in _ENDS.items():
        wanted = {one.id for _, item in items for one in references(item) if one.section == section}
        wanted |= {id_ for target, id_ in own if target == section}  # as it was entered
        if wanted:
            rows = await _rows(connection, statement, ids=sorted(wanted))
            ends |= {(section, id_): from_datetime(at) for id_, at in rows}
    if not ends:
        return []
    ending = {key: ends[key] for key in own if key in ends}
    naming = await _naming(connection, ending) if ending else []
    given = {(section, item.id) for section, item in items}
    every = [*items, *(one for one in naming if (one[0], one[1].id) not in given)]
    named = named_beyond(every, ends, await _shifts(connection, every))
    return refused(named, ends, given)


async def _naming(connection: Connection, ends: Mapping[Key, int]) -> list[tuple[Section, Item]]:
    """What is stored and may name what ends."""
    first = (to_datetime(min(ends.values())) - timedelta(days=1)).date().isoformat()
    ids = sorted({id_ for _, id_ in ends})
    found: list[tuple[Section, Item]] = []
    for section, statement in _NAMING.items():
        for (content,) in await _rows(connection, statement, ids=ids, first=first):
            found.append((section, _read(section, content)))
    return found


def _read(section: Section, content: Mapping[str, Any]) -> Item:
    given = {**content, "version": 0} if section in VERSIONED else content
    return msgspec.convert(given, TYPES[section])


async def _shifts(connection: Connection, items: Iterable[tuple[Section, Item]]) -> dict[str, Shift]:
    wanted = {one.id for section, item in items if section == "plans" for one in references(item)}
    rows = await _rows(connection, _SHIFTS, ids=sorted(wanted)) if wanted else []
    return {shift.id: shift for shift in (msgspec.convert(row[0], Shift) for row in rows)}


async def _rows(connection: Connection, statement: LiteralString, **values: Any) -> list[TupleRow]:
    return await (await connection.execute(statement, values)).fetchall()
