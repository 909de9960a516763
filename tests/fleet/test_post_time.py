"""Time on post, episodes away from it, standing still, and the streets that were walked."""

from __future__ import annotations

import numpy as np
import pytest

from fleet.evaluation.post_time import PostTime, hold_post
from fleet.evaluation.walked import Walked, walk
from fleet.master.places import Area
from fleet.track import Track, empty_track
from tests.fleet.duties import HOUR, LAT, LON, METRE, MINUTE, START, duty, walked

SPAN = (START, START + 8 * HOUR)


def there_and_back(begin: float, end: float, east: float = 0.0, top: float = 600.0) -> list[tuple[float, float, float]]:
    """Up the street and down again at 1 m/s, a position each half minute."""
    return [(float(minute), top - abs((minute * 60) % (2 * top) - top), east) for minute in np.arange(begin, end, 0.5)]


def held(track: Track, **changes: object) -> PostTime:
    found = hold_post(duty(**changes), SPAN, track)
    assert found is not None
    assert found.required_s == pytest.approx(found.on_s + found.off_s + found.rest_s + found.no_data_s)
    return found


def passed(track: Track, **changes: object) -> Walked:
    found = walk(duty(**changes), SPAN, track)
    assert found is not None
    assert found.planned == pytest.approx(found.walked + found.no_data + sum(one.length for one in found.missed), abs=1)
    return found


def test_who_walks_the_street_is_on_post_all_the_time() -> None:
    found = held(walked(there_and_back(0, 480)))
    assert (found.on_s, found.off_s, found.episodes, found.standings) == (8 * 3_600, 0, (), ())


def test_an_episode_off_post_has_its_length_and_distance() -> None:
    points = [*there_and_back(0, 100), *there_and_back(100, 130, east=300), *there_and_back(130, 480)]
    found = held(walked(points))
    (one,) = found.episodes
    assert ((one.start - START) / MINUTE, (one.end - START) / MINUTE) == (100, 130)
    assert one.greatest_m == pytest.approx(260, abs=1)
    assert (found.off_s, one.off_s) == (1_800, 1_800)


def test_noise_at_the_border_makes_no_episodes() -> None:
    border = [(minute, y, 40 + 14 * (index % 2)) for index, (minute, y, _) in enumerate(there_and_back(0, 480))]
    assert held(walked(border)).episodes == ()
    outlier = [(minute, y, 400 if index == 50 else 0) for index, (minute, y, _) in enumerate(there_and_back(0, 480))]
    assert held(walked(outlier)).episodes == ()


def test_breaks_and_rest_zones_are_not_off_post() -> None:
    points = walked([*there_and_back(0, 100), *there_and_back(100, 130, east=300), *there_and_back(130, 480)])
    resting = held(points, breaks=((START + 95 * MINUTE, START + 135 * MINUTE),))
    assert (resting.off_s, resting.episodes, resting.required_s) == (0, (), 8 * 3_600 - 2_400)
    away = LON + 300 * METRE / np.cos(np.radians(LAT))
    zone = Area("rest-1", 1, "rest", lines=(((away, LAT), (away, LAT + 600 * METRE)),), width_m=30)
    zoned = held(points, rest=(zone,))
    assert (zoned.off_s, zoned.rest_s) == (0, 1_800)


def test_gaps_are_no_data() -> None:
    found = held(walked([*there_and_back(0, 100), *there_and_back(160, 480)]))
    assert found.no_data_s == pytest.approx(3_630)
    assert found.off_s == 0
    nothing = held(empty_track())
    assert (nothing.on_s, nothing.no_data_s) == (0, 8 * 3_600)


def test_standing_still_is_noted_and_not_off_post() -> None:
    points = [*there_and_back(0, 100), *((m, 400.0, 0.0) for m in np.arange(100, 130, 0.5)), *there_and_back(130, 480)]
    found = held(walked(points))
    (one,) = found.standings
    assert one.end - one.start == pytest.approx(30 * MINUTE, abs=2 * MINUTE)
    assert found.off_s == 0
    assert held(walked(points), breaks=((START + 90 * MINUTE, START + 135 * MINUTE),)).standings == ()


def test_the_share_of_the_streets_that_was_walked() -> None:
    assert passed(walked(there_and_back(0, 480))).share == 1
    half = passed(walked(there_and_back(0, 480, top=300)))
    assert half.walked == pytest.approx(325, abs=11)
    (missed,) = half.missed
    assert missed.length == pytest.approx(275, abs=11)
    assert missed.begin[1] < missed.end[1]


def test_what_may_have_been_walked_in_a_gap_is_not_missed() -> None:
    gap = [*there_and_back(0, 100, top=300), *there_and_back(160, 480, top=300)]
    found = passed(walked(gap))
    assert (found.missed, found.share) == ((), 1)
    assert found.no_data == pytest.approx(275, abs=11)
    short = [*there_and_back(0, 100, top=300), *there_and_back(103.5, 480, top=300)]
    assert passed(walked(short)).share == pytest.approx(0.54, abs=0.16)
    assert passed(empty_track()).share is None


def test_an_area_of_polygons_is_walked_by_cells() -> None:
    east, north = 200 * METRE / np.cos(np.radians(LAT)), 200 * METRE
    ring = ((LON, LAT), (LON + east, LAT), (LON + east, LAT + north), (LON, LAT + north), (LON, LAT))
    square = Area("grid-1", 1, "grid", polygons=((ring,),))
    lanes = [(lane * 4 + part / 2, part * 25.0, 20 + lane * 40.0) for lane in range(5) for part in range(9)]
    filled = [(float(m), 100.0, 100.0) for m in np.arange(25, 480, 2)]
    assert passed(walked([*lanes, *filled]), area=square).share == 1
    some = passed(walked([*lanes[:9], *((m + 5.0, 0.0, 20.0) for m in range(475))]), area=square)
    assert some.share == pytest.approx(0.2, abs=0.11)


def test_a_duty_without_a_post_is_not_judged_by_place() -> None:
    assert hold_post(duty(area=None), SPAN, empty_track()) is None
    assert walk(duty(area=None), SPAN, empty_track()) is None
