"""A plane in metres about a reference: what lines and distances of one city are measured on.

Equirectangular, with the radii of curvature of WGS-84 at the reference. 10 km from the reference a distance is off by
at most 1 m in a kilometre at 30° of latitude, 1.6 m at 45°, 2.7 m at 60° (ADR 0016): less than a receiver's own error
over the tens of metres that are compared here.
"""

from __future__ import annotations

from math import cos, radians, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.master.route import Line

Metres = NDArray[np.float64]

_A = 6_378_137.0  # semi-major axis
_E2 = 6.694_379_990_14e-3  # first eccentricity squared


class Plane(NamedTuple):
    """East and north of (``lon``, ``lat``); ``east_m`` and ``north_m`` are metres of a degree there."""

    lon: float
    lat: float
    east_m: float
    north_m: float

    def metres(self, lon: Metres, lat: Metres) -> tuple[Metres, Metres]:
        """Columns of degrees as columns of metres (x east, y north); across the 180th meridian too."""
        away = (np.asarray(lon) - self.lon + 180.0) % 360.0 - 180.0
        return away * self.east_m, (np.asarray(lat) - self.lat) * self.north_m

    def degrees(self, x: float, y: float) -> tuple[float, float]:
        """(longitude, latitude) of a point of the plane."""
        return (self.lon + x / self.east_m + 180.0) % 360.0 - 180.0, self.lat + y / self.north_m


def plane_at(lon: float, lat: float) -> Plane:
    """The plane about a reference in degrees."""
    bend = sqrt(1 - _E2 * sin(radians(lat)) ** 2)
    degree = radians(1) * _A / bend
    return Plane(lon, lat, degree * cos(radians(lat)), degree * (1 - _E2) / bend**2)


def plane_of(lines: tuple[Line, ...]) -> Plane:
    """The plane about the middle of the box round the lines; about (0, 0) without any point."""
    points = [point for line in lines for point in line]
    if not points:
        return plane_at(0.0, 0.0)
    first = points[0][0]
    # Relative to the first point, so that lines across the 180th meridian have their middle there.
    east = [(lon - first + 180.0) % 360.0 - 180.0 for lon, _ in points]
    north = [lat for _, lat in points]
    return plane_at(first + (min(east) + max(east)) / 2, (min(north) + max(north)) / 2)
