from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators.city.chance import stream
from simulators.city.motion import Drive, reachable
from simulators.city.plane import from_wgs84, to_wgs84
from simulators.city.route import round_tour
from simulators.city.streets import ZONES, Streets


@given(
    length=st.floats(1, 500),
    v0=st.floats(0, 20),
    share=st.floats(0, 1),
    top=st.floats(1, 25),
    accel=st.floats(0.3, 2),
    brake=st.floats(0.3, 3),
)
def test_a_trapezoid_is_continuous_and_within_its_means(
    length: float, v0: float, share: float, top: float, accel: float, brake: float
) -> None:
    v0 = min(v0, reachable(0.0, length, brake), top)
    v1 = share * min(top, reachable(v0, length, accel))
    if v0 > reachable(v1, length, brake):
        v1 = v0
    drive = Drive(length, v0, v1, top, accel, brake)
    steps = 200
    previous = (0.0, v0)
    dt = drive.duration / steps
    for step in range(1, steps + 1):
        place, speed = drive.at(step * dt)
        assert previous[0] - 1e-6 <= place <= length + 1e-6
        assert -1e-6 <= speed <= max(top, v0, v1) + 1e-6
        assert -brake * dt - 1e-6 <= speed - previous[1] <= accel * dt + 1e-6
        assert abs(place - previous[0] - (speed + previous[1]) / 2 * dt) <= (accel + brake) * dt * dt + 1e-6
        previous = place, speed
    assert abs(previous[0] - length) < 1e-6
    span = drive.span_above(v1 + 0.5)
    if span is not None:
        assert drive.at((span[0] + span[1]) / 2)[1] >= v1 + 0.5 - 1e-6


def test_rounds_drive_every_street_of_the_zone_in_both_directions() -> None:
    for seed in range(6):
        streets = Streets(seed)
        assert len(streets.zones) == ZONES
        for number, zone in enumerate(streets.zones):
            tour = round_tour(zone, stream(seed, number))
            assert sorted(map(id, tour)) == sorted(map(id, zone))
            assert all(a.head == b.tail for a, b in zip(tour, (*tour[1:], tour[0]), strict=True))


def test_every_crossing_can_be_reached_from_the_depot() -> None:
    for seed in range(6):
        streets = Streets(seed)
        depot = streets.places["depot"]
        for node, leaving in enumerate(streets.leaving):
            if leaving and node != depot:
                way = streets.path(depot, node)
                assert way[0].tail == depot
                assert way[-1].head == node


def test_streets_are_long_enough_to_brake_on() -> None:
    for seed in range(6):
        assert min(arc.length for leaving in Streets(seed).leaving for arc in leaving) > 60


@given(st.floats(-5_000, 5_000), st.floats(-5_000, 5_000))
def test_the_plane_and_back(x: float, y: float) -> None:
    east, north = from_wgs84(*to_wgs84(x, y))
    assert abs(east - x) < 1e-4
    assert abs(north - y) < 1e-4
