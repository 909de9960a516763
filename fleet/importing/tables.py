"""Rows of tables (CSV): stops of routes, places, crews, workers, shifts and plans. The header tells what they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from fleet.importing.fields import KINDS, placed, read
from fleet.importing.gathering import Fault, Found, Gathered, Loose, Spot
from fleet.importing.positions import NOTE, Positions
from fleet.importing.soundness import check
from fleet.importing.spelling import spelt_out
from fleet.master.collection import Section
from fleet.master.places import Place
from fleet.master.route import Stop

Row = tuple[int, Mapping[str, str]]


class TableKind(msgspec.Struct, frozen=True):
    """A kind of table: its section (stops have none of their own), and the columns by which it is known."""

    name: str
    section: Section
    key: frozenset[str]
    columns: tuple[str, ...]


def _kind(name: str, section: Section, key: set[str], columns: Iterable[str]) -> TableKind:
    return TableKind(name, section, frozenset(key), tuple(columns))


_STOP_COLUMNS = ("route", *Stop.__struct_fields__)
TABLES: tuple[TableKind, ...] = (
    _kind("stops", "routes", {"route", "id", "lon", "lat"}, _STOP_COLUMNS),
    _kind("places", "places", {"id", "role", "lon", "lat"}, Place.__struct_fields__),
    _kind("workers", "workers", {"id", "name", "role"}, KINDS["workers"].__struct_fields__),
    _kind("crews", "crews", {"id", "name", "supervisor"}, KINDS["crews"].__struct_fields__),
    _kind("plans", "plans", {"date", "shift"}, ("date", *(n for n in KINDS["plans"].__struct_fields__ if n != "on"))),
    _kind("shifts", "shifts", {"id", "start", "length"}, KINDS["shifts"].__struct_fields__),
    _kind("shifts", "shifts", {"id", "start", "end"}, ("end", *KINDS["shifts"].__struct_fields__)),
)


def table_kind(columns: Collection[str]) -> TableKind | None:
    """What a table with these columns holds; None for one of devices or telemetry."""
    own = frozenset(columns)
    if own & {"time", "kind", "identities"}:
        return None
    return next((kind for kind in TABLES if kind.key <= own), None)


def unknown_column(kind: TableKind, columns: Iterable[str]) -> str | None:
    """What is wrong with the header, if anything."""
    for name in columns:
        if name not in kind.columns:
            return f"header: column {name}: no field of {kind.name}; expected {', '.join(kind.columns)}"
    return None


def from_rows(kind: TableKind, rows: Iterable[Row], datum: str | None = None) -> Gathered:
    """What a table holds; ``datum`` is that of its positions."""
    found = Gathered()
    positions = Positions(datum or "wgs84")
    if datum in NOTE and kind.name in ("stops", "places"):
        found.notes.append(NOTE[datum])
    count = 0
    for line, cells in rows:
        count += 1
        spot = Spot(line, found.faults)
        if kind.name == "stops":
            _stop(dict(cells), spot, positions, found)
        else:
            _item(kind.section, cells, spot, positions, found)
    if not count and not found.faults:
        found.faults.append(Fault(1, "", "has no rows; nothing to import"))
    return found


def _stop(cells: dict[str, str], spot: Spot, positions: Positions, found: Gathered) -> None:
    route = cells.pop("route", "")
    if not route:
        spot.fault("route", "missing")
    stop = placed(Stop, cells, spot, positions, loose=True)
    if stop is not None and route:
        found.loose.append(Loose(route, spot.line, stop=stop))


def _item(section: Section, cells: Mapping[str, str], spot: Spot, positions: Positions, found: Gathered) -> None:
    given = spelt_out(section, cells, spot)
    reading = placed if section == "places" else read
    item = reading(KINDS[section], given, spot, positions, loose=True)
    if item is not None and check(item, spot):  # type: ignore[arg-type]
        found.found.append(Found(section, item, spot.line))  # type: ignore[arg-type]
