"""The fixed round: every bin of a truck's round in its order, whatever it holds. What most cities do today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleet.planning.problem import CollectionPlan, Problem, Travel
from fleet.planning.timetable import Timetable
from fleet.planning.unserved import explain


def fixed_round(problem: Problem, travel: Travel, rounds: Mapping[str, Sequence[str]]) -> CollectionPlan:
    """Each truck drives its round (bins' ids in order), with the same hours, capacity and tips as a plan.

    What it cannot do is left standing. Bins that are no demand of the problem are passed by.
    """
    numbers = {demand.bin: number for number, demand in enumerate(problem.demands)}
    tours, served = [], set()
    for truck in problem.trucks:
        clock = Timetable(problem, travel, truck)
        for name in rounds.get(truck.id, ()):
            number = numbers.get(name)
            if number is not None and number not in served and clock.take(number):
                served.add(number)
        if (tour := clock.tour()) is not None:
            tours.append(tour)
    left = (number for number in range(len(problem.demands)) if number not in served)
    return CollectionPlan(problem.on, "fixed_round", tuple(tours), explain(problem, travel, left))
