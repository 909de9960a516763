"""The satellite receiver on a vehicle or a badge: a true position in, a fix with its errors out."""

from __future__ import annotations

from random import Random
from typing import Any

from simulators.city.plane import METRES_PER_DEGREE_LAT, METRES_PER_DEGREE_LON, ORIGIN_LAT, ORIGIN_LON

_CONSTELLATIONS = ["GPS", "BDS"]
_KEEP = 0.8  # errors of successive fixes resemble each other: the share that stays
_FRESH = 0.6  # sqrt(1 - 0.8**2), so that the spread stays as told
_LIMIT_M = 18.0


class Receiver:
    """Adds errors to positions: a slow wander of ``spread_m`` metres and, between tall houses, spells of jitter.

    The error never exceeds 18 m east or north: larger ones are a fault and belong to :mod:`simulators.faults`.
    """

    __slots__ = ("_altitude", "_east", "_north", "_rng", "_satellites", "_spell", "_spread")

    def __init__(self, rng: Random, spread_m: float) -> None:
        self._rng = rng
        self._spread = spread_m
        self._east = rng.gauss(0, spread_m)
        self._north = rng.gauss(0, spread_m)
        self._altitude = rng.uniform(22, 31)
        self._satellites = rng.randint(14, 24)
        self._spell = 0

    def fix(self, x: float, y: float, speed_kmh: float, heading: float) -> dict[str, Any]:
        """The fix for a true position in metres of the plane; ``heading`` in degrees from north."""
        gauss = self._rng.gauss
        if self._spell:
            self._spell -= 1
        elif self._rng.random() < 0.006:
            self._spell = self._rng.randint(2, 9)
        spread = self._spread * (2.2 if self._spell else 1.0) * _FRESH
        east = self._east = min(max(_KEEP * self._east + gauss(0.0, spread), -_LIMIT_M), _LIMIT_M)
        north = self._north = min(max(_KEEP * self._north + gauss(0.0, spread), -_LIMIT_M), _LIMIT_M)
        wobble = abs(east - north) / 12
        satellites = self._satellites - int(wobble * 3) - (6 if self._spell else 0)
        return {
            "lat": round(ORIGIN_LAT + (y + north) / METRES_PER_DEGREE_LAT, 7),
            "lon": round(ORIGIN_LON + (x + east) / METRES_PER_DEGREE_LON, 7),
            "altitude_m": round(self._altitude + north / 2, 1),
            "speed_kmh": round(max(0.0, speed_kmh + east / 30), 1) if speed_kmh else 0.0,
            "heading_deg": round((heading + north / 4) % 360, 1) % 360,
            "hdop": round(0.6 + wobble + (1.4 if self._spell else 0.0), 2),
            "satellites": max(satellites, 4),
            "constellations": _CONSTELLATIONS,
            "valid": True,
        }
