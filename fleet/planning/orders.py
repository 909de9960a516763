"""What becomes of a plan: routes and plans as everybody knows them, and a work order for each stop.

The names of all of them follow from the plan's content, so that a plan that is entered twice is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from fleet.calendar import MINUTE, begins, span, wall
from fleet.master.collection import Master
from fleet.master.plan import Plan, Shift
from fleet.master.route import SKETCHED_M, Route, Stop, Window
from fleet.orders.order import State
from fleet.planning.course import course
from fleet.planning.distance import Streets
from fleet.planning.problem import CollectionPlan, Reason, Tour

OrderKind = Literal["collect", "tip"]
CORRIDOR_M = 50.0
TOLERANCE_MIN = 30  #: before and after its planned time a stop is on time


class WorkOrder(msgspec.Struct, frozen=True):
    """One thing that a vehicle is to do. ``device`` is the bin, or None at a tip; ``place`` the bin's or place's id.

    ``start``/``end`` is when it is planned (µs), ``sequence`` its place in the tour, from 1, ``run`` the plan that it
    comes from.
    """

    id: str
    kind: OrderKind
    vehicle: str
    place: str
    start: int
    end: int
    on: date
    sequence: int = 1
    device: str | None = None
    run: str | None = None
    state: State = "planned"
    reason: Reason | None = None
    lon: float | None = None
    lat: float | None = None


def run_of(plan: CollectionPlan) -> str:
    """The plan's name: its date and a digest of all that it says."""
    digest = hashlib.blake2b(msgspec.json.encode(plan), digest_size=6).hexdigest()
    return f"collection-{plan.on.isoformat()}-{digest}"


def work_orders(plan: CollectionPlan) -> tuple[WorkOrder, ...]:
    """An order for each bin and each visit to a tip, in the order of driving."""
    run, found = run_of(plan), []
    for tour in plan.tours:
        stops = [visit for visit in tour.visits if visit.kind in ("bin", "tip")]
        for sequence, visit in enumerate(stops, start=1):
            found.append(
                WorkOrder(
                    f"{run}:{tour.truck}:{sequence}",
                    "collect" if visit.kind == "bin" else "tip",
                    tour.truck,
                    visit.place,
                    visit.begin,
                    visit.leave,
                    plan.on,
                    sequence,
                    visit.place if visit.kind == "bin" else None,
                    run,
                    reason=visit.reason,
                    lon=visit.lon,
                    lat=visit.lat,
                )
            )
    return tuple(found)


def shift_of(on: date, begin: int, end: int, zone: str, known: Iterable[Shift]) -> Shift:
    """The shift that runs ``[begin, end)`` (µs) on a date, to the minute: one that is known, else a new one.

    Raises ValueError where ``begin`` is not on that date in the zone, and for more than 24 hours.
    """
    start = _minutes(on, begin, ZoneInfo(zone))
    if not 0 <= start < 24 * 60:
        raise ValueError(f"on: expected the date on which the shift begins in {zone}, got {on}")
    length = -((wall(on, start, zone) - end) // MINUTE)
    if length > 24 * 60:
        raise ValueError("end: expected at most 24 hours after begin")
    for shift in sorted(known, key=lambda one: one.id):
        if (shift.start, shift.length, shift.zone) == (start, length, zone) and begins(shift, on):
            return shift
    name = f"{start // 60:02d}{start % 60:02d}-{length}min-{zone.lower().replace('/', '-')}"
    return Shift(f"collection-{name}", start, length, zone)


def master_of(plan: CollectionPlan, shift: Shift, streets: Streets | None = None) -> Master:
    """The plan as master data: what compliance, trackers and reports go by."""
    return Master(routes=routes(plan, shift, streets), shifts=(shift,), plans=plans(plan, shift.id))


def routes(plan: CollectionPlan, shift: Shift, streets: Streets | None = None) -> tuple[Route, ...]:
    """A route for each tour, in force during the shift, with its stops and their windows in minutes of the date.

    Without streets its line leads straight from stop to stop, which nobody can drive: it is told to be a sketch.
    """
    return tuple(_route(plan, tour, shift, streets) for tour in plan.tours)


def plans(plan: CollectionPlan, shift: str) -> tuple[Plan, ...]:
    """The plans that bind the tours' routes to their trucks on the date."""
    run = run_of(plan)
    return tuple(
        Plan(plan_id(run, tour.truck), plan.on, shift, route=_route_id(plan, tour), vehicle=tour.truck)
        for tour in plan.tours
    )


def plan_id(run: str, truck: str) -> str:
    """The name of a tour's plan among the master data."""
    return f"{run}:{truck}"


def _route(plan: CollectionPlan, tour: Tour, shift: Shift, streets: Streets | None) -> Route:
    zone = ZoneInfo(shift.zone)
    visits = [visit for visit in tour.visits if visit.kind != "break"]
    line, along = course([(visit.lon, visit.lat) for visit in visits], streets)
    stops = [
        Stop(
            visit.place,
            visit.lon,
            visit.lat,
            device=visit.place,
            along_m=at,
            windows=(_window(plan.on, visit.begin, visit.leave, zone),),
            service_s=(visit.leave - visit.begin) / 1e6,
        )
        for visit, at in zip(visits, along, strict=True)
        if visit.kind == "bin"
    ]
    begin, end = span(shift, plan.on)  # a plan's route is the one in force when its shift begins
    return Route(
        _route_id(plan, tour),
        1,
        "collect",
        (line,),
        name=f"Collection {plan.on} {tour.truck}",
        name_zh=f"收运 {plan.on} {tour.truck}",
        corridor_m=CORRIDOR_M if streets is not None else SKETCHED_M,
        stops=tuple(stops),
        valid_from=begin,
        valid_until=end,
    )


def _route_id(plan: CollectionPlan, tour: Tour) -> str:
    """Short enough for an id: the truck's name counts by its digest."""
    truck = hashlib.blake2b(tour.truck.encode(), digest_size=4).hexdigest()
    return f"{run_of(plan)}-{truck}"


def _window(on: date, begin: int, leave: int, zone: ZoneInfo) -> Window:
    first, last = _minutes(on, begin, zone), _minutes(on, leave, zone) + 1
    return Window(max(0, first - TOLERANCE_MIN), last + TOLERANCE_MIN)


def _minutes(on: date, at: int, zone: ZoneInfo) -> int:
    """Minutes of the service day as the clock on the wall shows them, so that a clock change shifts nothing."""
    wall = datetime.fromtimestamp(at // 1_000_000, zone).replace(tzinfo=None)
    return int((wall - datetime(on.year, on.month, on.day)).total_seconds() // 60)  # noqa: DTZ001 - the wall's


def hours(orders: Sequence[WorkOrder]) -> tuple[int, int]:
    """From the first order's start to the last one's end (µs); (0, 0) without any."""
    return (min(one.start for one in orders), max(one.end for one in orders)) if orders else (0, 0)
