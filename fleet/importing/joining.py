"""From several files to one collection: ids stand once, loose lines and stops find their route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from fleet.importing.fields import MOST_STOPS
from fleet.importing.gathering import Fault, Found, Gathered, Loose, Spot
from fleet.importing.positions import exchanged
from fleet.importing.soundness import check
from fleet.master.collection import SECTIONS, Item, Master, Section
from fleet.master.entering import Wrong
from fleet.master.places import Area, Place
from fleet.master.route import LonLat, Route


class Origin(msgspec.Struct, frozen=True):
    """Where an item came from: the number of the file, and where it stands there."""

    file: int
    line: int
    path: str
    lines: Mapping[str, int]
    names: Mapping[str, str] = {}


class Joined(msgspec.Struct):
    """All files together. ``origins`` tells of each item where it stands; ``faults`` the files that they are in."""

    master: Master
    origins: dict[tuple[Section, str], Origin]
    faults: list[tuple[int, Fault]]


def place(wrong: Wrong, origins: Mapping[tuple[Section, str], Origin]) -> tuple[int, Fault]:
    """Where in the files that stands which does not fit: the number of the file, and the fault."""
    origin = origins[wrong.section, wrong.id]
    faults: list[Fault] = []
    Spot(origin.line, faults, origin.path, origin.lines, origin.names).fault(wrong.field, wrong.reason)
    return origin.file, faults[0]


def loose_routes(files: Iterable[Gathered]) -> list[str]:
    """The routes that files say something of without having them: those are to be looked up."""
    files = list(files)
    own = {one.item.id for file in files for one in file.found if one.section == "routes"}
    return sorted({one.route for file in files for one in file.loose} - own)


def join(files: Iterable[Gathered], stored: Mapping[str, Route] | None, near: LonLat | None = None) -> Joined:
    """One collection of all files. ``stored`` are the routes of :func:`loose_routes` that the store has.

    ``stored`` None: there is no store to ask, and what is loose is left out. ``near`` is about where the city is.
    """
    joining = _Joining(stored, near)
    numbered = list(enumerate(files))
    for number, file in numbered:
        for found in file.found:
            joining.take(number, found)
    for number, file in numbered:
        for loose in file.loose:
            joining.add(number, loose)
    return joining.end()


class _Joining:
    def __init__(self, stored: Mapping[str, Route] | None, near: LonLat | None) -> None:
        self._stored, self._near = stored, near
        self._items: dict[tuple[Section, str], Item] = {}
        self._origins: dict[tuple[Section, str], Origin] = {}
        self._faults: list[tuple[int, Fault]] = []
        self._loose: dict[str, list[tuple[int, Loose]]] = {}

    def take(self, file: int, found: Found) -> None:
        key = (found.section, found.item.id)
        if (first := self._origins.get(key)) is not None:
            where = f"line {first.line}" if first.file == file else "another file of this import"
            self._fault(file, found.line, f"{found.path}id", f"{found.item.id} stands in {where} already")
            return
        self._items[key] = found.item
        self._origins[key] = Origin(file, found.line, found.path, found.lines, found.names)
        if exchanged(_points(found.item), self._near):
            reason = "longitude and latitude are exchanged: far from everything else, and near it the other way round"
            self._fault(file, found.line, f"{found.path}geometry", reason)

    def add(self, file: int, loose: Loose) -> None:
        self._loose.setdefault(loose.route, []).append((file, loose))

    def end(self) -> Joined:
        for route, parts in self._loose.items():
            self._complete(route, parts)
        self._faults.sort()
        sections: dict[str, Any] = {
            section: tuple(item for (own, _), item in self._items.items() if own == section) for section in SECTIONS
        }
        return Joined(Master(**sections), self._origins, self._faults)

    def _complete(self, route_id: str, parts: list[tuple[int, Loose]]) -> None:
        """Give a route what stands beside it; lines, access and stops that are given replace those that it had."""
        key: tuple[Section, str] = ("routes", route_id)
        file, first = parts[0]
        route = self._items.get(key) or (self._stored or {}).get(route_id)
        lines = tuple(line for _, part in parts for line in part.lines)
        if route is None:
            kind = next((part.kind for _, part in parts if part.kind), None)
            if self._stored is None and not (lines and kind):
                return
            if not lines:
                self._fault(file, first.line, f"{first.path}route", f"{route_id}: there is no such route")
                return
            if kind is None:
                reason = f"{route_id} is a new route; expected its kind: sweep, spray, collect or patrol"
                self._fault(file, first.line, f"{first.path}type", reason)
                return
            route = Route(route_id, 0, kind, lines)  # type: ignore[arg-type]
        assert isinstance(route, Route)
        given: dict[str, Any] = {
            "lines": lines,
            "access": tuple(line for _, part in parts for line in part.access),
            "stops": tuple(part.stop for _, part in parts if part.stop is not None),
        }
        if route.stops and given["stops"] and key in self._origins:
            given["stops"] = (*route.stops, *given["stops"])
        changed = {name: value for name, value in given.items() if value}
        if key not in self._items:  # a stored one, in a version that is yet to be
            changed |= {"valid_from": 0, "valid_until": None, "version": 0}
        whole = msgspec.structs.replace(route, **changed)
        self._checked(key, whole, file, first)

    def _checked(self, key: tuple[Section, str], whole: Route, file: int, first: Loose) -> None:
        own: list[Fault] = []
        if len(whole.stops) > MOST_STOPS:
            own.append(Fault(first.line, f"{first.path}stops", f"expected at most {MOST_STOPS}"))
        check(whole, Spot(first.line, own, first.path))
        self._faults.extend((file, fault) for fault in own)
        if exchanged(_points(whole), self._near):
            self._fault(file, first.line, f"{first.path}geometry", "longitude and latitude are exchanged")
        self._items[key] = whole
        self._origins.setdefault(key, Origin(file, first.line, first.path, {}))

    def _fault(self, file: int, line: int, field: str, reason: str) -> None:
        self._faults.append((file, Fault(line, field, reason)))


def _points(item: Item) -> tuple[LonLat, ...]:
    if isinstance(item, Route):
        return tuple(point for line in item.lines for point in line) or ((0.0, 0.0),)
    if isinstance(item, Place):
        return ((item.lon, item.lat),)
    if isinstance(item, Area):
        lines = (*item.lines, *(rings[0] for rings in item.polygons))
        return tuple(point for line in lines for point in line) or ((0.0, 0.0),)
    return ((0.0, 0.0),)
