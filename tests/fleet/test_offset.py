"""The distance from the plan: against a plain computation, and what is left out."""

from __future__ import annotations

from itertools import pairwise
from math import cos, hypot, inf, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.vocabulary import Device, Fix, Position, Quality
from fleet.master.places import Area
from fleet.master.places import Place as Site
from fleet.master.route import SKETCHED_M, Route
from fleet.offset import HOUR, METRES_PER_DEGREE, OffsetTracker, Place, Plan, PlannedOffsets, on_shift
from fleet.trackers.ports import Task

LAT, LON = 30.58, 114.30
EAST = METRES_PER_DEGREE * cos(radians(LAT))
DEVICE = Device(1, "vehicle-1", "vehicle")
MINUTE = 60_000_000
MIDNIGHT = 1_780_243_200_000_000  # 2026-06-01 in Shanghai


def spot(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of metres east and north of the first point."""
    return LON + x / EAST, LAT + y / METRES_PER_DEGREE


def offsets(plan: Plan, *fixes: Fix) -> list[float]:
    return [reading.value for reading in OffsetTracker({DEVICE.id: plan}).derive(fixes)]


def fix(x: float, y: float, at: int = MIDNIGHT, **marks: object) -> Fix:
    lon, lat = spot(x, y)
    return Fix(DEVICE, at, at, Position(lat, lon, **marks))  # type: ignore[arg-type]


coordinates = st.integers(-3_000, 3_000).map(float)
points = st.tuples(coordinates, coordinates)
lines = st.lists(st.lists(points, min_size=2, max_size=5), min_size=1, max_size=4)


@given(lines, points)
def test_it_is_the_distance_to_the_nearest_line(
    found: list[list[tuple[float, float]]], at: tuple[float, float]
) -> None:
    found = [[(0.0, 0.0), (1.0, 0.0)], *found]  # where the plane begins
    plan = Plan(tuple(tuple(spot(*point) for point in line) for line in found))
    nearest = min(_distance(at, one, other) for line in found for one, other in pairwise(line))
    assert offsets(plan, fix(*at)) == [pytest.approx(nearest, abs=0.1)]


def _distance(at: tuple[float, float], one: tuple[float, float], other: tuple[float, float]) -> float:
    """By halving the segment: slow and plain."""
    low, high = 0.0, 1.0
    nearest = inf
    for _ in range(60):
        thirds = (low + (high - low) / 3, high - (high - low) / 3)
        left, right = (
            hypot(*(a - (p + share * (q - p)) for a, p, q in zip(at, one, other, strict=True))) for share in thirds
        )
        nearest = min(nearest, left, right)
        low, high = (low, thirds[1]) if left < right else (thirds[0], high)
    return nearest


LINE = (spot(0, 0), spot(1_000, 0))


def test_places_count_as_planned() -> None:
    lon, lat = spot(500, 600)
    plan = Plan((LINE,), (Place(lat, lon, 70),))
    assert offsets(plan, fix(500, 200), fix(500, 630), fix(500, 700)) == [
        pytest.approx(200, abs=0.1),
        0,
        pytest.approx(30, abs=0.1),
    ]


def test_what_has_no_distance() -> None:
    plan = Plan((LINE,), shifts=((22 * 60, 480),))
    night, day = MIDNIGHT + 23 * 60 * MINUTE, MIDNIGHT + 12 * 60 * MINUTE
    assert offsets(plan, fix(0, 90, night), fix(0, 90, day), fix(0, 90, night, valid=False)) == [
        pytest.approx(90, abs=0.1)
    ]
    assert [*OffsetTracker({}).derive([fix(0, 90)])] == []


def test_the_reading_carries_the_marks_of_its_fix() -> None:
    marked = fix(0, 40)
    marked.quality, marked.claimed_at = int(Quality.CLOCK_WRONG), MIDNIGHT + 5
    (reading,) = OffsetTracker({DEVICE.id: Plan((LINE,))}).derive([marked])
    assert (reading.metric, reading.observed_at, reading.quality, reading.claimed_at) == (
        "route_offset_m",
        MIDNIGHT,
        Quality.CLOCK_WRONG,
        MIDNIGHT + 5,
    )


@pytest.mark.parametrize(
    ("minute", "on"), [(0, True), (359, True), (360, False), (1_319, False), (1_320, True), (1_439, True)]
)
def test_a_shift_past_midnight(minute: int, on: bool) -> None:
    plan = Plan((), shifts=((22 * 60, 480),))
    assert on_shift(plan, MIDNIGHT + minute * MINUTE) is on


def test_shifts_are_of_the_zone() -> None:
    assert on_shift(Plan((), shifts=((0, 60),), zone="UTC"), MIDNIGHT + 8 * 60 * MINUTE)
    assert on_shift(Plan(()), MIDNIGHT)


class Book:
    """A route in the first hour, a post in the second, nothing after that."""

    def __init__(self) -> None:
        self.sites: tuple[Site, ...] = ()

    def task(self, device: str, at: int) -> Task | None:
        hour = at // HOUR
        route = Route("r", 1, "sweep", (((114.0, 30.0), (114.1, 30.0)),), access=(((114.0, 30.0), (114.0, 30.1)),))
        area = Area("post", 1, "post", lines=(((114.0, 30.2), (114.1, 30.2)),), width_m=10)
        return (Task("a", 0, HOUR, route), Task("b", HOUR, 2 * HOUR, area=area), None)[min(hour, 2)]

    def places(self) -> tuple[Site, ...]:
        return self.sites


def test_the_distance_is_from_what_is_planned_at_that_instant() -> None:
    book = Book()
    offsets = PlannedOffsets(book)
    vehicle, bin_ = Device(1, "truck", "vehicle"), Device(2, "bin", "bin")
    north = Position(30.0 + 100 / 111_195, 114.05)

    def metres(at: int, device: Device = vehicle, place: Position = north) -> list[float]:
        return [one.value for one in offsets.derive([Fix(device, at, at, place)])]

    assert metres(5) == [pytest.approx(100, abs=0.2)]
    assert metres(5, place=Position(30.05, 114.0)) == [pytest.approx(0, abs=0.2)]
    assert metres(HOUR) == [pytest.approx(22_139, abs=30)]
    assert metres(2 * HOUR) == []
    assert metres(5, bin_) == []
    assert metres(5, place=Position(30.0, 114.0, valid=False)) == []
    book.sites = (Site("depot", "depot", 114.05, 30.0 + 100 / 111_195),)
    assert metres(5) == [0]


def test_from_a_sketch_nobody_is_far() -> None:
    class Sketch(Book):
        def task(self, device: str, at: int) -> Task | None:
            route = Route("r", 1, "collect", (((114.0, 30.0), (114.1, 30.0)),), corridor_m=SKETCHED_M)
            return Task("a", 0, HOUR, route)

    fixed = Fix(Device(1, "truck", "vehicle"), 5, 5, Position(30.1, 114.05))
    assert list(PlannedOffsets(Sketch()).derive([fixed])) == []
