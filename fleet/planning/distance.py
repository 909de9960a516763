"""How far and how long from each site to each other one: over streets, or as the crow flies with a detour.

Streets are GeoJSON lines (RFC 7946), of a city's own register or of OpenStreetMap. Lines are joined where they share a
vertex; a vertex of one line alone is only its shape. A speed is found in ``limit_kmh`` or ``maxspeed``, else by the
class in ``highway`` or ``road``; ``oneway`` as OpenStreetMap has it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely

from devices.errors import SanihubError
from fleet.master.route import LonLat
from fleet.planning.problem import Travel
from fleet.track import Column

EARTH_M = 6_371_008.8  #: mean radius, IUGG
DETOUR = 1.3  #: of ways in a city, to the straight line
TOWN_KMH = 25.0
SNAP_M = 500.0  #: a site farther from all streets is a mistake
_KMH = {
    **{"motorway": 80.0, "trunk": 60.0, "primary": 50.0, "secondary": 45.0, "tertiary": 40.0, "main": 50.0},
    **{"residential": 30.0, "unclassified": 30.0, "living_street": 10.0, "service": 15.0, "side": 30.0, "yard": 15.0},
}
_NO_TRUCKS = frozenset({"footway", "path", "steps", "cycleway", "pedestrian", "bridleway", "corridor", "platform"})
_LEAST_KMH = 5.0


class StreetError(SanihubError):
    """The streets cannot be used, or a site lies beside all of them."""


class Spot(NamedTuple):
    """A site on a street: the arc, and the share of it that lies behind."""

    arc: int
    share: float


class Streets:
    """A graph of streets. An arc is a street between two crossings: tail, head, metres, seconds, both ways or not.

    ``shapes`` are the arcs' lines; ``leaving`` has for each crossing (crossing, seconds, metres, arc).
    """

    def __init__(self, streets: Mapping[str, Any], *, speed_share: float = 1.0) -> None:
        """From a GeoJSON FeatureCollection; ``speed_share`` of the speeds is driven. Raises StreetError."""
        lines = list(_lines(streets))
        if not lines:
            raise StreetError("features: expected LineStrings or MultiLineStrings that trucks may use, found none")
        uses = Counter(point for line, _, _ in lines for point in line)
        uses.update(point for line, _, _ in lines for point in (line[0], line[-1]))
        self._number: dict[LonLat, int] = {}
        self.arcs: list[tuple[int, int, float, float, bool]] = []
        self.shapes: list[tuple[LonLat, ...]] = []
        for line, kmh, direction in lines:
            for piece in _pieces(line, uses):
                self._join(piece, kmh * speed_share, direction)
        self.leaving: list[list[tuple[int, float, float, int]]] = [[] for _ in self._number]
        for arc, (tail, head, metres, seconds, both) in enumerate(self.arcs):
            self.leaving[tail].append((head, seconds, metres, arc))
            if both:
                self.leaving[head].append((tail, seconds, metres, arc))
        self._lat = sum(point[1] for point in self._number) / len(self._number)
        self._tree = shapely.STRtree([shapely.LineString(self.flat(shape)) for shape in self.shapes])

    @property
    def crossings(self) -> int:
        """How many nodes there are."""
        return len(self._number)

    def travel(self, sites: Sequence[LonLat], snap_m: float = SNAP_M) -> Travel:
        """The quickest ways between all sites, and their lengths; inf where there is none.

        Raises StreetError for a site with no street within ``snap_m``.
        """
        spots = self.snap(sites, snap_m)
        table = np.array(self.arcs, dtype=np.float64)[[spot.arc for spot in spots]] if spots else np.empty((0, 5))
        share = np.array([spot.share for spot in spots])
        arcs = np.array([spot.arc for spot in spots], dtype=np.int64)
        tails, heads = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        both = table[:, 4] > 0
        metres, seconds = np.empty((len(spots), len(spots))), np.empty((len(spots), len(spots)))
        for number, spot in enumerate(spots):
            reached_s, reached_m = self._from(spot)
            ahead = reached_s[tails] + share * table[:, 3]
            back = np.where(both, reached_s[heads] + (1 - share) * table[:, 3], np.inf)
            forward = ahead <= back
            seconds[number] = np.where(forward, ahead, back)
            metres[number] = np.where(
                forward, reached_m[tails] + share * table[:, 2], reached_m[heads] + (1 - share) * table[:, 2]
            )
            beside = (arcs == spot.arc) & ((share >= spot.share) | both)
            direct = np.abs(share - spot.share)
            shorter = beside & (direct * table[:, 3] < seconds[number])
            seconds[number] = np.where(shorter, direct * table[:, 3], seconds[number])
            metres[number] = np.where(shorter, direct * table[:, 2], metres[number])
        metres[~np.isfinite(seconds)] = np.inf
        np.fill_diagonal(metres, 0.0)
        np.fill_diagonal(seconds, 0.0)
        return Travel(metres, seconds)

    def _from(self, spot: Spot) -> tuple[Column, Column]:
        """Seconds and metres from a spot to every node (Dijkstra, by seconds)."""
        tail, head, metres, seconds, both = self.arcs[spot.arc]
        best = [math.inf] * len(self.leaving)
        length = [math.inf] * len(self.leaving)
        queue = [((1 - spot.share) * seconds, head, (1 - spot.share) * metres)]
        if both:
            queue.append((spot.share * seconds, tail, spot.share * metres))
        heapq.heapify(queue)
        leaving, push, pop = self.leaving, heapq.heappush, heapq.heappop
        while queue:
            at, node, way = pop(queue)
            if at >= best[node]:
                continue
            best[node], length[node] = at, way
            for onward, more_s, more_m, _ in leaving[node]:
                then = at + more_s
                if then < best[onward]:
                    push(queue, (then, onward, way + more_m))
        return np.array(best), np.array(length)

    def snap(self, sites: Sequence[LonLat], snap_m: float = SNAP_M) -> list[Spot]:
        """Where on the streets each site lies. Raises StreetError for one with no street within ``snap_m``."""
        spots = []
        points = shapely.points([self._scaled(site) for site in sites]) if sites else []
        for site, point in zip(sites, points, strict=True):
            arc = int(self._tree.nearest(point))
            line = self._tree.geometries[arc]
            if (off := float(line.distance(point))) > snap_m:
                raise StreetError(f"({site[0]:.6f}, {site[1]:.6f}): the nearest street is {off:.0f} m away")
            spots.append(Spot(arc, float(line.project(point, normalized=True))))
        return spots

    def _join(self, piece: tuple[LonLat, ...], kmh: float, direction: int) -> None:
        line = piece if direction >= 0 else piece[::-1]
        ends = [self._number.setdefault(point, len(self._number)) for point in (line[0], line[-1])]
        metres = sum(_crow(a, b) for a, b in itertools.pairwise(line))
        if metres > 0:
            self.arcs.append((ends[0], ends[1], metres, metres / kmh * 3.6, direction == 0))
            self.shapes.append(line)

    def unscaled(self, point: tuple[float, ...]) -> LonLat:
        """A point of the local plane in degrees."""
        degree = math.radians(1) * EARTH_M
        return round(point[0] / degree / math.cos(math.radians(self._lat)), 7), round(point[1] / degree, 7)

    def _scaled(self, point: LonLat) -> tuple[float, float]:
        degree = math.radians(1) * EARTH_M
        return point[0] * degree * math.cos(math.radians(self._lat)), point[1] * degree

    def flat(self, shape: Sequence[LonLat]) -> list[tuple[float, float]]:
        """A line on a local plane of metres."""
        return [self._scaled(point) for point in shape]


def crow_travel(sites: Sequence[LonLat], *, detour: float = DETOUR, kmh: float = TOWN_KMH) -> Travel:
    """Without streets: great circles, so many times as long, at an even speed."""
    lon, lat = np.radians(np.array(sites, dtype=np.float64).reshape(-1, 2)).T
    a = np.sin((lat[:, None] - lat) / 2) ** 2
    a += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    metres = 2 * EARTH_M * np.arcsin(np.minimum(1.0, np.sqrt(a))) * detour
    return Travel(metres, metres / kmh * 3.6)


def grid_travel(sites: Sequence[LonLat], *, kmh: float = TOWN_KMH) -> Travel:
    """Without streets, in a town of blocks: east or west, then north or south, at an even speed."""
    lon, lat = np.radians(np.array(sites, dtype=np.float64).reshape(-1, 2)).T
    middle = float(np.mean(lat)) if len(lat) else 0.0
    metres = EARTH_M * (np.abs(lon[:, None] - lon) * math.cos(middle) + np.abs(lat[:, None] - lat))
    return Travel(metres, metres / kmh * 3.6)


def _crow(a: LonLat, b: LonLat) -> float:
    return float(crow_travel((a, b), detour=1.0).metres[0, 1])


def _lines(streets: Mapping[str, Any]) -> list[tuple[tuple[LonLat, ...], float, int]]:
    """Each line that trucks may use, its speed, and its direction: 0 both, 1 as drawn, -1 against it."""
    found = []
    for number, feature in enumerate(streets.get("features", ())):
        geometry, properties = feature.get("geometry") or {}, feature.get("properties") or {}
        kind = properties.get("highway", properties.get("road"))
        if kind in _NO_TRUCKS or geometry.get("type") not in ("LineString", "MultiLineString"):
            continue
        parts = geometry["coordinates"] if geometry["type"] == "MultiLineString" else [geometry["coordinates"]]
        for part in parts:
            try:
                line = tuple((round(float(point[0]), 7), round(float(point[1]), 7)) for point in part)
            except (TypeError, ValueError, IndexError):
                raise StreetError(f"features[{number}]: expected pairs of numbers as coordinates") from None
            if len(line) > 1:
                found.append((line, _kmh(properties, kind), _direction(properties)))
    return found


def _pieces(line: tuple[LonLat, ...], uses: Counter[LonLat]) -> list[tuple[LonLat, ...]]:
    """The line cut at crossings: at vertices that another line, or the same one again, has too."""
    cuts = [0, *(at for at in range(1, len(line) - 1) if uses[line[at]] > 1), len(line) - 1]
    return [line[begin : end + 1] for begin, end in itertools.pairwise(cuts)]


def _kmh(properties: Mapping[str, Any], kind: Any) -> float:
    for name in ("limit_kmh", "maxspeed"):
        try:
            return max(_LEAST_KMH, float(str(properties.get(name, "")).split(" ", maxsplit=1)[0]))
        except ValueError:
            continue
    return _KMH.get(str(kind).removesuffix("_link"), TOWN_KMH)


def _direction(properties: Mapping[str, Any]) -> int:
    told = str(properties.get("oneway", "no")).lower()
    if told in ("-1", "reverse"):
        return -1
    return 1 if told in ("yes", "true", "1") or properties.get("junction") == "roundabout" else 0
