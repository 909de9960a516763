"""A plan with all that it is judged by, and how it is judged for a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fleet.compliance.judge import judge
from fleet.compliance.settings import Settings
from fleet.compliance.window import ordered, within
from fleet.master.places import Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.reports.compliance.judged import AlarmSeen, Judged
from fleet.reports.document import Name
from fleet.reports.drawing.geometry import track_lines
from fleet.track import Driven

MOST_TANK_L = 5_000.0  #: beyond what a vehicle on the road carries: such a number is a slip


class Planned(NamedTuple):
    """What is stored about a plan. ``shift_span`` is ``[start, end)`` in µs; names are as people gave them.

    ``emptied`` is when the bins of the route told that they were emptied. ``tank_l`` is how much the vehicle's tank
    holds: without it there is no fuel in litres of a vehicle that tells its level in per cent.
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
    tank_l: float | None = None


def tank_of(attributes: Mapping[str, object]) -> float | None:
    """How many litres a vehicle's tank holds, of its attribute ``tank_l``; None where that is no such number."""
    told = attributes.get("tank_l")
    known = isinstance(told, (int, float)) and not isinstance(told, bool) and 0 < told <= MOST_TANK_L
    return float(told) if known else None  # type: ignore[arg-type]


def judged(piece: Planned) -> Judged:
    """The plan judged; of what was driven only the lines of the map are left."""
    compliance = judge(
        piece.plan, piece.route, piece.shift_span, piece.driven, piece.places, Settings(tank_l=piece.tank_l),
        emptied=piece.emptied,
    )  # fmt: skip
    return Judged(
        compliance=compliance,
        route=piece.route,
        plan=piece.plan,
        vehicle_name=piece.vehicle_name,
        drivers=piece.people,
        shift=piece.shift,
        track=track_lines(within(ordered(piece.driven), *piece.shift_span).track),
        depots=tuple((place.lon, place.lat) for place in piece.places if place.role == "depot"),
        alarms=tuple(sorted(piece.alarms, key=lambda one: (one.at, one.rule))),
    )
