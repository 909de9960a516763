"""The daily fleet summary: all vehicles over a day, and what became of the day's plans."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from fleet.reports.compliance.judged import AlarmSeen, Judged
from fleet.reports.compliance.many import plans_table, route_bars
from fleet.reports.compliance.planned import Planned, judged
from fleet.reports.compliance.totals import main_figures, totals
from fleet.reports.document import (
    COUNT,
    DURATION,
    INSTANT,
    Bar,
    Bars,
    Cell,
    Column,
    Document,
    Fact,
    Figure,
    Lane,
    Note,
    Said,
    Section,
    Table,
    Timeline,
    number,
)
from fleet.reports.kind import Kind
from fleet.reports.revision import Order
from fleet.reports.vehicles.day import DayPiece, VehicleDay, day_of

TITLE = "report.fleet_summary"
KM = number("unit.km", 1)
MOST_BARS = 40
LANES = 24  #: in one drawing, at most: one of more would leave the page before it empty


class FleetDay(msgspec.Struct, frozen=True):
    """A vehicle's day with the plans that it had, judged, and its alarms."""

    day: VehicleDay
    judged: tuple[Judged, ...] = ()
    alarms: tuple[AlarmSeen, ...] = ()


class FleetPiece(msgspec.Struct, frozen=True):
    """What is stored of a vehicle over the span."""

    day: DayPiece
    planned: tuple[Planned, ...] = ()
    alarms: tuple[AlarmSeen, ...] = ()


def reduce(order: Order, piece: FleetPiece) -> FleetDay:
    """A vehicle's day without its lines, which a summary does not show."""
    day = msgspec.structs.replace(day_of(piece.day), lines=(), stops=())
    return FleetDay(day, tuple(map(_slim, map(judged, piece.planned))), piece.alarms)


def _slim(one: Judged) -> Judged:
    """A plan judged, without what only a report of its own shows."""
    return msgspec.structs.replace(one, compliance=msgspec.structs.replace(one.compliance, spells=()), track=())


def build(order: Order, parts: Sequence[FleetDay]) -> Document:
    """The summary."""
    parts = sorted(parts, key=lambda one: (one.day.vehicle, one.day.start))
    plans = sorted(
        (plan for one in parts for plan in one.judged),
        key=lambda one: (one.compliance.start, one.compliance.route, one.compliance.plan),
    )
    sections = [Section("overview", "section.overview", _figures(parts), _lanes(order, parts))]
    if plans:
        sections.append(
            Section(
                "plans", "section.plans", main_figures(totals(plans)), (route_bars(plans), plans_table(plans))
            )
        )  # fmt: skip
    sections.append(Section("vehicles", "section.vehicles", (), (_bars(parts), _vehicles(parts))))
    return Document(
        kind=order.kind,
        title=TITLE,
        subject=Said("subject.all_vehicles"),
        start=order.start,
        end=order.end,
        zone=order.zone,
        facts=(Fact("fact.vehicles", len(parts), COUNT), Fact("fact.plans", len(plans), COUNT)),
        sections=tuple(sections),
        notes=(Note(Said("note.no_data")),),
    )


def _figures(parts: Sequence[FleetDay]) -> tuple[Figure, ...]:
    days = [one.day for one in parts]
    return (
        Figure("out", "figure.vehicles_out", sum(one.positions > 0 for one in days),
               note=Said("note.of", {"part": str(sum(one.positions > 0 for one in days)), "whole": str(len(days))})),
        Figure("driven", "figure.driven", sum(one.driven_m for one in days) / 1000, KM),
        Figure("drive", "figure.drive_time", sum(one.drive_s for one in days), DURATION),
        Figure("alarms", "figure.alarms", sum(len(one.alarms) for one in parts)),
    )  # fmt: skip


def _lanes(order: Order, parts: Sequence[FleetDay]) -> tuple[Timeline, ...]:
    """The day of every vehicle, in drawings that leave room for more on a page."""
    seen = [one.day for one in parts if one.day.first is not None]
    start = min((one.first for one in seen if one.first is not None), default=order.start)
    end = max((one.last for one in seen if one.last is not None), default=order.end)
    each = math.ceil(len(seen) / math.ceil(len(seen) / LANES)) if seen else 1
    lanes = [Lane(one.name or one.vehicle, one.spans) for one in seen]
    cut = [tuple(lanes[first : first + each]) for first in range(0, len(lanes), each)] or [()]
    return tuple(
        Timeline(f"day-{number}" if number > 1 else "day", "chart.day", start, end, part)
        for number, part in enumerate(cut, 1)
    )


def _bars(parts: Sequence[FleetDay]) -> Bars:
    ordered = sorted(parts, key=lambda one: (-one.day.driven_m, one.day.vehicle))[:MOST_BARS]
    bars = tuple(Bar(one.day.name or one.day.vehicle, (("drive", one.day.driven_m / 1000),)) for one in ordered)
    return Bars("driven", "chart.driven", bars, KM)


def _vehicles(parts: Sequence[FleetDay]) -> Table:
    columns = (
        Column("vehicle", "column.vehicle", width=1.3),
        Column("first", "column.first", INSTANT),
        Column("last", "column.last", INSTANT),
        Column("driven", "column.driven", KM),
        Column("trips", "column.trips", COUNT, 0.7),
        Column("drive", "column.drive", DURATION, 1.1),
        Column("stand", "column.stand", DURATION, 1.1),
        Column("alarms", "column.alarms", COUNT, 0.8),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.day.name or one.day.vehicle, one.day.first, one.day.last, one.day.driven_m / 1000, len(one.day.trips),
         one.day.drive_s, one.day.stand_s, len(one.alarms))
        for one in parts
    )  # fmt: skip
    return Table("vehicles", "table.vehicles", columns, rows, ("vehicle",))


KIND = Kind("fleet_summary", TITLE, FleetDay, build, reduce)
