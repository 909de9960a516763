"""The map, the bars and the timeline of a compliance report."""

from __future__ import annotations

from fleet.compliance.result import StopResult
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.sheets import joined
from fleet.reports.document import (
    Bar,
    Bars,
    Lane,
    Map,
    MapLine,
    MapPoint,
    PointRole,
    Said,
    Timeline,
    number,
)
from fleet.reports.drawing.geometry import piece

_WORST: tuple[PointRole, ...] = ("missed", "no_data", "late", "early", "served", "other_vehicle", "not_full")


def route_map(judged: Judged) -> Map:
    """The route by its worst pass, the driven track, deviations and stops."""
    lines = [MapLine("street", street) for street in judged.streets]
    lines += [MapLine("planned", access) for access in judged.route.access]
    lines += [MapLine("driven", line) for line in judged.track]
    for stretch in joined(judged.compliance.stretches):
        if stretch.line < len(judged.route.lines):
            points = piece(judged.route.lines[stretch.line], stretch.begin_m, stretch.end_m)
            lines.append(MapLine(stretch.state, points))
    lines += [MapLine("deviation", one.where) for one in judged.compliance.deviations if len(one.where) > 1]
    depots = [MapPoint("depot", lon, lat) for lon, lat in judged.depots]
    return Map("route", "map.route", tuple(lines), (*depots, *_stops(judged)))


def _stops(judged: Judged) -> list[MapPoint]:
    """Each stop once, in its worst state; labels only of those that were not served as planned."""
    states: dict[str, PointRole] = {}
    for one in judged.compliance.stops:
        states[one.stop] = min(states.get(one.stop, one.state), one.state, key=_WORST.index)
    found = []
    for stop, state in states.items():
        place = judged.place(stop)
        if place is not None:
            label = judged.stop_name(stop) if state in ("missed", "late", "early") else ""
            found.append(MapPoint(state, *place, label))
    return found


def coverage_bars(judged: Judged) -> Bars:
    """Each pass: covered, missed, no data."""
    bars = tuple(
        Bar(
            Said("label.pass", {"number": str(one.number)}),
            (("covered", one.covered_m / 1000), ("missed", one.missed_m / 1000), ("no_data", one.no_data_m / 1000)),
        )
        for one in sorted(judged.compliance.passes, key=lambda one: one.number)
    )
    return Bars("passes", "chart.passes", bars, number("unit.km", 1))


def timeline(judged: Judged) -> Timeline:
    """What went on in the shift, and what was amiss."""
    one = judged.compliance
    begin, end = one.start, one.end
    known = [at for at in (one.began, one.ended) if at is not None]
    begin, end = min([begin, *known]), max([end, *known])
    lanes = []
    if judged.spans:
        lanes.append(Lane(Said("lane.activity"), judged.spans))
    if one.stops:
        lanes.append(
            Lane(Said("lane.stops"), tuple(sorted(_stop_span(stop) for stop in one.stops if stop.at is not None)))
        )
    lanes.append(Lane(Said("lane.deviations"), tuple((each.start, each.end, "deviation") for each in one.deviations)))
    lanes.append(Lane(Said("lane.speeding"), tuple((each.start, each.end, "speeding") for each in one.speedings)))
    lanes.append(Lane(Said("lane.gaps"), tuple((gap.start, gap.end, "gap") for gap in one.gaps)))
    return Timeline("shift", "chart.timeline", begin, end, tuple(lanes))


def _stop_span(stop: StopResult) -> tuple[int, int, str]:
    """A minute, so that it can be seen."""
    at = stop.at or 0
    return at, at + 60_000_000, stop.state
