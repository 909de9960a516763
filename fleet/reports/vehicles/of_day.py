"""The day report of a vehicle: trips, stands, map, timeline."""

from __future__ import annotations

from collections.abc import Sequence

from devices.instants import to_iso
from fleet.reports.document import (
    COUNT,
    DURATION,
    INSTANT,
    SHARE,
    Cell,
    Column,
    Document,
    Evidence,
    Fact,
    Figure,
    Lane,
    Map,
    MapLine,
    MapPoint,
    Note,
    Said,
    Section,
    Table,
    Timeline,
    number,
)
from fleet.reports.revision import Order
from fleet.reports.vehicles.day import VehicleDay
from fleet.trackers.records import StopEntry, TripEntry

TITLE = "report.vehicle_day"
KM = number("unit.km", 1)
_SPELL = (
    Column("vehicle", "column.vehicle"),
    Column("number", "column.number", COUNT, 0.5),
    Column("start", "column.from", INSTANT),
    Column("end", "column.to", INSTANT),
    Column("duration", "column.duration", DURATION),
)


def document(order: Order, days: Sequence[VehicleDay]) -> Document:
    """The report over one or several vehicles; a section with a map for each."""
    known = sum(one.known_s for one in days)
    seen = sum((one.last - one.first) / 1e6 for one in days if one.first is not None and one.last is not None)
    sections = [Section("overview", "section.overview", _figures(days, known, seen), (_lanes(order, days),))]
    sections += [_section(one, alone=len(days) == 1) for one in days]
    sections.append(Section("records", "section.records", (), (_trips(days), _stands(days))))
    return Document(
        kind=order.kind,
        title=TITLE,
        subject=(days[0].name or days[0].vehicle) if len(days) == 1 else Said("subject.all_vehicles"),
        start=order.start,
        end=order.end,
        zone=order.zone,
        facts=_facts(days),
        sections=tuple(sections),
        notes=(Note(Said("note.day_method")), Note(Said("note.no_data"))),
        evidence=tuple(
            Evidence(
                Said("evidence.of", {"name": one.name or one.vehicle}),
                f"/api/v1/devices/{one.vehicle}/track?from={to_iso(one.start)}&to={to_iso(one.end)}",
            )
            for one in days
        ),
    )


def _facts(days: Sequence[VehicleDay]) -> tuple[Fact, ...]:
    """How many vehicles, how many positions, from when to when."""
    firsts = [one.first for one in days if one.first is not None]
    lasts = [one.last for one in days if one.last is not None]
    return (
        Fact("fact.vehicle", days[0].vehicle) if len(days) == 1 else Fact("fact.vehicles", len(days), COUNT),
        Fact("fact.positions", sum(one.positions for one in days), COUNT),
        Fact("fact.first", min(firsts, default=None), INSTANT),
        Fact("fact.last", max(lasts, default=None), INSTANT),
    )


def _figures(days: Sequence[VehicleDay], known: float, seen: float) -> tuple[Figure, ...]:
    fastest = max((one.greatest_kmh for one in days if one.greatest_kmh is not None), default=None)
    return (
        Figure("driven", "figure.driven", sum(one.driven_m for one in days) / 1000, KM),
        Figure("trips", "figure.trips", sum(len(one.trips) for one in days)),
        Figure("drive", "figure.drive_time", sum(one.drive_s for one in days), DURATION),
        Figure("stand", "figure.stand_time", sum(one.stand_s for one in days), DURATION),
        Figure("stands", "figure.stands", sum(len(one.stops) for one in days)),
        Figure("fastest", "figure.fastest_step", fastest, number("unit.kmh", 0), note=Said("note.fastest")),
        Figure("known", "figure.known", known / seen if seen else None, SHARE, note=Said("note.known")),
    )


def _lanes(order: Order, days: Sequence[VehicleDay]) -> Timeline:
    """From the first to the last that is known, so that an idle night takes no room."""
    firsts = [one.first for one in days if one.first is not None]
    lasts = [one.last for one in days if one.last is not None]
    lanes = tuple(Lane(one.name or one.vehicle, one.spans) for one in days)
    return Timeline("day", "chart.day", min(firsts, default=order.start), max(lasts, default=order.end), lanes)


def _section(one: VehicleDay, *, alone: bool) -> Section:
    name = one.name or one.vehicle
    points = [MapPoint("stand", stop.lon, stop.lat, str(index)) for index, stop in enumerate(one.stops, start=1)]
    if one.lines:
        points += [MapPoint("start", *one.lines[0][0]), MapPoint("end", *one.lines[-1][-1])]
    own = (
        Figure("driven", "figure.driven", one.driven_m / 1000, KM),
        Figure("trips", "figure.trips", len(one.trips)),
        Figure("drive", "figure.drive_time", one.drive_s, DURATION),
        Figure("stand", "figure.stand_time", one.stand_s, DURATION),
    )
    lines = [MapLine("driven", line) for line in one.lines]
    lines += [MapLine("no_data", (a[-1], b[0])) for a, b in zip(one.lines, one.lines[1:], strict=False)]
    return Section(
        f"vehicle:{one.vehicle}",
        Said("section.vehicle", {"name": name}),
        () if alone else own,
        (Map(f"map:{one.vehicle}", "map.day", tuple(lines), tuple(points), small=not alone),),
    )


def _trips(days: Sequence[VehicleDay]) -> Table:
    columns = (*_SPELL, Column("length", "column.length", KM))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (*_spell(one, index, trip), trip.driven_m / 1000)
        for one in days for index, trip in enumerate(one.trips, start=1)
    )  # fmt: skip
    return Table("trips", "table.trips", columns, rows, ("vehicle", "start")).of(days)


def _stands(days: Sequence[VehicleDay]) -> Table:
    columns = (
        *_SPELL,
        Column("place", "column.place"),
        Column("lat", "column.lat", number("", 5)),
        Column("lon", "column.lon", number("", 5)),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (*_spell(one, index, stop), stop.place or None, stop.lat, stop.lon)
        for one in days for index, stop in enumerate(one.stops, start=1)
    )  # fmt: skip
    return Table("stands", "table.stands", columns, rows, ("vehicle", "start")).of(days)


def _spell(day: VehicleDay, number: int, one: TripEntry | StopEntry) -> tuple[Cell, ...]:
    """What trips and stands both tell; what lasts has no end and no duration."""
    seconds = None if one.ended_at is None else (one.ended_at - one.started_at) / 1e6
    return day.name or day.vehicle, number, one.started_at, one.ended_at, seconds
