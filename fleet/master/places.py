"""Places and areas: depots, tips and fuel stations; districts, grids and posts."""

from __future__ import annotations

from typing import Literal

import msgspec

from fleet.master.route import Line

PlaceRole = Literal["depot", "tip", "fuel", "water", "rest", "station"]
AreaKind = Literal["district", "grid", "post", "rest"]


class Place(msgspec.Struct, frozen=True):
    """A circle (WGS-84, metres) where vehicles have business besides their routes; until it is withdrawn (µs)."""

    id: str
    role: PlaceRole
    lon: float
    lat: float
    radius_m: float = 70.0
    name: str = ""
    name_zh: str = ""
    withdrawn: int | None = None


class Area(msgspec.Struct, frozen=True):
    """A version of a piece of the city: polygons (outer rings, closed, holes behind their ring) or lines with a width.

    ``polygons`` are GeoJSON's: for each a tuple of rings, the first of them the outer one. A post of streets is
    ``lines`` and everything within ``width_m`` of them. ``rest``: standing there is nobody's business.
    """

    id: str
    version: int
    kind: AreaKind
    polygons: tuple[tuple[Line, ...], ...] = ()
    lines: tuple[Line, ...] = ()
    width_m: float = 0.0
    name: str = ""
    name_zh: str = ""
    valid_from: int = 0
    valid_until: int | None = None
