"""The next stop of a route, and when the vehicle will be there."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from fleet.trackers.course import Course
from fleet.trackers.progress import Progress
from fleet.trackers.work_state import SECOND

LEAST_KMH = 5.0
DEFAULT_KMH = 10.0
FASTEST_WORK_KMH = 15.0


class Arrival(msgspec.Struct, frozen=True):
    """The stop that is next, its place along the route, how far it is (m), and the expected arrival (µs)."""

    stop: str
    along_m: float
    distance_m: float
    eta: int


def next_stop(course: Course, progress: Progress, at: int) -> Arrival | None:
    """What lies ahead at an instant; None before the device came to its route, and behind the last stop.

    The pace is that of the last minutes along the route, service and waits included; where there is none yet, the
    middle of the working speeds, and what the stops before it take.
    """
    if progress.along_m < 0:
        return None
    stops = course.stops
    here = bisect_left(stops, progress.along_m, key=lambda stop: stop.along_m + stop.radius_m)
    if here >= len(stops):
        return None
    stop = stops[here]
    distance = max(0.0, stop.along_m - progress.along_m)
    least = LEAST_KMH / 3.6 / 5  # it stands now, and will not for ever
    pace = max(progress.pace, least) if progress.pace > 0 else _usual(course)
    return Arrival(stop.id, stop.along_m, round(distance, 1), at + round(distance / pace) * SECOND)


def _usual(course: Course) -> float:
    route = course.route
    middle = (route.work_min_kmh + min(route.work_max_kmh, FASTEST_WORK_KMH)) / 2
    return max(LEAST_KMH, middle if route.work else DEFAULT_KMH) / 3.6
