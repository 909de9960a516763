"""Fill from distance."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.geometry import Geometry, fill_from_distance, geometry_of

BIN = {"empty_mm": 1_000, "full_mm": 200, "blind_mm": 100}


@pytest.mark.parametrize(
    ("distance", "fill"),
    [
        (1_000, 0),
        (600, 50),
        (200, 100),
        (150, 100),  # heaped above the mark
        (100, 100),
        (99, None),  # within the blind zone
        (0, None),
        (1_040, 0),  # the floor gives
        (1_051, None),
        (65_535, None),
        (float("nan"), None),
    ],
)
def test_a_distance_in_a_bin(distance: float, fill: float | None) -> None:
    assert fill_from_distance(distance, BIN) == fill
    geometry = geometry_of(BIN)
    assert geometry is not None
    assert (geometry.fault(distance) is None) == (fill is not None)


def test_why_there_is_no_fill() -> None:
    geometry = Geometry(1_000, 200, 100)
    assert geometry.fault(40) == "distance_mm: 40 is within the sensor's blind zone of 100 mm"
    assert geometry.fault(2_000) == "distance_mm: 2000 is beyond the floor of the bin at 1000 mm"


def test_the_depth_alone_will_do() -> None:
    assert geometry_of({"depth_mm": 1_150, "litres": 240}) == Geometry(1_150, 120)
    assert fill_from_distance(635, {"depth_mm": 1_150}) == 50
    assert geometry_of({"depth_mm": 1_150, "empty_mm": 1_100, "full_mm": 0}) == Geometry(1_100, 0)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"empty_mm": None},
        {"empty_mm": "1000"},
        {"empty_mm": True},
        {"empty_mm": -1},
        {"empty_mm": float("inf")},
        {"full_mm": 100},
        {"empty_mm": 100, "full_mm": 100},
        {"empty_mm": 100, "full_mm": 200},
        {"depth_mm": 110},
        {"empty_mm": 500, "full_mm": 100, "blind_mm": 500},
    ],
)
def test_what_is_no_geometry(attributes: dict[str, Any]) -> None:
    assert geometry_of(attributes) is None
    assert fill_from_distance(300, attributes) is None


@given(st.floats(0, 20_000), st.floats(0, 20_000), st.floats(0, 20_000), st.floats(0, 20_000))
def test_a_fill_is_a_per_cent_and_falls_with_the_distance(empty: float, full: float, near: float, far: float) -> None:
    attributes = {"empty_mm": empty, "full_mm": full}
    near, far = sorted((near, far))
    fills = [fill_from_distance(distance, attributes) for distance in (near, far)]
    assert all(fill is None or 0 <= fill <= 100 for fill in fills)
    if fills[0] is not None and fills[1] is not None:
        assert fills[0] >= fills[1]
