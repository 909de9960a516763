"""Which segments a column of points is near to: a grid that is made once for a route and asked for millions of points.

Each cell knows the segments that come within ``radius_m`` of any place in it. A point then is compared with the few of
its own cell, all points at once. A tree of rectangles (shapely's STRtree) was measured to be slower (ADR 0016).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.geometry.plane import Metres
from fleet.geometry.polylines import Polylines

Indices = NDArray[np.int64]

CELLS = 250_000
"""Cells at most; the grid of a larger area is coarser."""
CHUNK = 2_000_000
"""Distances that are in memory at a time when far points are measured."""


class Near(NamedTuple):
    """Pairs of a point and a segment near it, ascending by point; ``share`` (0..1) is where on the segment."""

    point: Indices
    segment: Indices
    share: Metres
    distance: Metres


class Grid(NamedTuple):
    """Cells of ``cell_m`` from (``west``, ``south``) on, row by row; cell c has ``items[starts[c]:starts[c + 1]]``."""

    lines: Polylines
    radius_m: float
    west: float
    south: float
    cell_m: float
    columns: int
    rows: int
    starts: Indices
    items: Indices

    def near(self, x: Metres, y: Metres) -> Near:
        """All segments within the radius of each point."""
        column = np.floor((x - self.west) / self.cell_m)
        row = np.floor((y - self.south) / self.cell_m)
        inside = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
        cell = np.where(inside, row * self.columns + column, 0).astype(np.int64)
        counts = np.where(inside, self.starts[cell + 1] - self.starts[cell], 0)
        point = np.repeat(np.arange(len(x)), counts)
        segment = self.items[offsets(self.starts[cell], counts)]
        share, distance = projected(self.lines, segment, x[point], y[point])
        kept = distance <= self.radius_m
        return Near(point[kept], segment[kept], share[kept], distance[kept])

    def distance(self, x: Metres, y: Metres) -> Metres:
        """Metres from each point to the nearest segment, however far; infinite without segments."""
        found = np.full(len(x), np.inf)
        near = self.near(x, y)
        np.minimum.at(found, near.point, near.distance)
        far = np.flatnonzero(np.isinf(found))
        count = len(self.lines.x0)
        if not count:
            return found
        every = np.arange(count)
        for begin in range(0, len(far), max(1, CHUNK // count)):
            some = far[begin : begin + max(1, CHUNK // count)]
            _, distance = projected(self.lines, every[None, :], x[some][:, None], y[some][:, None])
            found[some] = distance.min(axis=1)
        return found


def grid(lines: Polylines, radius_m: float) -> Grid:
    """The grid of some lines for one radius."""
    if not len(lines.x0):
        return Grid(lines, radius_m, 0.0, 0.0, 1.0, 0, 0, np.zeros(2, np.int64), np.empty(0, np.int64))
    west, south = (float(min(a.min(), b.min())) - radius_m for a, b in ((lines.x0, lines.x1), (lines.y0, lines.y1)))
    wide = max(lines.x0.max(), lines.x1.max()) + radius_m - west
    high = max(lines.y0.max(), lines.y1.max()) + radius_m - south
    cell = max(radius_m, float(np.sqrt(wide * high / CELLS)), 5.0)
    columns, rows = int(wide // cell) + 1, int(high // cell) + 1
    cells, items = _entries(lines, radius_m, west, south, cell, columns, rows)
    order = np.lexsort((items, cells))
    starts = np.searchsorted(cells[order], np.arange(columns * rows + 1))
    return Grid(lines, radius_m, float(west), float(south), cell, columns, rows, starts, items[order])


def _entries(
    lines: Polylines, radius_m: float, west: float, south: float, cell: float, columns: int, rows: int
) -> tuple[Indices, Indices]:
    """(cell, segment) of all that are within the radius of one another."""
    low_x = np.floor((np.minimum(lines.x0, lines.x1) - radius_m - west) / cell).astype(np.int64)
    low_y = np.floor((np.minimum(lines.y0, lines.y1) - radius_m - south) / cell).astype(np.int64)
    high_x = np.floor((np.maximum(lines.x0, lines.x1) + radius_m - west) / cell).astype(np.int64)
    high_y = np.floor((np.maximum(lines.y0, lines.y1) + radius_m - south) / cell).astype(np.int64)
    low_x, low_y = np.clip(low_x, 0, columns - 1), np.clip(low_y, 0, rows - 1)
    high_x, high_y = np.clip(high_x, 0, columns - 1), np.clip(high_y, 0, rows - 1)
    wide = high_x - low_x + 1
    counts = wide * (high_y - low_y + 1)
    segment = np.repeat(np.arange(len(wide)), counts)
    place = offsets(np.zeros(len(wide), np.int64), counts)
    column, row = low_x[segment] + place % wide[segment], low_y[segment] + place // wide[segment]
    x, y = west + (column + 0.5) * cell, south + (row + 0.5) * cell
    _, distance = projected(lines, segment, np.asarray(x, float), np.asarray(y, float))
    kept = distance <= radius_m + cell * np.sqrt(0.5) + 1e-6
    return (row * columns + column)[kept], segment[kept]


def projected(lines: Polylines, segment: Indices, x: Metres, y: Metres) -> tuple[Metres, Metres]:
    """Where on each segment (0..1) the nearest place to each point is, and how far."""
    x0, y0 = lines.x0[segment], lines.y0[segment]
    dx, dy = lines.x1[segment] - x0, lines.y1[segment] - y0
    share = np.clip(((x - x0) * dx + (y - y0) * dy) / (lines.length[segment] ** 2), 0.0, 1.0)
    return share, np.hypot(x - x0 - share * dx, y - y0 - share * dy)


def offsets(starts: Indices, counts: Indices) -> Indices:
    """``starts[i], starts[i] + 1, ...``, ``counts[i]`` of each, in one column."""
    total = int(counts.sum())
    if not total:
        return np.empty(0, np.int64)
    before = np.cumsum(counts) - counts
    return np.arange(total) - np.repeat(before - starts, counts)
