"""How far a device is from where it is planned to be: a live tracker, from positions to a derived reading.

Alerts judge it (DOMAIN.md, vehicles and workers: deviation from the corridor, off post), reports draw it. A position
in, a distance out: the tracker remembers nothing, so that a position makes the same reading however late it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import cos, floor, hypot, inf, radians, sqrt

from devices.vocabulary import Fix, Reading
from fleet.master.places import Place
from fleet.master.route import SKETCHED_M, Line
from fleet.trackers.ports import PlanBook, Task

METRIC = "route_offset_m"
METRES_PER_DEGREE = 6_371_008.8 * radians(1)
CELL_M = 25.0
BLOCK = 16  #: cells on the side of a block
MOST_CELLS = 8_192  #: of a plane that are kept
KINDS = frozenset(("vehicle", "worker"))
MOST_PLANES = 4_096  #: that are kept

Shape = tuple[float, float, float, float, float, float]
"""A segment or a circle, in metres of the plan's own plane.

Where it begins (x, y), how far it goes (dx, dy) and the inverse of that squared (0: nowhere), and its radius.
"""
Shapes = tuple[Shape, ...]


class PlannedOffsets:
    """The distances of devices from what is planned for them, by a book of plans (``ingest.ports.Deriver``).

    A plan that is entered after a position was filed gives that position no distance: the report judges it anew.
    """

    def __init__(self, book: PlanBook) -> None:
        self._book = book
        self._sites: Sequence[Place] = ()
        self._planes: dict[tuple[str, str, int], _Plane] = {}

    def derive(self, fixes: Iterable[Fix]) -> Iterator[Reading]:
        """The distances (m) of valid positions on shift, each at the instant of its fix and with its marks."""
        task_of = self._book.task
        for fix in fixes:
            if not fix.position.valid or fix.device.kind not in KINDS:
                continue
            task = task_of(fix.device.id, fix.observed_at)
            plane = None if task is None else self._plane(task)
            if plane is None:
                continue
            metres = round(plane.distance(fix.position.lat, fix.position.lon), 1)
            yield Reading(fix.device, METRIC, metres, fix.observed_at, fix.received_at, fix.quality, fix.claimed_at)

    def _plane(self, task: Task) -> _Plane | None:
        """Where one should be; None where nothing says so by lines."""
        sites = self._book.places()
        if sites is not self._sites or len(self._planes) >= MOST_PLANES:
            self._sites = sites
            self._planes.clear()
        if task.route is not None and task.route.corridor_m >= SKETCHED_M:
            return None
        if task.route is not None:
            key = "route", task.route.id, task.route.version
        elif task.area is not None and task.area.lines:
            key = "area", task.area.id, task.area.version
        else:
            return None
        plane = self._planes.get(key)
        if plane is None:
            plane = self._planes[key] = _Plane(_lines(task), sites)
        return plane


def _lines(task: Task) -> tuple[Line, ...]:
    if task.route is not None:
        return (*task.route.lines, *task.route.access)
    return () if task.area is None else task.area.lines


class _Plane:
    """Lines and places on a plane about the first point of the lines.

    A device is near where it was, and all that drive a route come by the same places. So a cell keeps what may be the
    nearest to some point in it, from when the first one is asked for: in a street that is a handful of a thousand.
    """

    def __init__(self, lines: Sequence[Line], places: Sequence[Place]) -> None:
        points = [point for line in lines for point in line]
        self._lon, self._lat = points[0] if points else (0.0, 0.0)
        self._east = METRES_PER_DEGREE * cos(radians(self._lat))
        ends = [
            sorted((self._on_plane(*one), self._on_plane(*other))) for line in lines for one, other in pairwise(line)
        ]
        found = [_segment(*one, *other) for one, other in ends]  # a street is one, whichever way it is driven
        found += [(*self._on_plane(place.lon, place.lat), 0.0, 0.0, 0.0, place.radius_m) for place in places]
        self._shapes: Shapes = tuple(dict.fromkeys(found))
        self._cells: dict[tuple[int, int], Shapes] = {}
        self._blocks: dict[tuple[int, int], Shapes] = {}

    def distance(self, lat: float, lon: float) -> float:
        """Metres to the nearest line or place; 0 within a place, infinite without either."""
        x, y = self._on_plane(lon, lat)
        cell = floor(x / CELL_M), floor(y / CELL_M)
        shapes = self._cells.get(cell)
        if shapes is None:
            shapes = self._look_about(cell)
        nearest = inf
        for shape in shapes:
            far = _distance(x, y, shape)
            nearest = min(nearest, far)
        return max(0.0, nearest)

    def _look_about(self, cell: tuple[int, int]) -> Shapes:
        """What may be the nearest to a point in a cell: sought in its block, and what may be so there among all."""
        if len(self._cells) >= MOST_CELLS:
            self._cells.clear()
            self._blocks.clear()
        block = cell[0] // BLOCK, cell[1] // BLOCK
        about = self._blocks.get(block)
        if about is None:
            about = self._blocks[block] = _possible(self._shapes, *block, CELL_M * BLOCK)
        found = self._cells[cell] = _possible(about, *cell, CELL_M)
        return found

    def _on_plane(self, lon: float, lat: float) -> tuple[float, float]:
        return ((lon - self._lon + 180) % 360 - 180) * self._east, (lat - self._lat) * METRES_PER_DEGREE


def _possible(shapes: Shapes, column: int, row: int, size: float) -> Shapes:
    """Those that may be the nearest to a point in a square.

    A distance changes by a metre a metre at most: what is farther from the middle than the nearest by more than twice
    the way from there to a corner, is nowhere in the square the nearest.
    """
    x, y = (column + 0.5) * size, (row + 0.5) * size
    far = [_distance(x, y, shape) for shape in shapes]
    bound = min(far, default=inf) + 2 * size * sqrt(0.5) + 1e-6
    return tuple(shape for shape, metres in zip(shapes, far, strict=True) if metres <= bound)


def _segment(x0: float, y0: float, x1: float, y1: float) -> Shape:
    dx, dy = x1 - x0, y1 - y0
    length = dx * dx + dy * dy
    return x0, y0, dx, dy, 0.0 if length == 0 else 1 / length, 0.0


def _distance(x: float, y: float, shape: Shape) -> float:
    """Metres to a shape; within a circle less than 0."""
    x0, y0, dx, dy, inverse, radius = shape
    x -= x0
    y -= y0
    share = (x * dx + y * dy) * inverse
    if share >= 1.0:
        x -= dx
        y -= dy
    elif share > 0.0:
        x -= share * dx
        y -= share * dy
    return hypot(x, y) - radius
