"""Which areas a point lies in: areas as shapes on a plane in metres, looked through by a tree of rectangles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from fleet.geometry.plane import Metres, Plane, plane_of
from fleet.master.places import Area
from fleet.master.route import Line


class Containing:
    """Areas, asked for many points at once. Ids may stand several times: an area of several pieces."""

    def __init__(self, areas: Sequence[Area]) -> None:
        lines = tuple(line for area in areas for line in (*area.lines, *(ring for p in area.polygons for ring in p)))
        self._plane = plane_of(lines)
        self._ids: list[str] = []
        shapes = []
        for area in areas:
            for shape in _shapes(area, self._plane):
                self._ids.append(area.id)
                shapes.append(shape)
        self._tree = shapely.STRtree(shapes)

    def areas_of(self, lon: Metres, lat: Metres) -> list[tuple[int, str]]:
        """Pairs of a point's place in the columns and the id of an area that it lies in or on the edge of."""
        x, y = self._plane.metres(lon, lat)
        point, shape = self._tree.query(shapely.points(x, y), predicate="intersects")
        return [(int(i), self._ids[j]) for i, j in zip(point, shape, strict=True)]


def _shapes(area: Area, plane: Plane) -> list[shapely.Geometry]:
    """The pieces of an area; lines are as wide as it says on either side."""
    polygons = [
        shapely.Polygon(_ring(outer, plane), [_ring(hole, plane) for hole in holes]) for outer, *holes in area.polygons
    ]
    lines = [shapely.LineString(_ring(line, plane)).buffer(area.width_m) for line in area.lines if len(line) > 1]
    return [*(shapely.make_valid(polygon) for polygon in polygons), *lines]


def _ring(line: Line, plane: Plane) -> NDArray[np.float64]:
    x, y = plane.metres(np.array([lon for lon, _ in line]), np.array([lat for _, lat in line]))
    return np.column_stack([x, y])
