"""Why a bin is not in a plan: the first reason that holds, in words and as a code."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from fleet.planning.problem import Demand, Problem, Travel, Truck, Unserved, site_of


def explain(problem: Problem, travel: Travel, numbers: Iterable[int]) -> tuple[Unserved, ...]:
    """A reason for each of the bins of these numbers, in their order."""
    return tuple(
        msgspec.structs.replace(_explain(problem, travel, number), source=problem.demands[number].source)
        for number in sorted(numbers)
    )


def _explain(problem: Problem, travel: Travel, number: int) -> Unserved:
    demand = problem.demands[number]
    able = [truck for truck in problem.trucks if set(demand.skills) <= set(truck.skills)]
    if not able:
        return Unserved(demand.bin, "skills", f"no truck has the skills {', '.join(demand.skills)}")
    able = [truck for truck in able if demand.litres <= truck.loose_l and demand.kg <= truck.capacity_kg]
    if not able:
        return Unserved(demand.bin, "too_large", f"{demand.litres:g} l, {demand.kg:g} kg: more than any truck takes")
    if not any(_reachable(problem, travel, number, truck) for truck in able):
        return Unserved(demand.bin, "unreachable", "no way leads there and back")
    if not any(_open(demand, truck) for truck in able):
        return Unserved(demand.bin, "window", "no shift of a truck meets its windows")
    if not problem.tips:
        held = sum(one.litres for one in problem.demands)
        if held > sum(truck.loose_l for truck in problem.trucks):
            return Unserved(demand.bin, "capacity", "the trucks are full, and there is no tip to empty them at")
    return Unserved(demand.bin, "time", "no truck has the time within its shift and the bin's windows")


def _reachable(problem: Problem, travel: Travel, number: int, truck: Truck) -> bool:
    places = site_of(problem)
    there = travel.seconds[places[truck.start.id], number]
    goals = [places[tip.place.id] for tip in problem.tips] or [places[truck.finish.id]]
    return bool(np.isfinite(there) and np.isfinite(travel.seconds[number, goals]).any())


def _open(demand: Demand, truck: Truck) -> bool:
    return not demand.windows or any(first <= truck.end and last >= truck.begin for first, last in demand.windows)
