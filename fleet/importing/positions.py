"""Positions in files: brought to WGS-84, checked for what usually goes wrong with them, and made lines and polygons.

Geometries are GeoJSON's (RFC 7946, 3.1) or well-known text (OGC 06-103r4, clause 7); longitude first in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, hypot, isfinite, radians
from typing import Any

import shapely
from shapely.validation import explain_validity

from devices.datum import DATUMS, to_wgs84
from fleet.importing.gathering import Spot, short
from fleet.master.route import Line, LonLat

MOST_POINTS = 50_000  #: of one geometry
NOTE = {
    "gcj02": "converted from GCJ-02 by its public series; positions may be off by a metre or two",
    "bd09": "converted from BD-09 by its public series; positions may be off by some metres",
}
_KNOWN_CRS = ("CRS84", "EPSG:4326", "EPSG::4326", "EPSG:4490", "EPSG::4490")  # CGCS2000 is WGS-84 within a metre
_EXPECTED_CRS = "expected WGS-84 (EPSG:4326, CRS84), CGCS2000 (EPSG:4490), or a datum: wgs84, gcj02 or bd09"
_DEGREE_KM = 111.2
_FAR_KM, _NEAR_KM = 300.0, 100.0


def choose_datum(datum: Any, crs: Any, option: str | None) -> str:
    """The datum of a file by its own ``datum`` and ``crs`` and by what the caller says. Raises ValueError."""
    if isinstance(crs, dict):
        properties = crs.get("properties")
        crs = properties.get("name") if isinstance(properties, dict) else crs
    own = None
    if datum is not None:
        own = datum.lower().replace("-", "") if isinstance(datum, str) else datum
        if own not in DATUMS:
            raise ValueError(f"datum: expected {', '.join(DATUMS)}; got {short(datum)}")
    if crs is not None:
        named = crs.lower().replace("-", "") if isinstance(crs, str) else ""
        if named in DATUMS:
            own = own or named
        elif not (isinstance(crs, str) and crs.upper().endswith(_KNOWN_CRS)):
            raise ValueError(f"crs: {_EXPECTED_CRS}; got {short(crs)}")
    if own is not None and option is not None and own != option:
        raise ValueError(f"datum: the file says {own}, and --datum says {option}")
    return own or option or "wgs84"


class Positions:
    """Makes geometries of one file, whose positions are of ``datum``. What is wrong is told to the spot; then None."""

    def __init__(self, datum: str) -> None:
        self._datum = datum

    def point(self, lon: Any, lat: Any, spot: Spot, field: str = "") -> LonLat | None:
        """A position, of two numbers."""
        if not (_is_number(lon) and _is_number(lat)):
            spot.fault(field, f"expected a longitude and a latitude, got {short([lon, lat])}")
        elif abs(lat) > 90 and abs(lon) <= 90:
            spot.fault(field, f"longitude and latitude are exchanged: got {lon}, {lat}; expected the longitude first")
        elif abs(lat) > 90 or abs(lon) > 180:
            spot.fault(field, f"expected degrees of WGS-84, longitude first; got {lon}, {lat}")
        elif self._datum == "wgs84":
            return float(lon), float(lat)
        else:
            there = to_wgs84(float(lat), float(lon), self._datum)
            return round(there[1], 7), round(there[0], 7)
        return None

    def line(self, coordinates: Any, spot: Spot, field: str) -> Line | None:
        """A line of at least two different positions; a position that stands twice in a row counts once."""
        if not isinstance(coordinates, list | tuple):
            spot.fault(field, f"expected a list of positions, got {short(coordinates)}")
            return None
        if len(coordinates) > MOST_POINTS:
            spot.fault(field, f"expected at most {MOST_POINTS} positions, got {len(coordinates)}")
            return None
        points: list[LonLat] = []
        for number, position in enumerate(coordinates):
            if not (isinstance(position, list | tuple) and len(position) >= 2):
                spot.fault(f"{field}[{number}]", f"expected a position [longitude, latitude], got {short(position)}")
                return None
            point = self.point(position[0], position[1], spot, f"{field}[{number}]")
            if point is None:  # one is enough: the others are probably wrong in the same way
                return None
            if not points or points[-1] != point:
                points.append(point)
        if len(points) < 2:
            spot.fault(field, f"expected a line of at least two different positions, got {len(points)}")
            return None
        return tuple(points)

    def lines(self, value: Any, spot: Spot, field: str) -> tuple[Line, ...] | None:
        """Lines of a (Multi)LineString as GeoJSON or text, or of a list of lists of positions."""
        geometry = _one_or_many(value, spot, field, "LineString")
        if geometry is None:
            return None
        kind, coordinates = geometry
        parts = [coordinates] if kind == "LineString" else coordinates
        if not isinstance(parts, list | tuple) or not parts or (kind == "LineString" and not coordinates):
            spot.fault(field, "is empty; expected a line of at least two positions")
            return None
        below = [field] if kind == "LineString" else [f"{field}[{number}]" for number in range(len(parts))]
        made = [self.line(part, spot, name) for part, name in zip(parts, below, strict=True)]
        return None if any(line is None for line in made) else tuple(line for line in made if line is not None)

    def polygons(self, value: Any, spot: Spot, field: str) -> tuple[tuple[Line, ...], ...] | None:
        """Polygons of a (Multi)Polygon as GeoJSON or text, or of a list of lists of rings; sound ones only."""
        geometry = _one_or_many(value, spot, field, "Polygon")
        if geometry is None:
            return None
        kind, coordinates = geometry
        parts = [coordinates] if kind == "Polygon" else coordinates
        if (
            not isinstance(parts, list | tuple)
            or not parts
            or not all(isinstance(p, list | tuple) and p for p in parts)
        ):
            spot.fault(field, "is empty; expected a polygon with a ring")
            return None
        made: list[tuple[Line, ...]] = []
        for number, part in enumerate(parts):
            rings = [self._ring(ring, spot, f"{field}[{number}][{place}]") for place, ring in enumerate(part)]
            if any(ring is None for ring in rings):
                return None
            made.append(tuple(ring for ring in rings if ring is not None))
        whole = shapely.MultiPolygon([shapely.Polygon(rings[0], rings[1:]) for rings in made])
        if not whole.is_valid:
            spot.fault(field, f"not a polygon: {_explained(whole)}")
            return None
        return tuple(made)

    def _ring(self, coordinates: Any, spot: Spot, field: str) -> Line | None:
        ring = self.line(coordinates, spot, field)
        if ring is None:
            return None
        if len(ring) < 4 or ring[0] != ring[-1]:
            spot.fault(field, "expected a closed ring: at least four positions, the last one equal to the first")
            return None
        return ring


def exchanged(points: Iterable[LonLat], near: LonLat | None) -> bool:
    """Whether positions are far from where everything else is, and would be near it the other way round."""
    if near is None:
        return False
    lons, lats = zip(*points, strict=True)
    lon, lat = sum(lons) / len(lons), sum(lats) / len(lats)
    return _km(lon, lat, near) > _FAR_KM and abs(lon) <= 90 and _km(lat, lon, near) < _NEAR_KM


def _km(lon: float, lat: float, near: LonLat) -> float:
    return hypot((lon - near[0]) * cos(radians(near[1])), lat - near[1]) * _DEGREE_KM


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _one_or_many(value: Any, spot: Spot, field: str, single: str) -> tuple[str, Any] | None:
    """Type and coordinates of a geometry of this type, or of several of it; a list is the coordinates of several."""
    if isinstance(value, list | tuple):
        value = {"type": f"Multi{single}", "coordinates": value}
    geometry = _geometry(value, spot, field)
    if geometry is not None and geometry[0] not in (single, f"Multi{single}"):
        spot.fault(field, f"expected a {single} or Multi{single}, got {geometry[0]}")
        return None
    return geometry


def _geometry(value: Any, spot: Spot, field: str) -> tuple[str, Any] | None:
    if isinstance(value, str):
        try:
            value = shapely.geometry.mapping(shapely.from_wkt(value))
        except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
            reason = (str(error).splitlines() or ["cannot be read"])[0].rpartition("Exception: ")[2][:100]
            if "0 or >1 elements" in reason:  # GEOS's word for a line of one point
                spot.fault(field, "expected a line of at least two different positions, got 1")
            else:
                spot.fault(field, f"expected a geometry such as LINESTRING (114.30 30.58, 114.31 30.58): {reason}")
            return None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        spot.fault(field, f"expected a geometry, got {short(value)}")
        return None
    if "coordinates" not in value:
        spot.fault(field, f"{value['type']}: no coordinates")
        return None
    return value["type"], value["coordinates"]


def _explained(geometry: Any) -> str:
    """GEOS's word for it, with the place: ``crosses itself at 114.3 30.58``."""
    what, _, place = explain_validity(geometry).partition("[")
    words = {"Self-intersection": "crosses itself", "Ring Self-intersection": "touches itself"}
    return f"{words.get(what.strip(), what.strip().lower())}{' at ' + place.rstrip(']') if place else ''}"
