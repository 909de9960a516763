"""Revisions: which report is meant, and what one edition of it says otherwise than another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256

import msgspec

from fleet.reports.document import MOMENT, Cell, Document, Form, Name, Said, Table, Text
from fleet.reports.stamp import Change

MOST_CHANGES = 500  #: that are told one by one; the last says how many more there are


class Order(msgspec.Struct, frozen=True):
    """Which report is wanted: its kind, the span ``[start, end)`` in µs, the zone, and whom it is about.

    ``subject`` are the choices of its kind (``route``, ``vehicle``, ``worker``, ``toilet``), ids all; one that is left
    out means all of them.
    """

    kind: str
    start: int
    end: int
    zone: str
    subject: Mapping[str, str] = {}

    @property
    def key(self) -> str:
        """The same for the same order, whatever the order of its choices: under it revisions are counted."""
        plain = (self.kind, self.start, self.end, self.zone, sorted(self.subject.items()))
        return sha256(msgspec.json.encode(plain)).hexdigest()


def differences(before: Document, after: Document) -> tuple[Change, ...]:
    """What ``after`` says otherwise: header, key figures, and rows of tables by their keys, in the order of ``after``.

    Drawings show what the tables say, and are not compared.
    """
    found = list(_all(before, after))
    if len(found) > MOST_CHANGES:
        more = Said("change.more", {"count": str(len(found) - MOST_CHANGES)})
        found = [*found[:MOST_CHANGES], Change((more,), None, None)]
    return tuple(found)


def _all(before: Document, after: Document) -> Iterator[Change]:
    yield from _facts(before, after)
    yield from _figures(before, after)
    old = {(section.id, block.id): block for section, block in before.blocks() if isinstance(block, Table)}
    new = {(section.id, block.id): block for section, block in after.blocks() if isinstance(block, Table)}
    for place, table in new.items():
        yield from _rows(old.get(place), table)
    for place, table in old.items():
        if place not in new:
            yield from _rows(table, None)


def _facts(before: Document, after: Document) -> Iterator[Change]:
    old = {fact.title: fact for fact in before.facts}
    new = {fact.title: fact for fact in after.facts}
    for title in dict.fromkeys((*new, *old)):
        was, now = old.get(title), new.get(title)
        values = was.value if was else None, now.value if now else None
        if values[0] != values[1]:
            yield Change((Said(title),), *values, form=(now or was or after.facts[0]).form)


def _figures(before: Document, after: Document) -> Iterator[Change]:
    def figures(document: Document) -> dict[tuple[str, str], tuple[Said, str, Cell, Form]]:
        return {
            (section.id, one.id): (section.said, one.title, one.value, one.form)
            for section in document.sections
            for one in section.figures
        }

    old, new = figures(before), figures(after)
    for place in dict.fromkeys((*new, *old)):
        section, title, _, form = new.get(place) or old[place]
        was = old[place][2] if place in old else None
        now = new[place][2] if place in new else None
        if was != now:
            yield Change((section, Said(title)), was, now, form)


def _rows(before: Table | None, after: Table | None) -> Iterator[Change]:
    table = after or before
    assert table is not None
    old, new = _by_key(before), _by_key(after)
    title: Text = Said(table.title)
    for key in dict.fromkeys((*new, *old)):
        was, now = old.get(key), new.get(key)
        names = _names(table, now or was or {})
        if was is None or now is None:
            gone = now is None
            said = Said("change.row")
            yield Change((title, *names), said if gone else None, None if gone else said)
            continue
        for column in table.columns:
            if was.get(column.id) != now.get(column.id):
                where = (title, *names, Said(column.title))
                yield Change(where, was.get(column.id), now.get(column.id), column.form)


def _by_key(table: Table | None) -> dict[tuple[Cell | int, ...], dict[str, Cell]]:
    """Rows by key; rows of the same key are told apart by their order."""
    found: dict[tuple[Cell | int, ...], dict[str, Cell]] = {}
    if table is None:
        return found
    names = [column.id for column in table.columns]
    keys = table.key or tuple(names)
    seen: Counter[tuple[Cell, ...]] = Counter()
    for row in table.rows:
        cells = dict(zip(names, row, strict=True))
        key = tuple(_hashable(cells[name]) for name in keys)
        found[*key, seen[key]] = cells
        seen[key] += 1
    return found


def _hashable(cell: Cell) -> Cell:
    """Words and names as their text, which can be a key."""
    if isinstance(cell, Said):
        return msgspec.json.encode(cell).decode()
    return cell if isinstance(cell, (str, int, float)) or cell is None else cell.text


def _names(table: Table, row: Mapping[str, Cell]) -> tuple[Text, ...]:
    """What a row is called: the cells of its key."""
    forms = {column.id: column.form.kind for column in table.columns}
    found: list[Text] = []
    for name in table.key:
        cell = row.get(name)
        if isinstance(cell, int) and forms[name] == "instant":
            found.append(Said(MOMENT, {"at": cell}))
        elif isinstance(cell, str) and forms[name] == "state":
            found.append(Said(f"state.{cell}"))
        elif isinstance(cell, (Said, Name, str)):
            found.append(cell)
        elif cell is not None:
            found.append(str(cell))
    return tuple(found)
