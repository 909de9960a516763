"""An item as the plain fields that files have: hours as people write them, positions as text, defaults left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from devices.instants import to_iso
from fleet.importing.clock_words import DAYS, clock, span_words
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Line, Route, Stop, Window


def plain(item: msgspec.Struct) -> dict[str, Any]:
    """The fields of an item that say something, in their order, by the names of files."""
    kind = type(item)
    told: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        value = getattr(item, field.name)
        if not field.required and value == field.default:
            continue
        write = _WRITTEN.get((kind, field.name))
        told[_NAMES.get((kind, field.name), field.name)] = write(value) if write else _as_list(value)
    return told


def multi_line(lines: Iterable[Line]) -> str:
    """Lines as well-known text."""
    parts = [f"({_positions(line)})" for line in lines]
    return f"LINESTRING {parts[0]}" if len(parts) == 1 else f"MULTILINESTRING ({', '.join(parts)})"


def multi_polygon(polygons: Iterable[tuple[Line, ...]]) -> str:
    """Polygons as well-known text."""
    parts = [f"({', '.join(f'({_positions(ring)})' for ring in rings)})" for rings in polygons]
    return f"POLYGON {parts[0]}" if len(parts) == 1 else f"MULTIPOLYGON ({', '.join(parts)})"


def _positions(line: Line) -> str:
    return ", ".join(f"{lon!r} {lat!r}" for lon, lat in line)


def _windows(windows: tuple[Window, ...]) -> list[str]:
    return [span_words(window.start, window.end) for window in windows]


def _breaks(breaks: tuple[tuple[int, int], ...]) -> list[str]:
    return [span_words(start, start + length) for start, length in breaks]


def _stops(stops: tuple[Stop, ...]) -> list[dict[str, Any]]:
    return [plain(stop) for stop in stops]


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_WRITTEN: Mapping[tuple[type[msgspec.Struct], str], Callable[[Any], Any]] = {
    (Route, "lines"): multi_line,
    (Route, "access"): multi_line,
    (Route, "stops"): _stops,
    (Route, "valid_from"): to_iso,
    (Route, "valid_until"): to_iso,
    (Area, "lines"): multi_line,
    (Area, "polygons"): multi_polygon,
    (Area, "valid_from"): to_iso,
    (Area, "valid_until"): to_iso,
    **{(kind, "withdrawn"): to_iso for kind in (Place, Crew, Worker, Shift)},
    (Stop, "windows"): _windows,
    (Shift, "start"): clock,
    (Shift, "weekdays"): lambda days: [DAYS[day] for day in days],
    (Shift, "breaks"): _breaks,
    (Plan, "on"): lambda on: on.isoformat(),
}
_NAMES: Mapping[tuple[type[msgspec.Struct], str], str] = {(Plan, "on"): "date"}
