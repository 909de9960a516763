"""Distances on the ground between points that lie near each other."""

from __future__ import annotations

from math import cos, hypot, radians

METRES_PER_DEGREE = 6_371_008.8 * radians(1)


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Metres between two WGS-84 points, on a plane between them: within 0.1 % below 100 km and 70° of latitude."""
    east = (other_lon - lon + 180) % 360 - 180
    return METRES_PER_DEGREE * hypot(east * cos(radians((lat + other_lat) / 2)), other_lat - lat)


class Plane:
    """A plane about a point: x east and y north of it, in metres. For a city."""

    def __init__(self, lon: float, lat: float) -> None:
        self.lon, self.lat = lon, lat
        self._east = METRES_PER_DEGREE * cos(radians(lat))

    def on(self, lon: float, lat: float) -> tuple[float, float]:
        """A WGS-84 point on the plane."""
        return ((lon - self.lon + 180) % 360 - 180) * self._east, (lat - self.lat) * METRES_PER_DEGREE
