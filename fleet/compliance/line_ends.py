"""The last metres of a line: a run is carried on to where its line ends, if the vehicle drove on past that end.

Between two fixes a vehicle leaves one line and enters another. Where the lines follow one another that is one chain and
needs nothing; where they do not (other order, a gap in the drawing, the beginning of the whole) the fixes lie on
neither side of the same line, and up to a step of each line would be missing.
"""

from __future__ import annotations

import numpy as np

from fleet.compliance.course import Course
from fleet.compliance.matching import Runs
from fleet.compliance.steps import Steps
from fleet.master.route import Route


def to_the_ends(runs: Runs, made: Steps, course: Course, route: Route) -> Runs:
    """The runs, carried on to the ends of their lines where the next, or the last, step passes these."""
    if not len(runs.begin):
        return runs
    begin, end, along, at = runs.begin.copy(), runs.end.copy(), runs.along.copy(), runs.at.copy()
    lines = course.lines
    chains = np.searchsorted(lines.chain_begins, (begin + end) / 2, "right") - 1
    # No step is longer than the longest one: most runs end far from any end of a line.
    longest = float(made.length.max()) + route.tolerance_m
    near = (begin - lines.chain_begins[chains] <= longest) | (lines.chain_ends[chains] - end <= longest)
    for run in np.flatnonzero(near).tolist():
        chain = int(chains[run])
        low, high = float(lines.chain_begins[chain]), float(lines.chain_ends[chain])
        first, last = int(runs.starts[run]), int(runs.starts[run + 1]) - 1
        forth = runs.direction[run] > 0
        for point, way in ((last, 1), (first, -1)):
            goal = high if forth == (way > 0) else low
            left = abs(goal - along[point])
            if left > longest:
                continue
            passed = _passed(made, int(at[point]), way, left, lines.point(goal), route)
            if passed is not None:
                along[point], at[point] = goal, passed
        begin[run], end[run] = sorted((along[first], along[last]))
    return runs._replace(begin=begin, end=end, along=along, at=at)


def _passed(made: Steps, at: int, way: int, left_m: float, goal: tuple[float, float], route: Route) -> int | None:
    """When the step after (``way`` 1) or before (-1) a fix passed a point that lies ``left_m`` ahead; None if not."""
    fix = int(np.searchsorted(made.at, at))
    if left_m <= 0 or fix >= len(made.at) or made.at[fix] != at:
        return None
    step = fix if way > 0 else fix - 1
    while 0 <= step < len(made.moving) and not made.moving[step] and not made.gap[step]:
        step += way
    if (
        not 0 <= step < len(made.moving)
        or made.gap[step]
        or not made.known[step]
        or made.worked_until[step] - made.worked_from[step] < 1
    ):
        return None
    near, far = (step, step + 1) if way > 0 else (step + 1, step)
    dx, dy = made.x[far] - made.x[near], made.y[far] - made.y[near]
    if max(made.speed[near], made.speed[far]) > route.work_max_kmh or left_m > made.length[step] + route.tolerance_m:
        return None
    length = dx * dx + dy * dy
    share = ((goal[0] - made.x[near]) * dx + (goal[1] - made.y[near]) * dy) / length if length else 0.0
    share = min(1.0, max(0.0, share))
    off = np.hypot(goal[0] - made.x[near] - share * dx, goal[1] - made.y[near] - share * dy)
    if off > route.tolerance_m:
        return None
    return int(made.at[near] + share * (made.at[far] - made.at[near]))
