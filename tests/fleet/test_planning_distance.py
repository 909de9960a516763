"""Ways over streets: the quickest, in the right direction, and the same as networks that a person can work out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.planning.distance import StreetError, Streets, crow_travel, grid_travel


def line(*points: tuple[float, float], **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [list(p) for p in points]},
        "properties": properties,
    }


def city(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


A, B, C, D = (114.300, 30.58), (114.310, 30.58), (114.310, 30.59), (114.300, 30.59)
SIDE = float(crow_travel((A, B), detour=1.0).metres[0, 1])
UP = float(crow_travel((B, C), detour=1.0).metres[0, 1])


def test_the_way_follows_the_streets() -> None:
    travel = Streets(city(line(A, B, C, limit_kmh=36))).travel((A, C, (114.305, 30.5801)))
    assert travel.metres[0, 1] == pytest.approx(SIDE + UP)
    assert travel.seconds[0, 1] == pytest.approx((SIDE + UP) / 10)
    assert travel.metres[2, 1] == pytest.approx(SIDE / 2 + UP, rel=1e-3)
    assert travel.metres[2, 2] == 0
    np.testing.assert_allclose(travel.metres, travel.metres.T)


def test_a_one_way_street_is_not_driven_against() -> None:
    block = city(line(A, B, oneway="yes"), line(B, C), line(C, D), line(D, A))
    there, back = Streets(block).travel((A, B)).metres[[0, 1], [1, 0]]
    assert there == pytest.approx(SIDE)
    assert back == pytest.approx(SIDE + 2 * UP, rel=1e-3)
    against = Streets(city(line(A, B, oneway="-1"))).travel((A, B))
    assert against.metres[0, 1] == np.inf
    assert against.metres[1, 0] == pytest.approx(SIDE)


def test_behind_one_on_a_one_way_street_is_all_the_way_round() -> None:
    block = city(line(A, B, oneway="yes"), line(B, C), line(C, D), line(D, A))
    travel = Streets(block).travel(((114.303, 30.58), (114.307, 30.58)))
    assert travel.metres[0, 1] == pytest.approx(SIDE * 0.4, rel=1e-3)
    assert travel.metres[1, 0] == pytest.approx(SIDE * 1.6 + 2 * UP, rel=1e-3)


def test_the_quickest_way_may_be_longer() -> None:
    fast = city(line(A, B, maxspeed="10"), line(A, D, C, B, maxspeed="60 km/h"))
    travel = Streets(fast).travel((A, B))
    assert travel.metres[0, 1] == pytest.approx(SIDE + 2 * UP, rel=1e-3)


def test_streets_that_do_not_meet_have_no_way_between_them() -> None:
    travel = Streets(city(line(A, B), line(D, C))).travel((A, D))
    assert travel.seconds[0, 1] == travel.metres[0, 1] == np.inf


def test_foot_paths_are_no_streets() -> None:
    with pytest.raises(StreetError, match="that trucks may use"):
        Streets(city(line(A, B, highway="footway")))


def test_a_site_far_from_all_streets_is_named() -> None:
    with pytest.raises(StreetError, match=r"\(114\.400000, 30\.580000\): the nearest street is"):
        Streets(city(line(A, B))).travel((A, (114.4, 30.58)))


def test_swapped_coordinates_are_told() -> None:
    with pytest.raises(StreetError, match=r"features\[0\]"):
        Streets(city(line(A, B) | {"geometry": {"type": "LineString", "coordinates": ["ab", "c"]}}))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 98), min_size=1, max_size=5, unique=True))
def test_vertices_that_are_no_crossings_change_nothing(cuts: list[int]) -> None:
    points = [(A[0] + (B[0] - A[0]) * cut / 100, A[1]) for cut in sorted(cuts)]
    sites = (A, B, C, (114.304, 30.58))
    plain = Streets(city(line(A, B), line(B, C))).travel(sites)
    shaped = Streets(city(line(A, *points, B), line(B, C)))
    split = Streets(city(line(A, points[0]), line(*(points[0], *points[1:], B)), line(B, C)))
    assert shaped.crossings == 3
    for other in (shaped, split):
        np.testing.assert_allclose(other.travel(sites).metres, plain.metres, atol=0.05)


def test_without_streets_there_is_a_grid_or_a_detour() -> None:
    sites = (A, C)
    assert crow_travel(sites).metres[0, 1] == pytest.approx(1.3 * np.hypot(SIDE, UP), rel=1e-3)
    assert grid_travel(sites).metres[0, 1] == pytest.approx(SIDE + UP, rel=1e-3)
    assert grid_travel(sites, kmh=36).seconds[0, 1] == pytest.approx((SIDE + UP) / 10, rel=1e-3)
    assert crow_travel(()).metres.shape == (0, 0)
