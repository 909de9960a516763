"""Withdrawing: until when something counts, and what names it beyond that. Nothing is ever deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devices.instants import to_iso
from fleet.calendar import span
from fleet.master.collection import VERSIONED, Item, Section, references
from fleet.master.entering import Wrong
from fleet.master.people import Worker
from fleet.master.places import Area
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route

FOREVER = 2**62
MOST_NAMED = 10  #: of those that name something, in a message

Key = tuple[Section, str]


def end(item: Item) -> int:
    """From when on (µs) an item is withdrawn. A plan is as a whole, or not at all."""
    if isinstance(item, Plan):
        return 0 if item.withdrawn else FOREVER
    found = item.valid_until if isinstance(item, Route | Area) else item.withdrawn
    return FOREVER if found is None else found


Named = dict[Key, list[tuple[Section, str, str]]]
"""By what is named: the section, id and field of each that names it."""


def named_beyond(items: Iterable[tuple[Section, Item]], ends: Mapping[Key, int], shifts: Mapping[str, Shift]) -> Named:
    """Which of the items name, for a time after its end, something that ends.

    ``ends`` has when (µs), and ``shifts`` those of the plans.
    """
    found: Named = {}
    for section, item in items:
        needed = _needed(item, shifts)
        for one in references(item):
            if one.section != "devices" and needed > ends.get((one.section, one.id), FOREVER):
                found.setdefault((one.section, one.id), []).append((section, item.id, one.field))
    return found


def refused(named: Named, ends: Mapping[Key, int], given: Iterable[Key]) -> list[Wrong]:
    """What is wrong with what is given: what still is named does not end, and what has ended is not named any more.

    A route or area that comes with what names it is let be: a file may hold a version that another one follows.
    """
    own, wrong = set(given), []
    for (section, id_), naming in named.items():
        since = f"withdrawn from {to_iso(ends[section, id_])} on"
        others = [one for one in naming if one[:2] not in own]
        if section not in VERSIONED or (section, id_) not in own:
            wrong += [Wrong(by, item, field, f"{id_} is {since}") for by, item, field in naming if (by, item) in own]
        if others and (section, id_) in own:
            told = ", ".join(f"{by} {item} ({field})" for by, item, field in others[:MOST_NAMED])
            more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
            field = "valid_until" if section in VERSIONED else "withdrawn"
            wrong.append(Wrong(section, id_, field, f"{id_} cannot be {since}: named by {told}{more}"))
    return wrong


def _needed(item: Item, shifts: Mapping[str, Shift]) -> int:
    """Until when (µs) an item needs what it names: a plan as its shift begins, others as long as they count."""
    if isinstance(item, Plan):
        shift = shifts.get(item.shift)
        return 0 if item.withdrawn or shift is None else span(shift, item.on)[0] + 1
    if isinstance(item, Worker) and not item.active:
        return 0
    return end(item)
