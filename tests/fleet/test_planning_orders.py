"""A plan as routes, plans and work orders; and its course on the map."""

from __future__ import annotations

import itertools
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.calendar import span, wall
from fleet.master.plan import Shift
from fleet.master.route import SKETCHED_M
from fleet.planning.course import course
from fleet.planning.distance import Streets, crow_travel, grid_travel
from fleet.planning.orders import TOLERANCE_MIN, plans, routes, run_of, shift_of, work_orders
from fleet.planning.problem import CollectionPlan, sites
from fleet.planning.solve import solve
from tests.fleet.planning_problems import ON, problem, row, truck
from tests.fleet.test_planning_distance import city, line


def made() -> CollectionPlan:
    one = problem(row(12), truck("vehicle-0001"))
    return solve(one, grid_travel(sites(one)))


def block(n: int = 5) -> Streets:
    """Blocks of 0.002 degrees, the lowest row one-way to the east."""
    points = [[(114.300 + x * 0.002, 30.580 + y * 0.002) for x in range(n)] for y in range(n)]
    across = [line(*r, oneway="yes" if not y else "no", limit_kmh=30 + y) for y, r in enumerate(points)]
    along = [line(*(points[y][x] for y in range(n)), limit_kmh=20 + x) for x in range(n)]
    return Streets(city(*across, *along))


spots = st.tuples(st.integers(0, 80), st.integers(0, 80)).map(lambda p: (114.3 + p[0] * 1e-4, 30.58 + p[1] * 1e-4))


@settings(max_examples=60, deadline=None)
@given(st.lists(spots, min_size=2, max_size=6))
def test_the_course_is_as_long_as_the_way_that_was_planned(through: list[tuple[float, float]]) -> None:
    streets = block()
    travel = streets.travel(through)
    drawn, along = course(through, streets)
    planned = sum(float(travel.metres[at, at + 1]) for at in range(len(through) - 1))
    assert along[-1] == pytest.approx(planned, abs=3)
    length = sum(float(crow_travel((a, b), detour=1.0).metres[0, 1]) for a, b in itertools.pairwise(drawn))
    assert length == pytest.approx(planned, abs=3)


def test_an_order_for_each_stop_in_the_order_of_driving() -> None:
    plan = made()
    orders = work_orders(plan)
    (tour,) = plan.tours
    assert [one.device for one in orders if one.kind == "collect"] == list(tour.bins)
    assert [one.sequence for one in orders] == list(range(1, 15))
    assert all(a.end <= b.start for a, b in itertools.pairwise(orders))
    assert {one.run for one in orders} == {run_of(plan)}
    assert len({one.id for one in orders}) == 14


def test_the_name_of_a_plan_follows_from_what_it_says() -> None:
    assert run_of(made()) == run_of(made())
    assert run_of(made()) != run_of(msgspec.structs.replace(made(), method="other"))


def test_routes_and_plans_bind_the_tour_to_its_truck() -> None:
    plan = made()
    early = Shift("early", 5 * 60, 480)
    (route,) = routes(plan, early)
    (bound,) = plans(plan, "early")
    assert bound.route == route.id
    assert len(route.id) <= 64
    assert (bound.vehicle, bound.on, bound.shift) == ("vehicle-0001", ON, "early")
    (tour,) = plan.tours
    assert [stop.device for stop in route.stops] == list(tour.bins)
    assert [stop.along_m for stop in route.stops] == sorted(stop.along_m or 0 for stop in route.stops)
    first = next(visit for visit in tour.visits if visit.kind == "bin")
    minutes = (first.begin // 60_000_000 + 8 * 60) % 1_440  # Shanghai is eight hours ahead
    assert route.stops[0].windows[0].start == minutes - TOLERANCE_MIN


def test_a_route_is_in_force_when_its_shift_begins_and_is_a_sketch_without_streets() -> None:
    plan, early = made(), Shift("early", 4 * 60, 720)
    begin, end = span(early, plan.on)
    (sketched,) = routes(plan, early)
    assert (sketched.valid_from, sketched.valid_until) == (begin, end)
    assert sketched.corridor_m == SKETCHED_M
    assert sketched.lines[0]
    street = line((114.30, 30.58), (114.315, 30.581), (114.34, 30.60), oneway="no", limit_kmh=30)
    (route,) = routes(plan, early, Streets(city(street)))
    assert route.corridor_m == 50


def test_the_shift_of_a_plan_is_one_that_is_known_or_a_new_one() -> None:
    zone = "Asia/Shanghai"
    begin, end = wall(ON, 5 * 60, zone), wall(ON, 13 * 60, zone)
    other = Shift("early", 5 * 60, 481)
    made_ = shift_of(ON, begin, end, zone, [other])
    assert made_ == Shift("collection-0500-480min-asia-shanghai", 5 * 60, 480, zone)
    assert span(made_, ON) == (begin, end)
    known = Shift("early", 5 * 60, 480)
    assert shift_of(ON, begin, end, zone, [other, known, made_]) in (known, made_)
    assert shift_of(ON, begin, end, zone, [known]) == known
    elsewhen = Shift("early", 5 * 60, 480, weekdays=((ON.weekday() + 1) % 7,))
    assert shift_of(ON, begin, end, zone, [elsewhen]) == made_
    assert shift_of(ON, begin + 30_000_000, end + 1, zone, []).length == 481  # to the minute, and never too short
    with pytest.raises(ValueError, match="on: expected the date on which the shift begins in America/New_York"):
        shift_of(ON, begin, end, "America/New_York", [])


def test_a_shift_ends_within_a_day() -> None:
    begin = wall(ON, 5 * 60, "Asia/Shanghai")
    with pytest.raises(ValueError, match="end: expected at most 24 hours after begin"):
        shift_of(ON, begin, begin + 25 * 3_600_000_000, "Asia/Shanghai", [])


def test_a_shift_of_the_night_when_clocks_change_runs_as_long_as_was_asked() -> None:
    on, zone = date(2026, 10, 24), "Europe/Berlin"
    begin, end = wall(on, 22 * 60, zone), wall(on, 30 * 60, zone)  # an hour comes twice
    shift = shift_of(on, begin, end, zone, [])
    assert shift.length == 540
    assert span(shift, on) == (begin, end)
