"""What became of the stops: served, late, early, missed or unknown, each with the strongest proof there is.

A bin that tells of its emptying has the last word, if the vehicle was there or nobody knows where it was. Next are the
lift and the load: each lift is one stop's, that which it is nearest to along the lines. Only for vehicles that tell of
neither does a halt count, and where the work needs no halt, passing by. Dwell time alone finds few (DOMAIN.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from devices.instants import from_datetime
from fleet.compliance.course import Course
from fleet.compliance.coverage import Possible
from fleet.compliance.matching import Matched
from fleet.compliance.result import Proof, Service, StopResult
from fleet.compliance.settings import Settings
from fleet.compliance.steps import Steps, spans
from fleet.master.plan import Plan
from fleet.master.route import Route, Stop
from fleet.track import Driven, Instants, Signal

Emptied = Mapping[str, Sequence[int]]
"""When bins told that they were emptied (µs), by the bin's id; a bin that is not there told nothing at all."""

ALONG_M = 30.0
"""How far before or behind the stop a lift may be, along the lines."""
SAME_LIFT_S = 120.0
"""A lift this near to an emptying was that of this bin."""
WEIGHT_KG = 3.0
_RANK: dict[Proof, int] = {"emptied": 0, "lift": 1, "weight": 2, "dwell": 3, "pass": 4}


class _Found(NamedTuple):
    """A stop was served."""

    stop: int
    at: int
    proof: Proof
    evidence: str


def stops(
    plan: Plan,
    route: Route,
    driven: Driven,
    made: Steps,
    matched: Matched,
    possible: Possible,
    course: Course,
    emptied: Emptied,
    settings: Settings,
) -> tuple[StopResult, ...]:
    """The stops in the order of the route, for each pass."""
    if not route.stops:
        return ()
    found = _emptied(route, driven, made, course, emptied, settings)
    found += _lifted(route, driven, made, matched, course, found, emptied, settings)
    if not _tells(driven):
        found += _halted(route, made, course, emptied, settings)
    served = _passes(found, len(route.stops), settings)
    results = []
    for number in range(1, route.passes + 1):
        for place, stop in enumerate(route.stops):
            planned = _window(plan, stop, number, settings)
            one = served[place][number - 1] if number <= len(served[place]) else None
            if one is None:
                # A bin that tells, and tells of no emptying, was not emptied, wherever the vehicle may have been.
                tells = stop.device is not None and stop.device in emptied
                maybe = 0 if tells else _maybe(possible, float(course.stop_along[place]))
                state: Service = "no_data" if len(served[place]) + maybe >= number else "missed"
                results.append(StopResult(stop.id, stop.device, number, state, planned))
            else:
                state = _timely(one.at, planned)
                results.append(
                    StopResult(stop.id, stop.device, number, state, planned, one.at, None, one.proof, one.evidence)
                )
    return _ordered(results)


def order_kept(results: Sequence[StopResult], route: Route) -> float | None:
    """The share of the served stops that come after their predecessor in the order of the route.

    A round is a circle: who begins in the middle, or drives another round, goes on from the last stop to the first.
    """
    place = {stop.id: number for number, stop in enumerate(route.stops)}
    done = sorted((one.at, place[one.stop]) for one in results if one.at is not None)
    if not done:
        return None
    ahead = [(after[1] - before[1]) % len(place) for before, after in pairwise(done)]
    return (1 + sum(one <= len(place) / 2 for one in ahead)) / len(done)


def _emptied(
    route: Route, driven: Driven, made: Steps, course: Course, emptied: Emptied, settings: Settings
) -> list[_Found]:
    """Stops whose bins told of it, with the vehicle near or unseen."""
    found = []
    for place, stop in enumerate(route.stops):
        for at in emptied.get(stop.device or "", ()):
            if not driven.start <= at < driven.end:
                continue
            reach = int(settings.emptied_within_s * 1e6)
            low, high = np.searchsorted(made.at, (at - reach, at + reach))
            if low == high:
                found.append(_Found(place, at, "emptied", f"{stop.device}: emptied, no position of the vehicle"))
                continue
            far = np.hypot(made.x[low:high] - course.stop_x[place], made.y[low:high] - course.stop_y[place]).min()
            if far <= max(stop.radius_m, settings.stop_near_m):
                found.append(_Found(place, at, "emptied", f"{stop.device}: emptied, vehicle {far:.0f} m away"))
            elif _unseen(made, at, reach):
                found.append(_Found(place, at, "emptied", f"{stop.device}: emptied in a gap of the vehicle"))
    return found


def _unseen(made: Steps, at: int, reach: int) -> bool:
    """Whether a gap touches the time about an instant."""
    low, high = np.searchsorted(made.at, (at - reach, at + reach))
    if low == 0 or high == len(made.at):
        return True
    return bool(made.gap[low - 1 : high].any())


def _tells(driven: Driven) -> bool:
    """Whether the vehicle tells when it takes something on."""
    return any(name in driven.signals and len(driven.signals[name].at) for name in ("lift", "lift_count", "load_kg"))


def _lifts(driven: Driven) -> tuple[Instants, Proof]:
    """The instants of lifts: counted, else as the signal rises, else where the load grows.

    What a counter gained while nothing was heard of it happened nobody knows where.
    """
    count, lift, load = (driven.signals.get(name) for name in ("lift_count", "lift", "load_kg"))
    if count is not None and len(count.at) > 1:
        risen = np.diff(count.value)
        heard = np.diff(count.at) <= SAME_LIFT_S * 1e6
        times = np.where((risen > 0) & heard, np.minimum(risen, 10), 0).astype(np.int64)
        return np.repeat(count.at[1:], times), "lift"
    if lift is not None and len(lift.at):
        return _rises(lift), "lift"
    if load is not None and len(load.at) > 1:
        return load.at[1:][(np.diff(load.value) >= WEIGHT_KG) & (np.diff(load.at) <= SAME_LIFT_S * 1e6)], "weight"
    return np.empty(0, np.int64), "lift"


def _rises(signal: Signal) -> Instants:
    on = signal.value >= 0.5
    return signal.at[on & ~np.concatenate(([False], on[:-1]))]


def _lifted(
    route: Route,
    driven: Driven,
    made: Steps,
    matched: Matched,
    course: Course,
    known: Sequence[_Found],
    emptied: Emptied,
    settings: Settings,
) -> list[_Found]:
    """Stops that a lift is nearest to which no emptying explains."""
    lifts, proof = _lifts(driven)
    lifts = lifts[(lifts >= driven.start) & (lifts < driven.end)]
    if not len(lifts) or not len(made.at):
        return []
    explained = sorted(one.at for one in known)
    found = []
    radius = np.array([stop.radius_m for stop in route.stops])
    latest = np.full(len(route.stops), -np.inf)
    for one in known:
        latest[one.stop] = max(latest[one.stop], one.at)
    silent = np.array([stop.device is None or stop.device not in emptied for stop in route.stops])
    for at in lifts.tolist():
        nearest = min(explained, key=lambda one: abs(one - at), default=None)
        if nearest is not None and abs(nearest - at) <= SAME_LIFT_S * 1e6:
            explained.remove(nearest)
            continue
        fix = int(np.searchsorted(made.at, at, "right")) - 1
        if fix < 0 or at - made.at[fix] > SAME_LIFT_S * 1e6:
            continue
        far = np.hypot(course.stop_x - made.x[fix], course.stop_y - made.y[fix])
        ahead = _ahead(matched, fix, course)
        # A bin that tells of its emptyings and told of none here is the last to be believed emptied.
        cost = np.where((far <= radius) & (ahead <= ALONG_M), far + ahead + np.where(silent, 0.0, 200.0), np.inf)
        # Two lifts in a row are two bins.
        cost = np.where(np.abs(at - latest) <= settings.separation_s * 1e6, np.inf, cost)
        place = int(np.argmin(cost))
        if np.isfinite(cost[place]):
            latest[place] = at
            found.append(_Found(place, at, proof, f"{proof}, {far[place]:.0f} m away"))
    return found


def _ahead(matched: Matched, fix: int, course: Course) -> np.ndarray:
    """How far from each stop a fix is along the lines; 0 where it is on none of them."""
    low, high = np.searchsorted(matched.fix, (fix - 3, fix + 4))
    if low == high:
        return np.zeros(len(course.stop_along))
    places: np.ndarray = np.abs(matched.place[low:high][None, :] - course.stop_along[:, None]).min(axis=1)
    return places


def _halted(route: Route, made: Steps, course: Course, emptied: Emptied, settings: Settings) -> list[_Found]:
    """Stops near which it halted; or passed by, where the work is done in driving."""
    found: list[_Found] = []
    still = ~made.moving & ~made.gap
    for first, end in zip(*spans(still), strict=True):
        seconds = float(made.seconds[first:end].sum())
        if seconds < settings.dwell_s:
            continue
        far = np.hypot(course.stop_x - made.x[first], course.stop_y - made.y[first])
        for place in np.flatnonzero(far <= [stop.radius_m for stop in route.stops]).tolist():
            if (route.stops[place].device or "") not in emptied:
                found.append(_Found(place, int(made.at[first]), "dwell", f"{seconds:.0f} s, {far[place]:.0f} m away"))
    if route.kind == "collect":
        return found
    for place, stop in enumerate(route.stops):
        near = np.hypot(made.x - course.stop_x[place], made.y - course.stop_y[place]) <= stop.radius_m
        found += [_Found(place, int(made.at[first]), "pass", "passed by") for first in spans(near)[0].tolist()]
    return found


def _passes(found: Sequence[_Found], count: int, settings: Settings) -> list[list[_Found]]:
    """For each stop its services in order of time; what comes soon after one belongs to it."""
    served: list[list[_Found]] = [[] for _ in range(count)]
    for one in sorted(found, key=lambda each: (each.at, _RANK[each.proof])):
        own = served[one.stop]
        if own and one.at - own[-1].at <= settings.separation_s * 1e6:
            if _RANK[one.proof] < _RANK[own[-1].proof]:
                own[-1] = one
            continue
        own.append(one)
    return served


def _maybe(possible: Possible, along: float) -> int:
    inside = (possible.begin <= along) & (possible.end >= along)
    return int(possible.times[inside].sum())


def _window(plan: Plan, stop: Stop, number: int, settings: Settings) -> tuple[int, int] | None:
    """When a stop was to be served in a pass (µs): its window of that number, or the last."""
    if not stop.windows:
        return None
    window = stop.windows[min(number, len(stop.windows)) - 1]
    midnight, zone = datetime.combine(plan.on, time()), ZoneInfo(settings.zone)
    start, end = (
        from_datetime((midnight + timedelta(minutes=minute)).replace(tzinfo=zone))
        for minute in (window.start, window.end)
    )
    return start, end


def _timely(at: int, planned: tuple[int, int] | None) -> Service:
    if planned is None or planned[0] <= at < planned[1]:
        return "served"
    return "early" if at < planned[0] else "late"


def _ordered(results: Sequence[StopResult]) -> tuple[StopResult, ...]:
    """The results with the order in which they were served, from 1."""
    served = sorted((one.at, place) for place, one in enumerate(results) if one.at is not None)
    order = {place: number for number, (_, place) in enumerate(served, 1)}
    return tuple(
        StopResult(
            one.stop, one.device, one.number, one.state, one.planned, one.at, order.get(place), one.proof, one.evidence
        )
        for place, one in enumerate(results)
    )
