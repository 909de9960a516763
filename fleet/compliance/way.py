"""Where the time and the way went, when it left and came back, and how much of the way was for nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.compliance.course import Course
from fleet.compliance.result import Gap, Split
from fleet.compliance.steps import Steps, spans


class Way(NamedTuple):
    """See :class:`fleet.compliance.result.Compliance`."""

    split: Split
    driven_m: float
    began: int | None
    ended: int | None
    empty_running: float | None
    completeness: float


def way(made: Steps, course: Course, gaps: tuple[Gap, ...], begin: int, end: int) -> Way:
    """The time and the way of a span."""
    unknown = ~made.known & ~made.gap
    lost = sum(gap.end - gap.start for gap in gaps) / 1e6 + float(made.seconds[unknown].sum())
    total = max((end - begin) / 1e6, 1e-9)
    worked = made.worked
    rest = np.where(made.known, 1.0 - worked, 0.0)
    moving, off = rest * made.moving, rest * (~made.moving & made.off)
    idle = rest * (~made.moving & ~made.off)
    driven = np.where(made.gap, 0.0, made.length)
    split = Split(
        float((made.seconds * worked).sum()),
        float((made.seconds * moving).sum()),
        float((made.seconds * idle).sum()),
        float((made.seconds * off).sum()),
        lost,
        float((driven * worked).sum()),
        float((driven * moving).sum()),
    )
    began, ended = _out(made, course)
    completeness = min(1.0, max(0.0, 1.0 - lost / total))
    return Way(split, float(driven.sum()), began, ended, _empty(made, course, split, driven), completeness)


def _out(made: Steps, course: Course) -> tuple[int | None, int | None]:
    """When it drove out of the depot first, and into it last; without a depot, when it moved first and last."""
    inside = course.in_place(made.x, made.y, "depot") >= 0
    away = made.moving & ~made.gap & ~(inside[:-1] & inside[1:])
    steps = np.flatnonzero(away)
    if not len(steps):
        return None, None
    return int(made.at[steps[0]]), int(made.at[steps[-1] + 1])


def _empty(made: Steps, course: Course, split: Split, driven: np.ndarray) -> float | None:
    """(total - effective) / total. Effective is the work, the ways to the first and from the last, and errands.

    An errand is a drive between two spells of work that comes to a tip, a fuel station or a hydrant.
    """
    total = float(driven.sum())
    working = np.flatnonzero((made.worked > 0) & made.moving)
    if total <= 0 or not len(working):
        return None
    transit = np.where(made.known, driven * (1.0 - made.worked), 0.0)
    there = course.in_place(made.x, made.y, "tip", "fuel", "water", "depot", "station") >= 0
    visits = np.concatenate(([0], np.cumsum(there)))
    empty = 0.0
    between = (made.worked == 0) | ~made.moving
    for first, last in zip(*spans(between), strict=True):
        if first > working[0] and last <= working[-1] and visits[last + 1] == visits[first]:
            empty += float(transit[first:last].sum())
    return empty / total
