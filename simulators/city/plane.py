"""The plane that the city is drawn on: metres east and north of an origin, and back to WGS-84 degrees."""

from __future__ import annotations

import math

ORIGIN_LAT = 30.58
ORIGIN_LON = 114.30

_A = 6_378_137.0  # WGS-84 semi-major axis
_E2 = 6.694_379_990_14e-3  # first eccentricity squared
_SIN = math.sin(math.radians(ORIGIN_LAT))
_W = math.sqrt(1 - _E2 * _SIN * _SIN)

METRES_PER_DEGREE_LAT = math.radians(1) * _A * (1 - _E2) / _W**3
METRES_PER_DEGREE_LON = math.radians(1) * _A / _W * math.cos(math.radians(ORIGIN_LAT))
"""Radii of curvature at the origin. Over a district of a few kilometres the plane is off by centimetres."""


def to_wgs84(x: float, y: float) -> tuple[float, float]:
    """(latitude, longitude) in degrees of a point ``x`` metres east and ``y`` metres north of the origin."""
    return ORIGIN_LAT + y / METRES_PER_DEGREE_LAT, ORIGIN_LON + x / METRES_PER_DEGREE_LON


def from_wgs84(lat: float, lon: float) -> tuple[float, float]:
    """(x, y) in metres of a WGS-84 position; the inverse of :func:`to_wgs84`."""
    return (lon - ORIGIN_LON) * METRES_PER_DEGREE_LON, (lat - ORIGIN_LAT) * METRES_PER_DEGREE_LAT
