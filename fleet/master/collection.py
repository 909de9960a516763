"""Master data together: everything that is planned, or the part of it that a file or a question is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route

Section = Literal["routes", "places", "areas", "crews", "workers", "shifts", "plans"]
Item = Route | Place | Area | Crew | Worker | Shift | Plan


class Master(msgspec.Struct, frozen=True):
    """Routes and areas of one version each (or of several), and the rest as it is now."""

    routes: tuple[Route, ...] = ()
    places: tuple[Place, ...] = ()
    areas: tuple[Area, ...] = ()
    crews: tuple[Crew, ...] = ()
    workers: tuple[Worker, ...] = ()
    shifts: tuple[Shift, ...] = ()
    plans: tuple[Plan, ...] = ()

    @classmethod
    def of(cls, section: Section, items: Iterable[Item]) -> Master:
        """Of one section only."""
        return msgspec.convert({section: tuple(items)}, cls)

    def items(self) -> Iterator[tuple[Section, Item]]:
        """Everything, with the section that it belongs to."""
        for section in SECTIONS:
            for item in getattr(self, section):
                yield section, item


TYPES: dict[Section, type[Item]] = {
    "routes": Route,
    "places": Place,
    "areas": Area,
    "crews": Crew,
    "workers": Worker,
    "shifts": Shift,
    "plans": Plan,
}
SECTIONS: tuple[Section, ...] = tuple(TYPES)
VERSIONED: tuple[Section, ...] = ("routes", "areas")


class Reference(msgspec.Struct, frozen=True):
    """Something that an item names: in which field, in which section (or ``devices``), and the id."""

    field: str
    section: Section | Literal["devices"]
    id: str


def references(item: Item) -> Iterator[Reference]:
    """What has to be known for an item to mean something."""
    if isinstance(item, Route):
        named: tuple[tuple[str, Section | Literal["devices"], str | None], ...] = (
            ("area", "areas", item.area),
            *((f"stops[{number}].device", "devices", stop.device) for number, stop in enumerate(item.stops)),
        )
    elif isinstance(item, Worker):
        named = (("device", "devices", item.device), ("crew", "crews", item.crew))
    elif isinstance(item, Crew):
        named = (("supervisor", "workers", item.supervisor), ("area", "areas", item.area))
    elif isinstance(item, Plan):
        named = (
            ("shift", "shifts", item.shift),
            ("route", "routes", item.route),
            ("area", "areas", item.area),
            ("vehicle", "devices", item.vehicle),
            ("crew", "crews", item.crew),
            *((f"workers[{number}]", "workers", worker) for number, worker in enumerate(item.workers)),
        )
    else:
        named = ()
    for field, section, name in named:
        if name is not None:
            yield Reference(field, section, name)
