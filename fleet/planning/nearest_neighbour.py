"""The nearest neighbour: each truck goes to the nearest bin that it can still serve, until its shift is over."""

from __future__ import annotations

import numpy as np

from fleet.planning.problem import CollectionPlan, Problem, Travel
from fleet.planning.timetable import Timetable
from fleet.planning.unserved import explain


def nearest_neighbour(problem: Problem, travel: Travel) -> CollectionPlan:
    """One truck after another, with the same hours, capacity and tips as a plan. Of equally near bins the first."""
    left = np.ones(len(problem.demands), dtype=bool)
    tours = []
    for truck in problem.trucks:
        clock = Timetable(problem, travel, truck)
        while (number := _next(clock, travel, left)) is not None:
            left[number] = False
        if (tour := clock.tour()) is not None:
            tours.append(tour)
    unserved = (int(number) for number in np.flatnonzero(left))
    return CollectionPlan(problem.on, "nearest_neighbour", tuple(tours), explain(problem, travel, unserved))


def _next(clock: Timetable, travel: Travel, left: np.ndarray) -> int | None:
    """Serve the nearest bin that can be served, and return its number."""
    ways = np.where(left, travel.metres[clock.here, : len(left)], np.inf)
    for number in np.argsort(ways, kind="stable"):
        if not np.isfinite(ways[number]):
            return None
        if clock.take(int(number)):
            return int(number)
    return None
