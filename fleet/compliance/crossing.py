"""Where, between two fixes, a vehicle crossed the bound of its corridor, and how sure that is.

What is known of the way between two fixes is its length (the odometer's, else as the headings have it), where it began
and ended, and which way the vehicle was headed there. Streets are straight pieces with corners, so the way is sought
among those that have this length: straight; or round the one corner where both headings meet. Where neither fits, the
vehicle may still have crossed the bound straight ahead, before or after what nobody saw.

The distance from the corridor grows by a metre a metre at most. So the way beyond the bound is at least as long as the
fix beyond is past it, and the way within at least as long as the other fix is short of it: whatever the way was, the
crossing lies between the two, and half of what is between them is the greatest error of the middle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.compliance.course import Course
from fleet.compliance.steps import Flags, Steps
from fleet.geometry.plane import Metres

NOISE_M = 5.0
"""What a position may be off by without anything being wrong with it."""
SAMPLE_M = 2.0
FITS_M = 12.0
FITS_SHARE = 0.06
"""A way fits when it is as long as what was driven, but for this: two positions' noise, and corners that are cut."""
STANDING_KMH = 3.0
"""A receiver that stands has no heading."""
CORNER_SIN = 0.42
"""Headings that are nearer to parallel (25 degrees) meet at no certain place."""
STRAIGHT_COS = 0.91
"""And those that are nearer (25 degrees) to the straight way are headed along it."""
ROUND = 2**0.5 - 1
"""The way round a right-angled corner is at most so much longer than straight."""


class Crossing(NamedTuple):
    """``beyond_m`` were driven between the crossing, at ``at`` (µs), and the fix beyond, give or take ``error_m``."""

    at: int
    beyond_m: float
    error_m: float


class _Step(NamedTuple):
    """A step across the bound: from the fix beyond it to the one within, and what was driven between them."""

    made: Steps
    beyond: int
    within: int
    driven: float
    measured: bool
    course: Course
    bound: float

    def point(self, fix: int) -> Metres:
        return np.array((self.made.x[fix], self.made.y[fix]))

    def towards(self, fix: int, goal: int) -> Metres | None:
        """The direction in which the way from a fix to its neighbour began, as headed; None at rest or unheard."""
        heading = self.made.heading[fix]
        if np.isnan(heading) or self.made.speed[fix] < STANDING_KMH:
            return None
        angle = np.radians(heading)
        sign = 1.0 if goal > fix else -1.0
        return np.array((sign * np.sin(angle), sign * np.cos(angle)))


def crossing(made: Steps, distance: Metres, fix: int, way: int, course: Course, bound: float) -> Crossing:
    """Where ``bound`` (m) was crossed between a fix beyond it and the one before (``way`` -1) or after it (1).

    The fix itself, where nothing is known of what was beside it: a gap, or the edge of the data.
    """
    other = fix + way
    number = min(fix, other)
    if not 0 <= other < len(made.at) or made.gap[number] or distance[other] > bound:
        return Crossing(int(made.at[fix]), 0.0, 0.0)
    driven = float(made.length[number])
    least = min(driven, max(0.0, float(distance[fix]) - bound))
    most = max(least, driven - max(0.0, bound - float(distance[other])))
    beyond, error = _beyond(_Step(made, fix, other, driven, bool(made.measured[number]), course, bound), least, most)
    share = beyond / driven if driven > 0 else 0.0
    return Crossing(int(made.at[fix] + share * (made.at[other] - made.at[fix])), beyond, error)


def _beyond(step: _Step, least: float, most: float) -> tuple[float, float]:
    """Metres driven beyond the bound, of those that are possible, and how far they may be off."""
    for path in _paths(step):
        found = _on(path, step)
        if found is not None:
            beyond, error = found
            return min(max(beyond, least), most), error
    likely = [one for one in _straight_ahead(step) if least - NOISE_M <= one <= most + NOISE_M]
    if not likely and not step.measured and (found := _on(_chord(step), step)):
        likely = [found[0]]
    beyond = min(max(float(np.mean(likely)), least), most) if likely else (least + most) / 2
    hidden = 0.0 if step.measured else ROUND * step.driven
    return beyond, max(beyond - least, most + hidden - beyond) + NOISE_M


def _chord(step: _Step) -> Metres:
    return np.array((step.point(step.beyond), step.point(step.within)))


def _paths(step: _Step) -> list[Metres]:
    """Ways from the fix beyond that are as long as what was driven, the best first; points in rows."""
    chord, corner = _chord(step), _corner(step)
    found = [chord] if step.measured or _headed_straight(step, chord[1] - chord[0]) else []
    if corner is not None:
        found.append(np.array((chord[0], corner, chord[1])))
    fitting = [path for path in found if _off(path, step) <= max(FITS_M, FITS_SHARE * step.driven)]
    return sorted(fitting, key=lambda path: _off(path, step))


def _headed_straight(step: _Step, gap: Metres) -> bool:
    """Whether it was headed straight from one fix to the other at both: without an odometer nothing else says so."""
    along = gap / max(float(np.hypot(*gap)), 1e-9)
    ahead, back = step.towards(step.beyond, step.within), step.towards(step.within, step.beyond)
    return ahead is not None and back is not None and float(min(ahead @ along, -(back @ along))) >= STRAIGHT_COS


def _off(path: Metres, step: _Step) -> float:
    return abs(_long(path) - step.driven)


def _corner(step: _Step) -> Metres | None:
    """Where the straight ways from both fixes, towards one another, meet."""
    begin, end = step.point(step.beyond), step.point(step.within)
    ahead, back = step.towards(step.beyond, step.within), step.towards(step.within, step.beyond)
    if ahead is None or back is None:
        return None
    across = ahead[0] * back[1] - ahead[1] * back[0]
    if abs(across) < CORNER_SIN:
        return None
    gap = end - begin
    far = (gap[0] * back[1] - gap[1] * back[0]) / across
    further = (gap[0] * ahead[1] - gap[1] * ahead[0]) / across
    if far < 0 or further < 0:
        return None
    corner: Metres = begin + far * ahead
    return corner


def _straight_ahead(step: _Step) -> list[float]:
    """Metres beyond, if it crossed straight ahead from the fix beyond, and if straight from the one within."""
    found = []
    for fix, goal in ((step.beyond, step.within), (step.within, step.beyond)):
        ahead = step.towards(fix, goal)
        if ahead is None:
            continue
        crossed = _on(np.array((step.point(fix), step.point(fix) + step.driven * ahead)), step)
        if crossed is not None:
            found.append(crossed[0] if fix == step.beyond else step.driven - crossed[0])
    return found


def _on(path: Metres, step: _Step) -> tuple[float, float] | None:
    """How far along a way, scaled to what was driven, it crosses the bound first, and what noise makes of that.

    The spread is how far the place moves when the distance is off by the noise: a bound that is crossed at a small
    angle is crossed at no certain place.
    """
    long = _long(path)
    along = np.linspace(0.0, long, max(2, int(long / SAMPLE_M) + 2))
    marks = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))))
    x, y = np.interp(along, marks, path[:, 0]), np.interp(along, marks, path[:, 1])
    distance = step.course.allowed.distance(x, y)
    distance[step.course.in_place(x, y) >= 0] = 0.0
    out = bool(distance[0] > step.bound)
    place, *others = (
        _first(along, (distance > bound) != out) for bound in (step.bound, step.bound + NOISE_M, step.bound - NOISE_M)
    )
    if place is None:
        return None
    scale = step.driven / long if long > 0 else 1.0
    spread = max(NOISE_M if other is None else abs(other - place) for other in others)
    return place * scale, spread * scale + abs(step.driven - long) / 2


def _first(along: Metres, crossed: Flags) -> float | None:
    """The middle of the sample in which it happened first."""
    place = int(np.argmax(crossed))
    return float(along[place] + along[max(0, place - 1)]) / 2 if crossed[place] else None


def _long(path: Metres) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())
