"""Where a vehicle left its corridor: off the lines, the access ways and the places where it has business.

It begins beyond ``deviation_enter_m`` (or the route's corridor, where that is wider) for a minute or three fixes, and
ends when it has been back under ``deviation_leave_m`` for half a minute (DOMAIN.md, vehicles). Start and end are where
the bound itself was crossed. A gap ends it: nobody knows what came then.
"""

from __future__ import annotations

import numpy as np
import shapely

from fleet.compliance.course import Course
from fleet.compliance.crossing import crossing
from fleet.compliance.result import Deviation
from fleet.compliance.settings import Settings
from fleet.compliance.steps import Steps, odometer, spans
from fleet.geometry.plane import Metres
from fleet.master.route import LonLat
from fleet.track import Driven

SKETCH_M = 10.0
"""What a picture of the way may be off by."""


def beyond(route_corridor_m: float, settings: Settings) -> float:
    """How far from the lines a deviation begins."""
    return max(route_corridor_m, settings.deviation_enter_m)


def deviations(made: Steps, driven: Driven, course: Course, settings: Settings) -> tuple[Deviation, ...]:
    """The deviations, in order."""
    if len(made.at) < 2 or not len(course.allowed.lines.x0):
        return ()  # nowhere is off a way that nobody knows
    distance = course.allowed.distance(made.x, made.y)
    distance[course.in_place(made.x, made.y) >= 0] = 0.0
    return tuple(
        _told(made, driven, distance, first, last, course) for first, last in _spells(made, distance, course, settings)
    )


def _spells(made: Steps, distance: Metres, course: Course, settings: Settings) -> list[tuple[int, int]]:
    """First and last fix beyond the bound of each deviation."""
    enter_m = course.beyond_m
    leave_m = enter_m * settings.deviation_leave_m / settings.deviation_enter_m
    out = distance > enter_m
    if not out.any():
        return []
    begins, ends = spans(out)
    back = np.concatenate(([0], np.cumsum(distance < leave_m)))
    gaps = np.concatenate(([0], np.cumsum(made.gap)))
    found: list[tuple[int, int]] = []
    for begin, end in zip(begins, ends, strict=True):
        if found:
            last = found[-1][1]
            whole = gaps[begin] == gaps[last]
            returned = back[begin] > back[last + 1] and _stayed(made, distance, last, begin, leave_m, course, settings)
            if whole and not returned:
                found[-1] = (found[-1][0], int(end) - 1)
                continue
        found.append((int(begin), int(end) - 1))
    parted = [part for spell in found for part in _parted(spell, made)]
    beyond = np.concatenate(([0.0], np.cumsum(np.where(out[:-1] & out[1:], made.seconds, 0.0))))
    return [
        (first, last)
        for first, last in parted
        if out[first : last + 1].sum() >= settings.deviation_enter_fixes
        or beyond[last] - beyond[first] >= settings.deviation_enter_s
    ]


def _stayed(
    made: Steps, distance: Metres, last: int, begin: int, leave_m: float, course: Course, settings: Settings
) -> bool:
    """Whether it was back for long enough between two spells: from crossing the bound to crossing it again."""
    firsts, ends = spans(distance[last + 1 : begin] < leave_m)
    least = settings.deviation_leave_s * 1e6
    for first, end in zip(firsts + last + 1, ends + last + 1, strict=True):
        if made.at[end] - made.at[first - 1] < least:
            continue  # not even if it had been back all the way from the fix before to the fix after
        back = crossing(made, distance, first - 1, 1, course, leave_m).at
        if crossing(made, distance, end, -1, course, leave_m).at - back >= least:
            return True
    return False


def _parted(spell: tuple[int, int], made: Steps) -> list[tuple[int, int]]:
    """A spell cut where there are gaps."""
    first, last = spell
    parts = []
    for cut in np.flatnonzero(made.gap[first:last]) + first:
        parts.append((first, int(cut)))
        first = int(cut) + 1
    return [*parts, (first, last)]


def _told(made: Steps, driven: Driven, distance: Metres, first: int, last: int, course: Course) -> Deviation:
    """One deviation, from the crossing of the bound to the crossing back."""
    start, end = (crossing(made, distance, *beside, course, course.beyond_m) for beside in ((first, -1), (last, 1)))
    between, error = odometer(driven, made, first, last, float(made.length[first:last].sum()))
    return Deviation(
        start.at,
        end.at,
        start.beyond_m + between + end.beyond_m,
        float(distance[first : last + 1].max()),
        _sketch(made, first, last, course),
        start.error_m + error + end.error_m,
    )


def _sketch(made: Steps, first: int, last: int, course: Course) -> tuple[LonLat, ...]:
    points = np.column_stack((made.x[first : last + 1], made.y[first : last + 1]))
    if len(points) > 2:
        points = shapely.get_coordinates(shapely.simplify(shapely.linestrings(points), SKETCH_M))
    return tuple(
        (round(float(lon), 6), round(float(lat), 6)) for lon, lat in (course.plane.degrees(x, y) for x, y in points)
    )
