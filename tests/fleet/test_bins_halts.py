"""Where trucks stood and lifted."""

import numpy as np

from fleet.bins.halts import Halts, passings
from fleet.track import Driven, Signal, Track, empty_track

SECOND = 1_000_000
LAT, LON = 30.5, 114.3


def driven(*rows: tuple[float, float, float, float], vehicle: str = "truck-1") -> Driven:
    """Rows of seconds, metres to the north, km/h, lift."""
    at, north, speed, on = (np.array(column, float) for column in zip(*rows, strict=True))
    instants = (at * SECOND).astype(np.int64)
    track = Track(instants, LAT + north / 111_195, np.full(len(at), LON), speed, speed)
    return Driven(vehicle, 0, 10**12, track, {"lift": Signal(instants, on)})


ROUND = driven((0, 0, 20, 0), (10, 50, 15, 0), (20, 60, 0, 1), (50, 60, 0, 1), (55, 60, 0, 0), (70, 120, 20, 0))


def test_a_lift_and_a_dwell_are_found_where_they_were() -> None:
    lifted, stood = sorted(Halts([ROUND]).beside(LAT + 60 / 111_195, LON), key=lambda halt: not halt.lifted)
    assert (lifted.start, lifted.end, lifted.lifted, lifted.vehicle) == (20 * SECOND, 55 * SECOND, True, "truck-1")
    assert (stood.start, stood.end, stood.lifted) == (20 * SECOND, 55 * SECOND, False)
    assert lifted.distance_m < 1
    assert Halts([ROUND]).beside(LAT + 120 / 111_195, LON) == []


def test_a_lift_that_nobody_took_back_does_not_hold_for_ever() -> None:
    left_on = driven((0, 0, 0, 1), (3_600, 0, 0, 0))
    assert [halt.end for halt in Halts([left_on]).beside(LAT, LON) if halt.lifted] == [180 * SECOND]
    begun = driven((0, 0, 0, 0), (10, 0, 0, 1))
    assert [halt.end for halt in Halts([begun]).beside(LAT, LON) if halt.lifted] == [10 * SECOND]


def test_no_data_is_no_witness() -> None:
    assert Halts().beside(LAT, LON) == []
    nobody = Driven("truck-1", 0, 1, empty_track(), {})
    assert Halts([nobody]).beside(LAT, LON) == []
    without_positions = Driven("truck-1", 0, 1, empty_track(), {"lift": Signal(np.array([1]), np.array([1.0]))})
    assert Halts([without_positions]).beside(LAT, LON) == []


def test_who_drives_by_comes_by_also_between_two_positions() -> None:
    by = driven((0, -400, 30, 0), (10, -300, 30, 0), (20, 200, 30, 0), (30, 300, 30, 0), (300, -300, 30, 0))
    (once,) = passings(by, LAT, LON)
    assert (once.vehicle, once.start, once.end, once.distance_m) == ("truck-1", 10 * SECOND, 20 * SECOND, 0)
    (near,) = passings(ROUND, LAT + 120 / 111_195, LON)
    assert (near.start, near.end) == (55 * SECOND, 70 * SECOND)
    assert passings(by, LAT + 400 / 111_195, LON) == [], "nothing is known of the minutes without positions"
    assert passings(Driven("truck-1", 0, 1, empty_track(), {}), LAT, LON) == []
    (there,) = passings(driven((0, 3, 0, 0)), LAT, LON)
    assert (there.start, there.end) == (0, 0)
