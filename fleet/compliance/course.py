"""A route as it is judged: on a plane, in columns, with its grids. Made once for a version of a route."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fleet.geometry.nearness import Grid, grid
from fleet.geometry.plane import Metres, Plane, plane_of
from fleet.geometry.polylines import Polylines, polylines
from fleet.master.places import Place
from fleet.master.route import Route


class Course(NamedTuple):
    """``lines`` are what is to be worked, ``grid`` finds them within the route's tolerance.

    ``allowed`` finds lines and access alike, out to ``beyond_m``. ``stop_x``, ``stop_y`` and ``stop_along`` (a measure
    of ``lines``) are of the route's stops.
    """

    plane: Plane
    lines: Polylines
    grid: Grid
    allowed: Grid
    beyond_m: float
    places: tuple[Place, ...]
    place_x: Metres
    place_y: Metres
    stop_x: Metres
    stop_y: Metres
    stop_along: Metres

    def in_place(self, x: Metres, y: Metres, *roles: str) -> Metres:
        """For each point the number of the place that it lies in, -1 for none; without roles any place."""
        found = np.full(len(x), -1)
        for number, place in enumerate(self.places):
            if not roles or place.role in roles:
                inside = np.hypot(x - self.place_x[number], y - self.place_y[number]) <= place.radius_m
                found[inside] = number
        return found


@lru_cache(maxsize=256)
def course_of(route: Route, places: tuple[Place, ...], beyond_m: float) -> Course:
    """The course of a route among places; ``beyond_m`` from lines and access begins a deviation."""
    plane = plane_of(route.lines or route.access or (tuple((stop.lon, stop.lat) for stop in route.stops),))
    lines = polylines(route.lines, plane)
    found = grid(lines, route.tolerance_m)
    allowed = grid(polylines((*route.lines, *route.access), plane), beyond_m)
    place_x, place_y = plane.metres(np.array([p.lon for p in places]), np.array([p.lat for p in places]))
    stop_x, stop_y = plane.metres(np.array([s.lon for s in route.stops]), np.array([s.lat for s in route.stops]))
    along = _along(route, lines, stop_x, stop_y)
    return Course(plane, lines, found, allowed, beyond_m, places, place_x, place_y, stop_x, stop_y, along)


def _along(route: Route, lines: Polylines, x: Metres, y: Metres) -> Metres:
    """The measure of each stop: as it is told, or of the nearest place of the lines."""
    along = np.zeros(len(x))
    for number, stop in enumerate(route.stops):
        if not len(lines.x0):
            continue
        if stop.along_m is not None:
            along[number] = lines.measure(stop.along_m)
            continue
        dx, dy = lines.x1 - lines.x0, lines.y1 - lines.y0
        share = ((x[number] - lines.x0) * dx + (y[number] - lines.y0) * dy) / lines.length**2
        share = np.clip(share, 0.0, 1.0)
        far = np.hypot(x[number] - lines.x0 - share * dx, y[number] - lines.y0 - share * dy)
        # Of the two directions of a street the one whose right-hand side the stop is at, traffic keeping to the right.
        left = dx * (y[number] - lines.y0) - dy * (x[number] - lines.x0) > 0
        best = int(np.argmin(far + 0.5 * left))
        along[number] = lines.along[best] + share[best] * lines.length[best]
    return along
