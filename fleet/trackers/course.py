"""A route as the trackers see it: pieces of some metres, found quickly by where they lie, and the stops in order."""

from __future__ import annotations

from array import array
from itertools import pairwise
from math import floor, hypot, sqrt
from typing import NamedTuple

from fleet.master.route import Route, Stop
from fleet.trackers.ground import Plane

PIECE_M = 20.0
PARTS = 2  #: spots on the side of a cell
MOST_SPOTS = 8_192  #: of a course that are kept


class CourseStop(NamedTuple):
    """A stop with where it lies along the course (m) and on the plane."""

    id: str
    along_m: float
    x: float
    y: float
    radius_m: float
    service_s: float


class Course:
    """See the module. ``length_m`` is that of all lines, one behind the other.

    The pieces are columns, for a city's routes have millions: the middle of each on the plane (``x``, ``y``), its
    direction (``dx``, ``dy``, a unit vector), and where its middle lies along the route. Every piece within the
    tolerance of a way is near one of the points ``spacing_m`` apart on it, the first and last half of it from its ends.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        points = [point for line in route.lines for point in line]
        self.plane = Plane(*points[0]) if points else Plane(0.0, 0.0)
        self.x, self.y, self.dx, self.dy, self.along_m = (array("d") for _ in range(5))
        self.length_m = 0.0
        for line in route.lines:
            for one, other in pairwise([self.plane.on(*point) for point in line]):
                self._cut(*one, *other)
        self._cell = max(60.0, route.corridor_m, 2 * route.tolerance_m + PIECE_M)
        self._reach = max(route.corridor_m, 2 * route.tolerance_m, PIECE_M)
        self.spacing_m = 2 * sqrt(self._reach**2 - route.tolerance_m**2)
        self._cells: dict[tuple[int, int], array[int]] = {}
        for number, (x, y) in enumerate(zip(self.x, self.y, strict=True)):
            place = floor(x / self._cell), floor(y / self._cell)
            self._cells.setdefault(place, array("I")).append(number)
        self._spots: dict[tuple[int, int], array[int]] = {}
        self._side = self._cell / PARTS
        self.stops = sorted((self._stop(one) for one in route.stops), key=lambda stop: stop.along_m)

    def __len__(self) -> int:
        return len(self.x)

    def near(self, x: float, y: float) -> array[int]:
        """The numbers of all pieces within the corridor of a point, and of some beyond.

        Kept for the spots where somebody was, which are those along the route.
        """
        spot = floor(x / self._side), floor(y / self._side)
        found = self._spots.get(spot)
        return self._look_about(*spot) if found is None else found

    def _look_about(self, column: int, row: int) -> array[int]:
        """All pieces that are within the reach of some point of a spot, ascending."""
        x, y = (column + 0.5) * self._side, (row + 0.5) * self._side
        reach = self._reach + self._side * sqrt(0.5) + 1e-6
        across, up = column // PARTS, row // PARTS
        found = array("I")
        for cell in ((across + dx, up + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)):
            pieces = self._cells.get(cell, ())
            found.extend(piece for piece in pieces if hypot(self.x[piece] - x, self.y[piece] - y) <= reach)
        found = array("I", sorted(found))
        if found:  # elsewhere a vehicle may be anywhere
            if len(self._spots) >= MOST_SPOTS:
                self._spots.clear()
            self._spots[column, row] = found
        return found

    def _cut(self, x: float, y: float, to_x: float, to_y: float) -> None:
        length = hypot(to_x - x, to_y - y)
        if length == 0:
            return
        count = max(1, round(length / PIECE_M))
        dx, dy = (to_x - x) / length, (to_y - y) / length
        for number in range(count):
            middle = (number + 0.5) * length / count
            self.x.append(x + dx * middle)
            self.y.append(y + dy * middle)
            self.dx.append(dx)
            self.dy.append(dy)
            self.along_m.append(self.length_m + middle)
        self.length_m += length

    def _stop(self, stop: Stop) -> CourseStop:
        x, y = self.plane.on(stop.lon, stop.lat)
        along = stop.along_m
        if along is None:
            nearest = min(range(len(self)), key=lambda n: hypot(self.x[n] - x, self.y[n] - y), default=None)
            along = 0.0 if nearest is None else self.along_m[nearest]
        return CourseStop(stop.id, along, x, y, stop.radius_m, stop.service_s)


class Courses:
    """The courses of routes, by id and version; the newest ``most`` are kept."""

    def __init__(self, most: int = 4_096) -> None:
        self._most = most
        self._known: dict[tuple[str, int], Course] = {}

    def of(self, route: Route) -> Course:
        """The course of a version of a route."""
        found = self._known.get((route.id, route.version))
        if found is None:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            found = self._known[route.id, route.version] = Course(route)
        return found
