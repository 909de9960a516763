from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.datum import gcj02_to_bd09, to_wgs84, wgs84_to_gcj02

# Public check pairs of the series.
PAIRS = [
    ((31.1774276, 121.5272106), (31.17530398, 121.53154186)),
    ((22.543847, 113.912316), (22.54079613, 113.91717658)),
]


@pytest.mark.parametrize(("wgs", "gcj"), PAIRS)
def test_public_check_pairs(wgs: tuple[float, float], gcj: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(*wgs) == pytest.approx(gcj, abs=2e-7)
    assert to_wgs84(*gcj, "gcj02") == pytest.approx(wgs, abs=2e-7)


@given(st.floats(18, 53), st.floats(74, 134))
def test_there_and_back(lat: float, lon: float) -> None:
    assert to_wgs84(*wgs84_to_gcj02(lat, lon), "gcj02") == pytest.approx((lat, lon), abs=1e-8)
    assert to_wgs84(*gcj02_to_bd09(*wgs84_to_gcj02(lat, lon)), "bd09") == pytest.approx((lat, lon), abs=2e-5)


@given(st.floats(-90, 0), st.floats(-180, 180), st.sampled_from(["gcj02", "bd09"]))
def test_outside_of_china_nothing_moves(lat: float, lon: float, datum: str) -> None:
    assert to_wgs84(lat, lon, datum) == (lat, lon)
