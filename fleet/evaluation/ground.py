"""An area as geometry in metres: how far positions are from it, and the pieces of it that are to be walked."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, cos, radians
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from fleet.master.places import Area
from fleet.track import Column

METRES_PER_DEGREE = 6_371_008.8 * radians(1)
PIECE_M = 10.0
CELL_M = 20.0
MAX_PIECES = 200_000  #: of one area; beyond it pieces are made larger

Points = NDArray[np.float64]
"""(n, 2): x to the east, y to the north, metres."""


class Ground:
    """An area on a plane of its own (equirectangular about its middle; to a few centimetres over 10 km).

    Raises ValueError for an area without lines and polygons.
    """

    def __init__(self, area: Area) -> None:
        lines = [line for line in area.lines if len(line) > 1]
        shells = [rings for rings in area.polygons if rings and len(rings[0]) > 3]
        corners = [point for line in lines for point in line] + [point for rings in shells for point in rings[0]]
        if not corners:
            raise ValueError(f"area {area.id}: expected lines or polygons")
        self.area = area
        lons, lats = zip(*corners, strict=True)
        self._lon, self._lat = (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2
        self._east = METRES_PER_DEGREE * cos(radians(self._lat))
        self.lines = tuple(shapely.LineString(self._plane(line)) for line in lines)
        self.shells = tuple(
            shapely.Polygon(self._plane(rings[0]), [self._plane(ring) for ring in rings[1:]]) for rings in shells
        )
        self.shape: Any = shapely.unary_union([*(line.buffer(area.width_m) for line in self.lines), *self.shells])
        shapely.prepare(self.shape)

    def plane(self, lon: Column, lat: Column) -> Points:
        """Positions (degrees) in metres."""
        return np.column_stack(((lon - self._lon) * self._east, (lat - self._lat) * METRES_PER_DEGREE))

    def degrees(self, x: float, y: float) -> tuple[float, float]:
        """Longitude and latitude of a point in metres, to about a decimetre."""
        return round(self._lon + x / self._east, 6), round(self._lat + y / METRES_PER_DEGREE, 6)

    def outside_m(self, points: Points) -> Column:
        """How far points are outside of the area, metres; 0 within it."""
        return np.asarray(shapely.distance(self.shape, shapely.points(points)), np.float64)

    def pieces(self) -> Pieces:
        """What is to be walked: the lines in pieces of about 10 m, the polygons in cells of 20 m by 20 m."""
        along = self._along()
        cells = self._cells()
        return Pieces(
            np.concatenate((along[0], cells)), np.concatenate((along[1], np.full(len(cells), CELL_M))), len(along[1])
        )

    def _plane(self, line: tuple[tuple[float, float], ...]) -> Points:
        degrees = np.asarray(line, np.float64)
        return self.plane(degrees[:, 0], degrees[:, 1])

    def _along(self) -> tuple[Points, Column]:
        middles, lengths = [np.empty((0, 2))], [np.empty(0)]
        step = max(PIECE_M, sum(line.length for line in self.lines) / MAX_PIECES)
        for line in self.lines:
            count = max(1, ceil(line.length / step))
            places = (np.arange(count) + 0.5) * (line.length / count)
            middles.append(shapely.get_coordinates(shapely.line_interpolate_point(line, places)))
            lengths.append(np.full(count, line.length / count))
        return np.concatenate(middles), np.concatenate(lengths)

    def _cells(self) -> Points:
        found = [np.empty((0, 2))]
        for shell in self.shells:
            west, south, east, north = shell.bounds
            step = max(CELL_M, ((east - west) * (north - south) / MAX_PIECES) ** 0.5)
            xs, ys = np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step)
            grid = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
            inside = shapely.contains_xy(shell, grid[:, 0], grid[:, 1])
            found.append(grid[inside] if inside.any() else shapely.get_coordinates(shell.representative_point()))
        return np.concatenate(found)


class Pieces(NamedTuple):
    """Middles of pieces (metres) and what each counts; the first ``lines`` of them lie along the lines in order."""

    middle: Points
    length: Column
    lines: int


@lru_cache(maxsize=512)
def ground_of(area: Area) -> Ground:
    """The ground of an area, kept: an evaluation asks for the same post on every day."""
    return Ground(area)
