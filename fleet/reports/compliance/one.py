"""The report of one plan, in full."""

from __future__ import annotations

from devices.instants import to_iso
from fleet.reports.compliance import drawn, sheets
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.totals import main_figures, time_figures, totals, way_figures
from fleet.reports.document import (
    COUNT,
    DAY,
    INSTANT,
    SHARE,
    Document,
    Evidence,
    Fact,
    Note,
    Said,
    Section,
    number,
)
from fleet.reports.revision import Order

TITLE = "report.route_compliance"


def document(order: Order, judged: Judged) -> Document:
    """Header, then what was done, where, when, and how."""
    sums = totals([judged])
    sections = (
        Section("overview", "section.overview", main_figures(sums), (drawn.route_map(judged),)),
        Section("coverage", "section.coverage", (), (drawn.coverage_bars(judged), sheets.passes(judged),
                                                     sheets.uncovered(judged))),
        Section("stops", "section.stops", sheets.stop_figures(judged, sums),
                (sheets.not_on_time([judged]), sheets.excused([judged]), sheets.stops(judged))),
        Section("driving", "section.driving", way_figures(sums), (sheets.deviations([judged]),
                                                                 sheets.speedings([judged]))),
        Section("time", "section.time", time_figures(sums), (drawn.timeline(judged), sheets.gaps(judged))),
        Section("alarms", "section.alarms", (), (sheets.alarms([judged]),)),
    )  # fmt: skip
    return Document(
        kind=order.kind,
        title=TITLE,
        subject=_subject(judged),
        start=judged.compliance.start,
        end=judged.compliance.end,
        zone=order.zone,
        facts=_facts(judged),
        sections=tuple(one for one in sections if one.id != "stops" or judged.compliance.stops),
        notes=_notes(judged),
        evidence=_evidence(judged),
    )


def _subject(judged: Judged) -> Said:
    return Said("subject.route", {"route": judged.route_name, "vehicle": judged.vehicle})


def _facts(judged: Judged) -> tuple[Fact, ...]:
    one, route = judged.compliance, judged.route
    planned_m = sum(each.planned_m for each in one.passes)
    done = sum(stop.state in ("served", "late", "early") for stop in one.stops)
    return (
        Fact("fact.route", judged.route_name),
        Fact("fact.route_version", f"{one.route} · v{one.route_version}"),
        Fact("fact.vehicle", judged.vehicle),
        Fact("fact.driver", ", ".join(judged.drivers) or None),
        Fact("fact.date", judged.plan.on.isoformat(), DAY),
        Fact("fact.shift", judged.shift if judged.shift.text else judged.plan.shift),
        Fact("fact.planned_start", one.start, INSTANT),
        Fact("fact.planned_end", one.end, INSTANT),
        Fact("fact.began", one.began, INSTANT),
        Fact("fact.ended", one.ended, INSTANT),
        Fact("fact.planned_km", planned_m / 1000, number("unit.km", 1)),
        Fact("fact.driven_km", one.driven_m / 1000, number("unit.km", 1)),
        Fact("fact.stops", Said("note.of", {"part": str(done), "whole": str(len(one.stops))}) if one.stops else None),
        Fact("fact.segments", len(route.lines), COUNT),
        Fact("fact.work", Said(f"work.{route.kind}")),
        Fact("fact.completeness", one.completeness, SHARE),
    )


def _notes(judged: Judged) -> tuple[Note, ...]:
    found = [Note(Said("note.no_data"))]
    if judged.compliance.gaps:
        missing = sum(gap.end - gap.start for gap in judged.compliance.gaps) / 60e6
        said = {"count": str(len(judged.compliance.gaps)), "minutes": f"{missing:,.0f}"}
        found.append(Note(Said("note.gaps", said), "unknown"))
    if judged.route.corridor_m:
        values = {"corridor": f"{judged.route.corridor_m:.0f}", "tolerance": f"{judged.route.tolerance_m:.0f}"}
        found.append(Note(Said("note.method", values)))
    return tuple(found)


def _evidence(judged: Judged) -> tuple[Evidence, ...]:
    one = judged.compliance
    span = f"from={to_iso(one.start)}&to={to_iso(one.end)}"
    found = [
        Evidence(Said("evidence.track"), f"/api/v1/devices/{one.vehicle}/track?{span}"),
        Evidence(Said("evidence.events"), f"/api/v1/devices/{one.vehicle}/events?{span}"),
    ]
    devices = dict.fromkeys(stop.device for stop in one.stops if stop.device and stop.proof == "emptied")
    found += [
        Evidence(Said("evidence.bin", {"bin": device}), f"/api/v1/devices/{device}/events?{span}")
        for device in sorted(one for one in devices if one)[:50]
    ]
    return tuple(found)
