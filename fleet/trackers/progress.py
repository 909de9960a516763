"""How far a plan has come: along its route, and how much of it was worked so far.

An approximation for boards and alerts, made moment by moment. The route is looked at in pieces of 20 m; one counts as
covered when the way between two positions, worked and within the speeds of the route, led past its middle within
the tolerance, in the direction that is asked for. The first pass counts only, and a gap covers nothing. The judgement
with evidence (passes, segments, no data) is that of the compliance report.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from math import ceil, hypot

import msgspec

from fleet.trackers.course import Course
from fleet.trackers.movement import Move
from fleet.trackers.work_state import SECOND

FARTHEST_M = 600.0  #: between two positions, beyond which nobody knows by which way
AGAIN = 3  #: moments in a row that must tell of another place on the route, before it is believed
BACK_M = 60.0
SLACK_M = 120.0
SMOOTH_S = 300.0


class Progress(msgspec.Struct, array_like=True, gc=False):
    """How far a plan (by its id) has come.

    ``covered`` has a bit for each piece, and a second as many where both directions are asked. ``along_m`` is where on
    the route the device is, -1 before it came there; ``elsewhere`` how often in a row it seemed to be at
    ``other_m`` instead. ``budget_m`` is what was driven since it was placed. ``pace`` is metres of route a second.
    """

    plan: str = ""
    x: float = 0.0
    y: float = 0.0
    at: int = -1
    covered: bytes = b""
    count: int = 0
    along_m: float = -1.0
    placed_at: int = -1
    budget_m: float = 0.0
    elsewhere: int = 0
    other_m: float = 0.0
    pace: float = 0.0
    told_pct: float = -1.0
    told_m: float = -1.0

    def copy(self) -> Progress:
        """One to change without touching this one."""
        return Progress(
            *(self.plan, self.x, self.y, self.at, self.covered, self.count, self.along_m, self.placed_at),
            *(self.budget_m, self.elsewhere, self.other_m, self.pace, self.told_pct, self.told_m),
        )


def coverage_pct(progress: Progress, course: Course) -> float:
    """Per cent of the pieces that were covered so far; 0 for a route without any."""
    of = len(course) * (2 if course.route.direction == "both" else 1)
    return round(100 * progress.count / of, 1) if of else 0.0


def begin(plan: str) -> Progress:
    """A plan of which nothing has been done."""
    return Progress(plan)


def go_on(progress: Progress, course: Course, at: int, moved: Move, worked: bool, derived: dict[str, float]) -> None:
    """Go on to where the device ``moved``. ``worked``: it was working since the moment before."""
    x, y = course.plane.on(moved.lon, moved.lat)
    route = course.route
    if progress.at >= 0:
        way = hypot(x - progress.x, y - progress.y)
        progress.budget_m += way
        in_band = moved.kmh is not None and route.work_min_kmh <= moved.kmh <= route.work_max_kmh
        if worked and in_band and not moved.gap and 0 < way <= FARTHEST_M:
            _cover(progress, course, x, y, way)
    _place(progress, course, at, x, y)
    progress.x, progress.y, progress.at = x, y, at
    _tell(progress, course, derived)


def _cover(progress: Progress, course: Course, x: float, y: float, way: float) -> None:
    """Mark the pieces that the way led past, and count those that were not marked before."""
    covered = progress.covered
    fresh = {place for place in _passed(progress, course, x, y, way) if not _marked(covered, place)}
    if not fresh:
        return
    marks = bytearray(covered)
    marks.extend(bytes(max(0, max(fresh) // 8 + 1 - len(marks))))
    for place in fresh:
        marks[place >> 3] |= 1 << (place & 7)
    progress.covered = bytes(marks)
    progress.count += len(fresh)


def _marked(covered: bytes, place: int) -> bool:
    byte = place >> 3
    return byte < len(covered) and covered[byte] >> (place & 7) & 1 == 1


def _passed(progress: Progress, course: Course, x: float, y: float, way: float) -> Iterator[int]:
    """The pieces that the way led past; some more than once."""
    ax, ay = progress.x, progress.y
    ux, uy = (x - ax) / way, (y - ay) / way
    xs, ys, count = course.x, course.y, len(course)
    direction, tolerance = course.route.direction, course.route.tolerance_m
    steps = ceil(way / course.spacing_m)
    for number in range(steps):
        share = (number + 0.5) / steps
        for piece in course.near(ax + (x - ax) * share, ay + (y - ay) * share):
            dx, dy = xs[piece] - ax, ys[piece] - ay
            if not 0 <= dx * ux + dy * uy <= way or abs(dx * uy - dy * ux) > tolerance:
                continue
            with_it = course.dx[piece] * ux + course.dy[piece] * uy
            if abs(with_it) < 0.5 or (direction == "forward" and with_it < 0):
                continue
            yield piece + count if direction == "both" and with_it < 0 else piece


def _place(progress: Progress, course: Course, at: int, x: float, y: float) -> None:
    """Find where on the route the device is: near where it was, and further on rather than back."""
    expected, elsewhere = _nearest(progress, course, x, y)
    if expected >= 0:
        progress.elsewhere = 0
        _move(progress, at, max(expected, progress.along_m))
    elif elsewhere >= 0:
        together = abs(elsewhere - progress.other_m) <= SLACK_M + progress.budget_m
        progress.elsewhere = progress.elsewhere + 1 if together and progress.elsewhere else 1
        progress.other_m = elsewhere
        if progress.along_m < 0 or progress.elsewhere >= AGAIN:
            progress.along_m, progress.placed_at, progress.budget_m, progress.elsewhere = elsewhere, at, 0.0, 0


def _nearest(progress: Progress, course: Course, x: float, y: float) -> tuple[float, float]:
    """The nearest place on the route where the device is expected, and where it is not, the nearest of all; else -1."""
    pieces, corridor, here = course.near(x, y), course.route.corridor_m, progress.along_m
    if here >= 0:
        # Pieces are numbered along the route, and ascend.
        low = bisect_left(course.along_m, here - BACK_M)
        high = bisect_right(course.along_m, here + 1.5 * progress.budget_m + SLACK_M)
        expected = _nearest_of(pieces[bisect_left(pieces, low) : bisect_left(pieces, high)], course, x, y, corridor)
        if expected >= 0:
            return expected, -1.0
    return -1.0, _nearest_of(pieces, course, x, y, corridor)


def _nearest_of(pieces: array[int], course: Course, x: float, y: float, corridor: float) -> float:
    """Where on the route the nearest of some pieces is; -1 with none within the corridor. Of two it is the later."""
    nearest, found = corridor, -1.0
    xs, ys = course.x, course.y
    for piece in pieces:
        far = hypot(xs[piece] - x, ys[piece] - y)
        if far <= nearest:
            nearest, found = far, course.along_m[piece]
    return found


def _move(progress: Progress, at: int, along: float) -> None:
    seconds = (at - progress.placed_at) / SECOND
    if seconds > 0:
        pace = (along - progress.along_m) / seconds
        weight = min(1.0, seconds / SMOOTH_S)
        progress.pace = pace if progress.pace <= 0 else progress.pace + weight * (pace - progress.pace)
    progress.along_m, progress.placed_at, progress.budget_m = along, at, 0.0


def _tell(progress: Progress, course: Course, derived: dict[str, float]) -> None:
    """Derive readings: coverage by whole points, the way along the route by steps of 50 m."""
    pct = coverage_pct(progress, course)
    if progress.told_pct < 0 or pct - progress.told_pct >= 1 or (pct >= 100 > progress.told_pct):
        derived["coverage_pct"] = progress.told_pct = pct
    if progress.along_m >= 0 and (progress.told_m < 0 or abs(progress.along_m - progress.told_m) >= 50):
        derived["progress_m"] = progress.told_m = round(progress.along_m, 1)
