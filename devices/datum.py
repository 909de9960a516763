"""Conversions between WGS-84 and the Chinese map datums GCJ-02 and BD-09.

The hub stores WGS-84 only. GCJ-02 ("Mars coordinates") shifts positions inside China by 50 to 700 m; BD-09 adds
Baidu's own shift. Both are applied inside a bounding box of China and are the identity outside of it. The series
are the publicly known ones; the public check pairs are held by a test.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, cos, fabs, pi, sin, sqrt

_A = 6378245.0  # semi-major axis of the Krasovsky 1940 ellipsoid, m
_EE = 0.00669342162296594323  # its eccentricity squared
_X_PI = pi * 3000.0 / 180.0

Datum = str
DATUMS: tuple[Datum, ...] = ("wgs84", "gcj02", "bd09")


def in_china(lat: float, lon: float) -> bool:
    """Whether the shift applies: the customary bounding box, generous at sea."""
    return 72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271


def _shift(lat: float, lon: float) -> tuple[float, float]:
    x, y = lon - 105.0, lat - 35.0
    waves = 20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(fabs(x))
    d_lat += (waves + 20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    d_lat += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(fabs(x))
    d_lon += (waves + 20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    d_lon += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    rad = lat / 180.0 * pi
    magic = 1.0 - _EE * sin(rad) ** 2
    d_lat = d_lat * 180.0 / (_A * (1.0 - _EE) / (magic * sqrt(magic)) * pi)
    d_lon = d_lon * 180.0 / (_A / sqrt(magic) * cos(rad) * pi)
    return d_lat, d_lon


def wgs84_to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """WGS-84 degrees to GCJ-02 degrees."""
    if not in_china(lat, lon):
        return lat, lon
    d_lat, d_lon = _shift(lat, lon)
    return lat + d_lat, lon + d_lon


def gcj02_to_wgs84(lat: float, lon: float) -> tuple[float, float]:
    """GCJ-02 degrees to WGS-84 degrees, by fixed-point iteration to better than 1e-9 degree."""
    if not in_china(lat, lon):
        return lat, lon
    guess_lat, guess_lon = lat, lon
    for _ in range(12):
        there_lat, there_lon = wgs84_to_gcj02(guess_lat, guess_lon)
        err_lat, err_lon = lat - there_lat, lon - there_lon
        guess_lat, guess_lon = guess_lat + err_lat, guess_lon + err_lon
        if fabs(err_lat) < 1e-10 and fabs(err_lon) < 1e-10:
            break
    return guess_lat, guess_lon


def gcj02_to_bd09(lat: float, lon: float) -> tuple[float, float]:
    """GCJ-02 degrees to BD-09 degrees."""
    z = sqrt(lon * lon + lat * lat) + 0.00002 * sin(lat * _X_PI)
    theta = atan2(lat, lon) + 0.000003 * cos(lon * _X_PI)
    return z * sin(theta) + 0.006, z * cos(theta) + 0.0065


def bd09_to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """BD-09 degrees to GCJ-02 degrees."""
    x, y = lon - 0.0065, lat - 0.006
    z = sqrt(x * x + y * y) - 0.00002 * sin(y * _X_PI)
    theta = atan2(y, x) - 0.000003 * cos(x * _X_PI)
    return z * sin(theta), z * cos(theta)


def _bd09_to_wgs84(lat: float, lon: float) -> tuple[float, float]:
    return gcj02_to_wgs84(*bd09_to_gcj02(lat, lon)) if in_china(lat, lon) else (lat, lon)


def _same(lat: float, lon: float) -> tuple[float, float]:
    return lat, lon


_TO_WGS84: dict[Datum, Callable[[float, float], tuple[float, float]]] = {
    "wgs84": _same,
    "gcj02": gcj02_to_wgs84,
    "bd09": _bd09_to_wgs84,
}


def to_wgs84(lat: float, lon: float, datum: Datum) -> tuple[float, float]:
    """Bring degrees of a named datum to WGS-84. Raises KeyError for a datum that is not in :data:`DATUMS`."""
    return _TO_WGS84[datum](lat, lon)
