"""How far a device is from where it is planned to be: a live tracker, from positions to a derived reading.

Alerts judge it (DOMAIN.md, vehicles and workers: deviation from the corridor, off post), reports draw it. A position
in, a distance out: the tracker remembers nothing, so that a position makes the same reading however late it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from math import cos, floor, hypot, inf, radians
from zoneinfo import ZoneInfo

import msgspec

from devices.vocabulary import Fix, Reading
from fleet.master.places import Place as Site
from fleet.master.route import SKETCHED_M
from fleet.trackers.ports import PlanBook, Task

METRIC = "route_offset_m"
METRES_PER_DEGREE = 6_371_008.8 * radians(1)
CELL_M = 250.0
DAY_MIN = 1_440
HOUR = 3_600_000_000
KINDS = frozenset(("vehicle", "worker"))
MOST_PLANES = 4_096  #: that are kept

Segment = tuple[float, float, float, float]
"""From (x, y) to (x, y), in metres of the plan's own plane."""
LonLat = tuple[float, float]


class Place(msgspec.Struct, frozen=True):
    """Where a device may be besides its lines: depot, tip, fuel station. A circle in WGS-84."""

    lat: float
    lon: float
    radius_m: float


class Plan(msgspec.Struct, frozen=True):
    """Where one device is planned to be, and when.

    ``lines`` are its round and the ways that lead there and away, or its post: points of longitude and latitude.
    ``shifts`` are (start, length) in minutes of the local day of ``zone``, past midnight where they last so long; a
    device without any is always expected there.
    """

    lines: tuple[tuple[LonLat, ...], ...]
    places: tuple[Place, ...] = ()
    shifts: tuple[tuple[int, int], ...] = ()
    zone: str = "Asia/Shanghai"


class OffsetTracker:
    """The plans of devices, by their ids. Devices without a plan have no distance."""

    def __init__(self, plans: Mapping[str, Plan]) -> None:
        self._plans = {device: (plan, _Plane(plan)) for device, plan in plans.items()}

    def derive(self, fixes: Iterable[Fix]) -> Iterator[Reading]:
        """The distances (m) of valid positions on shift, each at the instant of its fix and with its marks."""
        for fix in fixes:
            known = self._plans.get(fix.device.id)
            if known is None or not fix.position.valid or not on_shift(known[0], fix.observed_at):
                continue
            metres = round(known[1].distance(fix.position.lat, fix.position.lon), 1)
            yield Reading(fix.device, METRIC, metres, fix.observed_at, fix.received_at, fix.quality, fix.claimed_at)


class PlannedOffsets:
    """The distances of devices from what is planned for them, by a book of plans (``ingest.ports.Deriver``).

    A plan that is entered after a position was filed gives that position no distance: the report judges it anew.
    """

    def __init__(self, book: PlanBook) -> None:
        self._book = book
        self._sites: Sequence[Site] = ()
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
            key, lines = ("route", task.route.id, task.route.version), (*task.route.lines, *task.route.access)
        elif task.area is not None and task.area.lines:
            key, lines = ("area", task.area.id, task.area.version), task.area.lines
        else:
            return None
        if key not in self._planes:
            places = tuple(Place(one.lat, one.lon, one.radius_m) for one in sites)
            self._planes[key] = _Plane(Plan(lines, places))
        return self._planes[key]


def on_shift(plan: Plan, at: int) -> bool:
    """Whether an instant (µs) lies in one of the shifts."""
    if not plan.shifts:
        return True
    minute = (at + _ahead(plan.zone, at // HOUR)) / 60_000_000 % DAY_MIN
    return any((minute - start) % DAY_MIN < length for start, length in plan.shifts)


@lru_cache(maxsize=1_024)
def _ahead(zone: str, hour: int) -> int:
    """How far local time is ahead of UTC in an hour (since 1970), µs."""
    offset = datetime.fromtimestamp(hour * 3_600, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * 1_000_000


class _Plane:
    """The lines of a plan on a plane about their first point, sorted into cells.

    A cell knows every segment that comes within a cell's width of it, so that near the lines a handful is looked at.
    """

    def __init__(self, plan: Plan) -> None:
        points = [point for line in plan.lines for point in line]
        self._lon, self._lat = points[0] if points else (0.0, 0.0)
        self._east = METRES_PER_DEGREE * cos(radians(self._lat))
        self._segments: list[Segment] = [
            (*self._on_plane(*one), *self._on_plane(*other)) for line in plan.lines for one, other in pairwise(line)
        ]
        self._places = [(*self._on_plane(place.lon, place.lat), place.radius_m) for place in plan.places]
        self._cells: dict[tuple[int, int], list[Segment]] = {}
        for segment in self._segments:
            for cell in _cells(segment):
                self._cells.setdefault(cell, []).append(segment)

    def distance(self, lat: float, lon: float) -> float:
        """Metres to the nearest line or place; 0 within a place, infinite without either."""
        x, y = self._on_plane(lon, lat)
        nearest = min((max(0.0, hypot(x - east, y - north) - r) for east, north, r in self._places), default=inf)
        near = self._cells.get((floor(x / CELL_M), floor(y / CELL_M)), ())
        found = min((_to_segment(x, y, one) for one in near), default=inf)
        if found > CELL_M:
            found = min((_to_segment(x, y, one) for one in self._segments), default=inf)
        return min(nearest, found)

    def _on_plane(self, lon: float, lat: float) -> tuple[float, float]:
        return ((lon - self._lon + 180) % 360 - 180) * self._east, (lat - self._lat) * METRES_PER_DEGREE


def _cells(segment: Segment) -> Iterator[tuple[int, int]]:
    x0, x1 = sorted((segment[0], segment[2]))
    y0, y1 = sorted((segment[1], segment[3]))
    for column in range(floor(x0 / CELL_M) - 1, floor(x1 / CELL_M) + 2):
        for row in range(floor(y0 / CELL_M) - 1, floor(y1 / CELL_M) + 2):
            yield column, row


def _to_segment(x: float, y: float, segment: Segment) -> float:
    x0, y0, x1, y1 = segment
    dx, dy = x1 - x0, y1 - y0
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else min(1.0, max(0.0, ((x - x0) * dx + (y - y0) * dy) / length))
    return hypot(x - x0 - share * dx, y - y0 - share * dy)
