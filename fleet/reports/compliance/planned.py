"""A plan with all that it is judged by, and how it is judged for a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fleet.compliance.judge import judge
from fleet.master.places import Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.reports.compliance.judged import AlarmSeen, Judged
from fleet.reports.document import Name
from fleet.reports.drawing.geometry import track_lines
from fleet.reports.vehicles.day import day_of
from fleet.track import Driven, Track


class Planned(NamedTuple):
    """What is stored about a plan. ``shift_span`` is ``[start, end)`` in µs; names are as people gave them.

    ``emptied`` is when the bins of the route told that they were emptied.
    """

    plan: Plan
    route: Route
    shift_span: tuple[int, int]
    driven: Driven
    places: tuple[Place, ...] = ()
    emptied: Mapping[str, tuple[int, ...]] = {}
    vehicle_name: str = ""
    people: tuple[str, ...] = ()
    shift: Name = Name("")
    alarms: tuple[AlarmSeen, ...] = ()


def judged(piece: Planned) -> Judged:
    """The plan judged; of what was driven only the lines of the map are left."""
    compliance = judge(
        piece.plan, piece.route, piece.shift_span, piece.driven, piece.places, emptied=piece.emptied
    )  # fmt: skip
    inside = _within(piece.driven, *piece.shift_span)
    return Judged(
        compliance=compliance,
        route=piece.route,
        plan=piece.plan,
        vehicle_name=piece.vehicle_name,
        drivers=piece.people,
        shift=piece.shift,
        track=track_lines(inside.track),
        spans=day_of(inside).spans,
        depots=tuple((place.lon, place.lat) for place in piece.places if place.role == "depot"),
        alarms=tuple(sorted(piece.alarms, key=lambda one: (one.at, one.rule))),
    )


def _within(driven: Driven, start: int, end: int) -> Driven:
    at, lat, lon, speed, heading = driven.track
    inside = (at >= start) & (at < end)
    track = Track(at[inside], lat[inside], lon[inside], speed[inside], heading[inside])
    return Driven(driven.device, start, end, track, {})
