from __future__ import annotations

import math

import numpy as np
import pytest

from fleet.geometry.plane import plane_at, plane_of
from fleet.geometry.polylines import polylines


def vincenty_m(lon0: float, lat0: float, lon1: float, lat1: float) -> float:
    """Vincenty's inverse formula on WGS-84: the distance that the plane is held against."""
    a, f = 6_378_137.0, 1 / 298.257223563
    b, difference = (1 - f) * a, math.radians(lon1 - lon0)
    u0, u1 = (math.atan((1 - f) * math.tan(math.radians(lat))) for lat in (lat0, lat1))
    far = difference
    for _ in range(50):
        sin_s = math.hypot(
            math.cos(u1) * math.sin(far),
            math.cos(u0) * math.sin(u1) - math.sin(u0) * math.cos(u1) * math.cos(far),
        )
        cos_s = math.sin(u0) * math.sin(u1) + math.cos(u0) * math.cos(u1) * math.cos(far)
        s = math.atan2(sin_s, cos_s)
        sin_a = math.cos(u0) * math.cos(u1) * math.sin(far) / sin_s
        cos2 = 1 - sin_a**2
        cos_m = cos_s - 2 * math.sin(u0) * math.sin(u1) / cos2
        c = f / 16 * cos2 * (4 + f * (4 - 3 * cos2))
        far = difference + (1 - c) * f * sin_a * (s + c * sin_s * (cos_m + c * cos_s * (2 * cos_m**2 - 1)))
    u = cos2 * (a * a - b * b) / (b * b)
    big_a = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    big_b = u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))
    turn = big_b / 4 * (cos_s * (2 * cos_m**2 - 1) - big_b / 6 * cos_m * (4 * sin_s**2 - 3) * (4 * cos_m**2 - 3))
    return b * big_a * (s - big_b * sin_s * (cos_m + turn))


@pytest.mark.parametrize("lat", [-45.0, 0.5, 30.58, 45.0])
def test_a_street_ten_kilometres_away_is_right_to_two_parts_in_a_thousand(lat: float) -> None:
    plane = plane_at(114.30, lat)
    for angle in range(0, 360, 45):
        x, y = 10_000 * math.cos(math.radians(angle)), 10_000 * math.sin(math.radians(angle))
        for dx, dy in ((100.0, 0.0), (0.0, 100.0), (70.0, 70.0)):
            one, other = plane.degrees(x, y), plane.degrees(x + dx, y + dy)
            assert vincenty_m(*one, *other) == pytest.approx(math.hypot(dx, dy), rel=2e-3)


def test_degrees_and_metres_are_inverse_across_the_180th_meridian() -> None:
    plane = plane_of((((179.99, -17.0), (-179.99, -17.01)),))
    x, y = plane.metres(np.array([179.995, -179.995]), np.array([-17.0, -17.0]))
    assert x[1] - x[0] == pytest.approx(1_065, abs=2)
    assert plane.degrees(float(x[1]), float(y[1])) == pytest.approx((-179.995, -17.0))


def test_lines_that_follow_one_another_have_one_measure_and_others_do_not() -> None:
    plane = plane_at(0.0, 0.0)
    points = [plane.degrees(x, 0.0) for x in (0.0, 100.0, 100.0, 250.0, 400.0)]
    made = polylines([(points[0], points[1], points[2]), (points[2], points[3])], plane)
    assert made.total_m == pytest.approx(250)
    assert made.ends[1] == pytest.approx(250)
    apart = polylines([(points[0], points[1]), (points[3], points[4])], plane)
    assert apart.begins[1] - apart.ends[0] > 100_000
    assert apart.measure(130.0) == pytest.approx(apart.begins[1] + 30, abs=0.01)
    assert apart.point(apart.measure(130.0)) == pytest.approx((280.0, 0.0), abs=0.01)
