"""A plan with all that it is judged by, and how it is judged for a report."""

from __future__ import annotations

from typing import NamedTuple

from fleet.compliance.result import Compliance
from fleet.master.places import Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.reports.compliance.judged import AlarmSeen, Judged
from fleet.reports.document import Name
from fleet.reports.drawing.geometry import track_lines
from fleet.reports.ports import Judge
from fleet.reports.vehicles.day import day_of
from fleet.track import Driven


class Planned(NamedTuple):
    """What is stored about a plan. ``shift_span`` is ``[start, end)`` in µs; names are as people gave them."""

    judge: Judge
    plan: Plan
    route: Route
    shift_span: tuple[int, int]
    driven: Driven
    places: tuple[Place, ...] = ()
    vehicle_name: str = ""
    people: tuple[str, ...] = ()
    shift: Name = Name("")
    alarms: tuple[AlarmSeen, ...] = ()


def judged(piece: Planned) -> Judged:
    """The plan judged; of what was driven only the lines of the map are left."""
    compliance = piece.judge(piece.plan, piece.route, piece.shift_span, piece.driven, piece.places)
    return Judged(
        compliance=compliance,
        route=piece.route,
        plan=piece.plan,
        vehicle_name=piece.vehicle_name,
        drivers=piece.people,
        shift=piece.shift,
        track=track_lines(piece.driven.track),
        spans=_spans(piece.driven, compliance),
        depots=tuple((place.lon, place.lat) for place in piece.places if place.role == "depot"),
        alarms=tuple(sorted(piece.alarms, key=lambda one: (one.at, one.rule))),
    )


def _spans(driven: Driven, compliance: Compliance) -> tuple[tuple[int, int, str], ...]:
    """Driving, standing and silence within the shift; the split into work and transit stands in the figures."""
    inside = day_of(Driven(driven.device, compliance.start, compliance.end, driven.track, {}))
    return inside.spans
