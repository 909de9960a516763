"""The report over many plans: sums, each plan as a row, and what was amiss."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.reports.compliance import sheets
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.totals import main_figures, time_figures, totals, way_figures
from fleet.reports.document import (
    COUNT,
    DAY,
    DURATION,
    SHARE,
    Bar,
    Bars,
    Cell,
    Column,
    Document,
    Fact,
    Name,
    Note,
    Said,
    Section,
    Table,
    Text,
    number,
)
from fleet.reports.revision import Order

TITLE = "report.route_compliance"
MOST_BARS = 40  #: routes in the chart; the worst come first


def document(order: Order, judged: Sequence[Judged]) -> Document:
    """One document over the span of the order."""
    sums = totals(judged)
    stops = Section("stops", "section.stops", (), (sheets.not_on_time(judged), sheets.excused(judged)))
    sections = (
        Section("overview", "section.overview", main_figures(sums), (route_bars(judged), plans_table(judged))),
        stops if sums.scheduled else None,
        Section("driving", "section.driving", way_figures(sums), (sheets.deviations(judged), sheets.speedings(judged))),
        Section("time", "section.time", time_figures(sums), ()),
        Section("alarms", "section.alarms", (), (sheets.alarms(judged),)),
    )
    return Document(
        kind=order.kind,
        title=TITLE,
        subject=_subject(order, judged),
        start=order.start,
        end=order.end,
        zone=order.zone,
        facts=(
            Fact("fact.plans", sums.plans, COUNT),
            Fact("fact.vehicles", len({one.compliance.vehicle for one in judged}), COUNT),
            Fact("fact.planned_km", sums.planned_m / 1000, number("unit.km", 1)),
            Fact("fact.driven_km", sums.driven_m / 1000, number("unit.km", 1)),
        ),
        sections=tuple(one for one in sections if one is not None),
        notes=(Note(Said("note.no_data")),),
    )


def _subject(order: Order, judged: Sequence[Judged]) -> Text:
    """The route that is asked for by its name, a vehicle by its id, or everything."""
    names: dict[str, Name] = {one.compliance.route: one.route_name for one in judged}
    chosen = [str(names.get(value, Name(value)).text) for value in order.subject.values()]
    if "route" in order.subject and order.subject["route"] in names and len(order.subject) == 1:
        return names[order.subject["route"]]
    return " · ".join(chosen) if chosen else Said("subject.all_routes")


def route_bars(judged: Sequence[Judged]) -> Bars:
    """Coverage by route, the worst first."""
    routes: dict[str, list[Judged]] = {}
    for one in judged:
        routes.setdefault(one.compliance.route, []).append(one)
    found: list[tuple[float, str, Bar]] = []
    for route, of_route in routes.items():
        coverage = totals(of_route).coverage
        if coverage is not None:
            found.append((coverage, route, Bar(of_route[-1].route_name, (("covered", coverage),))))
    bars = tuple(bar for _, _, bar in sorted(found, key=lambda one: one[:2])[:MOST_BARS])
    return Bars("routes", "chart.routes", bars, SHARE, 0.95)


def plans_table(judged: Sequence[Judged]) -> Table:
    """Each plan a row."""
    columns = (
        Column("day", "column.day", DAY, 1.3),
        Column("route", "column.route", width=1.4),
        Column("vehicle", "column.vehicle", width=1.4),
        Column("planned", "column.planned", number("unit.km", 1)),
        Column("driven", "column.driven", number("unit.km", 1)),
        Column("coverage", "column.coverage", SHARE),
        Column("on_time", "column.on_time", SHARE),
        Column("missed", "column.missed_stops", COUNT, 0.8),
        Column("deviations", "column.deviations", COUNT, 1.1),
        Column("idle", "column.idle", DURATION),
        Column("completeness", "column.completeness", SHARE),
        Column("plan", "column.plan", width=2.1),
    )
    return Table("plans", "table.plans", columns, tuple(map(_plan, judged)), ("day", "route", "vehicle", "plan"))


def _plan(one: Judged) -> tuple[Cell, ...]:
    sums = totals([one])
    return (
        one.plan.on.isoformat(), one.route_name, one.vehicle, sums.planned_m / 1000, sums.driven_m / 1000,
        sums.coverage, sums.on_time, sums.missed if sums.scheduled else None, sums.deviations, sums.idle_s,
        one.compliance.completeness, one.compliance.plan,
    )  # fmt: skip
