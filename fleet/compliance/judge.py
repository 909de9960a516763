"""A plan judged: planned against driven, from nothing but the arguments, so that the same data says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fleet.compliance.cleaning import clean
from fleet.compliance.consumption import fuel_l, loads
from fleet.compliance.course import Course, course_of
from fleet.compliance.coverage import Possible, covered
from fleet.compliance.deviations import beyond, deviations
from fleet.compliance.line_ends import to_the_ends
from fleet.compliance.matching import Matched, match
from fleet.compliance.result import Compliance, Gap
from fleet.compliance.settings import Settings
from fleet.compliance.speeds import speedings, wrong_speed_m
from fleet.compliance.spells import spells
from fleet.compliance.steps import Steps, gaps, steps
from fleet.compliance.stops import Emptied, order_kept, stops
from fleet.compliance.unseen import possible
from fleet.compliance.way import way
from fleet.compliance.window import ordered, within
from fleet.master.places import Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.track import Driven

METRICS = ("ignition", "mileage_km", "lift", "lift_count", "load_kg", "hopper_pct", "fuel_l", "fuel_pct")
"""What is judged besides the signals of the route's work; a device need not have any of them."""


def metrics_of(route: Route) -> tuple[str, ...]:
    """The metrics that a judgement of a route asks for."""
    asked = ("ignition", "mileage_km", "fuel_l", "fuel_pct") if route.kind != "collect" else METRICS
    return tuple(dict.fromkeys((*route.work, *asked)))


def judge(
    plan: Plan,
    route: Route,
    shift_span: tuple[int, int],
    driven: Driven,
    places: Sequence[Place] = (),
    settings: Settings | None = None,
    *,
    emptied: Emptied | None = None,
) -> Compliance:
    """What became of a plan in its shift ([start, end), µs).

    ``driven`` holds at least the shift; what is outside counts for nothing. ``emptied`` is when the bins of the
    route's stops told that they were emptied, for all bins that told anything in the shift. The order of the data and
    what is in it twice change nothing.
    """
    settings = settings or Settings()
    seen = _see(route, shift_span, driven, places, settings)
    return _judged(plan, route, shift_span, seen, emptied or {}, settings)


class _Seen(NamedTuple):
    """What is known of a shift before anything is judged: its steps, where they fit the lines, and its gaps."""

    driven: Driven
    course: Course
    made: Steps
    gaps: tuple[Gap, ...]
    matched: Matched
    unseen: Possible


def _see(
    route: Route, shift_span: tuple[int, int], driven: Driven, places: Sequence[Place], settings: Settings
) -> _Seen:
    """Put what was driven in order, on the plane and on the lines."""
    course = course_of(route, tuple(places), beyond(route.corridor_m, settings))
    driven = within(ordered(driven), *shift_span)
    track = clean(driven.track, settings)
    x, y = course.plane.metres(track.lon, track.lat)
    made = steps(track, x, y, driven, route.work, settings)
    missing = gaps(made, *shift_span, settings)
    matched = match(made, course, route)
    matched = matched._replace(runs=to_the_ends(matched.runs, made, course, route))
    unseen = possible(missing, made, matched, course, route, settings)
    return _Seen(driven, course, made, missing, matched, unseen)


def _judged(
    plan: Plan, route: Route, shift_span: tuple[int, int], seen: _Seen, emptied: Emptied, settings: Settings
) -> Compliance:
    passes, stretches = covered(seen.matched.runs, seen.unseen, seen.course, route, settings)
    results = stops(plan, route, seen.driven, seen.made, seen.matched, seen.unseen, seen.course, emptied, settings)
    total = way(seen.made, seen.course, seen.gaps, *shift_span)
    return Compliance(
        plan=plan.id,
        route=route.id,
        route_version=route.version,
        vehicle=seen.driven.device,
        start=shift_span[0],
        end=shift_span[1],
        completeness=total.completeness,
        began=total.began,
        ended=total.ended,
        driven_m=total.driven_m,
        passes=passes,
        stretches=stretches,
        stops=results,
        deviations=deviations(seen.made, seen.driven, seen.course, settings),
        speedings=speedings(seen.made, route, settings),
        gaps=seen.gaps,
        split=total.split,
        wrong_speed_m=wrong_speed_m(seen.made, route),
        empty_running=total.empty_running,
        order_kept=order_kept(results, route),
        fuel_l=fuel_l(seen.driven, settings),
        loads=loads(seen.driven, seen.made, seen.course, settings),
        spells=spells(seen.made, seen.gaps),
    )
