"""Routes: the line that is to be driven, what must be on meanwhile, and the stops beside it.

Positions are WGS-84 degrees, longitude first as in GeoJSON (RFC 7946, 3.1.1). Minutes are of the local service day and
may run past 1,440, for a shift that ends after midnight still belongs to the day on which it began.
"""

from __future__ import annotations

from typing import Literal

import msgspec

LonLat = tuple[float, float]
Line = tuple[LonLat, ...]
Work = Literal["sweep", "spray", "collect", "patrol"]
Direction = Literal["forward", "both", "any"]
SKETCHED_M = 5_000.0  #: a corridor so wide is none: the lines are a sketch, and nobody deviates from them


class Window(msgspec.Struct, frozen=True):
    """A span of the local service day in minutes, ``start`` included, ``end`` not."""

    start: int
    end: int


class Stop(msgspec.Struct, frozen=True):
    """Where something is to be collected or done. ``device`` is the bin that stands there, if one is known.

    ``along_m`` is where the stop lies along the route's lines, in metres from their beginning; None: it is found.
    ``windows`` are when it is to be served; none: whenever the shift runs. ``service_s`` is how long that takes.
    """

    id: str
    lon: float
    lat: float
    name: str = ""
    device: str | None = None
    along_m: float | None = None
    radius_m: float = 25.0
    windows: tuple[Window, ...] = ()
    service_s: float = 40.0


class Route(msgspec.Struct, frozen=True):
    """A version of a route, in force from ``valid_from`` until ``valid_until`` (µs; None: no end is known).

    ``lines`` are what is to be worked, in the order of driving; ``access`` the ways that lead there and away, on which
    nobody deviates and nothing is covered. ``direction``: each line as drawn, in both directions, or in any. ``passes``
    is how often in each shift that is planned. ``work`` names the metrics of which at least one must be 1 for a vehicle
    to work; none: driving is enough. A working track counts within ``tolerance_m`` of a line and between the two speeds
    (km/h). ``corridor_m`` is how far from lines and access a vehicle may be.
    """

    id: str
    version: int
    kind: Work
    lines: tuple[Line, ...]
    name: str = ""
    name_zh: str = ""
    access: tuple[Line, ...] = ()
    direction: Direction = "forward"
    passes: int = 1
    corridor_m: float = 50.0
    tolerance_m: float = 15.0
    work: tuple[str, ...] = ()
    work_min_kmh: float = 1.0
    work_max_kmh: float = 40.0
    stops: tuple[Stop, ...] = ()
    area: str | None = None
    valid_from: int = 0
    valid_until: int | None = None
