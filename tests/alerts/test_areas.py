"""Distances from the edges of areas, by hand: a degree of latitude is 111,195 m on the mean sphere."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.areas import Area, Polygon, distance, fault, faults, metres, within

SQUARE = ((114.0, 30.0), (114.01, 30.0), (114.01, 30.01), (114.0, 30.01), (114.0, 30.0))
HOLE = ((114.004, 30.004), (114.006, 30.004), (114.006, 30.006), (114.004, 30.006), (114.004, 30.004))
BLOCK = Area("block", geometry=Polygon((SQUARE,)))
RING = Area("ring", geometry=Polygon((SQUARE, HOLE)))
CIRCLE = Area("circle", lat=30.0, lon=114.0, radius_m=100)


def test_a_circle() -> None:
    assert distance(CIRCLE, 30.0, 114.0) == -100
    assert distance(CIRCLE, 30.001, 114.0) == pytest.approx(11.195, abs=0.01)
    # At 30 degrees north a degree of longitude is 0.866 of one of latitude: 96.3 m for a thousandth.
    assert distance(CIRCLE, 30.0, 114.001) == pytest.approx(-3.70, abs=0.02)


def test_a_polygon_and_its_hole() -> None:
    assert distance(BLOCK, 30.001, 114.005) == pytest.approx(-111.195, abs=0.1)
    assert distance(BLOCK, 29.999, 114.005) == pytest.approx(111.195, abs=0.1)
    assert distance(BLOCK, 29.999, 113.999) == pytest.approx((111.195**2 + 96.3**2) ** 0.5, abs=0.2), "to the corner"
    assert distance(RING, 30.005, 114.005) == pytest.approx(96.3, abs=0.2), "within the hole is outside"
    assert not within((RING,), 30.005, 114.005)
    assert within((CIRCLE, RING), 30.005, 114.003)


def test_across_the_antimeridian() -> None:
    area = Area("taveuni", lat=-16.8, lon=179.999, radius_m=1_000)
    assert distance(area, -16.8, -179.999) == pytest.approx(212.9 - 1_000, abs=0.5)


@given(st.floats(29.9, 30.1), st.floats(113.9, 114.1))
def test_a_square_is_inside_where_its_bounds_say(lat: float, lon: float) -> None:
    away = distance(BLOCK, lat, lon)
    if abs(away) > 0.5:
        assert (away < 0) == (30.0 < lat < 30.01 and 114.0 < lon < 114.01)
        assert abs(away) <= metres(lat, lon, 30.0, 114.0) + 1e-6


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ({"name": "a"}, "expected lat, lon and radius_m, or a geometry"),
        ({"name": "a", "lat": 1, "lon": 2}, "expected lat, lon and radius_m, or a geometry"),
        (
            {"name": "a", "radius_m": 2, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}},
            "expected lat, lon and radius_m, or a geometry, not both",
        ),
        (
            {"name": "a", "geometry": {"type": "Polygon", "coordinates": [[*SQUARE[:4], (0, 0)]]}},
            "geometry: expected rings that end where they begin",
        ),
        (
            {"name": "a", "geometry": {"type": "Polygon", "coordinates": [[(y, x) for x, y in SQUARE]]}},
            "geometry: expected points of longitude and latitude, in this order",
        ),
        (
            {"name": "a", "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE] * 500]}},
            "geometry: expected at most 2000 points",
        ),
        ({"name": "a", "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [SQUARE]]}}, None),
    ],
)
def test_what_is_wrong_with_an_area(area: dict[str, object], expected: str | None) -> None:
    assert fault(msgspec.convert(area, Area)) == expected


def test_names_of_areas_stand_once() -> None:
    assert faults("fences", (CIRCLE, BLOCK)) is None
    assert faults("fences", (CIRCLE, BLOCK, CIRCLE)) == "fences[2]: name: circle stands twice"
