"""Areas on the ground, and how far a position is from their edge, in metres.

Distances are taken on a plane that touches the earth at the position asked about, with the mean radius of WGS-84; over
the ten kilometres of a city's district the error is under one in a thousand. Edges are straight on that plane.
"""

from __future__ import annotations

from itertools import pairwise
from math import cos, hypot, inf, radians
from typing import Annotated

import msgspec

METRES_PER_DEGREE = 6_371_008.8 * radians(1)
MOST_POINTS = 2_000  #: of one area

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Point = Annotated[tuple[float, ...], msgspec.Meta(min_length=2, max_length=3)]
"""Longitude, latitude and perhaps a height, which is ignored (RFC 7946, clause 3.1.1)."""
Ring = Annotated[tuple[Point, ...], msgspec.Meta(min_length=4)]
Rings = Annotated[tuple[Ring, ...], msgspec.Meta(min_length=1)]


class Polygon(msgspec.Struct, frozen=True, tag_field="type", tag="Polygon", forbid_unknown_fields=True):
    """A GeoJSON polygon (RFC 7946, clause 3.1.6): an outer ring and its holes, closed, longitude first."""

    coordinates: Rings


class MultiPolygon(msgspec.Struct, frozen=True, tag_field="type", tag="MultiPolygon", forbid_unknown_fields=True):
    """Several GeoJSON polygons (RFC 7946, clause 3.1.7)."""

    coordinates: Annotated[tuple[Rings, ...], msgspec.Meta(min_length=1)]


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A circle (``lat``, ``lon``, ``radius_m``) or a GeoJSON ``geometry``, in WGS-84."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    lat: Latitude | None = None
    lon: Longitude | None = None
    radius_m: Annotated[float, msgspec.Meta(gt=0, le=100_000)] | None = None
    geometry: Polygon | MultiPolygon | None = None


def distance(area: Area, lat: float, lon: float) -> float:
    """How far a position is from the edge of the area, m: negative inside of it."""
    if area.geometry is None:
        x, y = _offset(lat, lon, area.lon or 0.0, area.lat or 0.0)
        return hypot(x, y) - (area.radius_m or 0.0)
    nearest, inside = inf, False
    for ring in _rings(area):
        points = [_offset(lat, lon, point[0], point[1]) for point in ring]
        for one, other in pairwise(points):
            nearest = min(nearest, _to_segment(one, other))
            if (one[1] > 0) != (other[1] > 0):
                inside ^= one[0] + (other[0] - one[0]) * one[1] / (one[1] - other[1]) > 0
    return -nearest if inside else nearest


def within(areas: tuple[Area, ...], lat: float, lon: float) -> bool:
    """Whether a position lies in one of the areas."""
    return any(distance(area, lat, lon) <= 0 for area in areas)


def fault(area: Area) -> str | None:
    """What is wrong with an area: neither or both forms, rings that are not closed, too many points."""
    circle = (area.lat, area.lon, area.radius_m)
    if area.geometry is None:
        return None if None not in circle else "expected lat, lon and radius_m, or a geometry"
    if circle != (None, None, None):
        return "expected lat, lon and radius_m, or a geometry, not both"
    rings = list(_rings(area))
    if sum(map(len, rings)) > MOST_POINTS:
        return f"geometry: expected at most {MOST_POINTS} points"
    if any(ring[0][:2] != ring[-1][:2] for ring in rings):
        return "geometry: expected rings that end where they begin"
    if any(not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90) for ring in rings for point in ring):
        return "geometry: expected points of longitude and latitude, in this order"
    return None


def faults(field: str, areas: tuple[Area, ...]) -> str | None:
    """What is wrong with a list of areas, beginning with the field's name."""
    names = [area.name for area in areas]
    for place, area in enumerate(areas):
        found = fault(area)
        if found is None and area.name in names[:place]:
            found = f"name: {area.name} stands twice"
        if found is not None:
            return f"{field}[{place}]: {found}"
    return None


def _rings(area: Area) -> tuple[Ring, ...]:
    if isinstance(area.geometry, Polygon):
        return area.geometry.coordinates
    assert area.geometry is not None
    return tuple(ring for polygon in area.geometry.coordinates for ring in polygon)


def _offset(lat: float, lon: float, to_lon: float, to_lat: float) -> tuple[float, float]:
    """Metres east and north, the short way round the earth."""
    east = (to_lon - lon + 180) % 360 - 180
    return east * METRES_PER_DEGREE * cos(radians(lat)), (to_lat - lat) * METRES_PER_DEGREE


def _to_segment(one: tuple[float, float], other: tuple[float, float]) -> float:
    """From the origin to a segment."""
    across, up = other[0] - one[0], other[1] - one[1]
    length = across * across + up * up
    share = 0.0 if length == 0 else min(1.0, max(0.0, -(one[0] * across + one[1] * up) / length))
    return hypot(one[0] + share * across, one[1] + share * up)


def metres(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """From one position to another near it, m."""
    return hypot(*_offset(lat, lon, to_lon, to_lat))
