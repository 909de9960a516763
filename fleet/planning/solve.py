"""The planner: VROOM says which truck serves which bins in which order; the timetable says when, and holds the limits.

VROOM knows no tip to which a truck goes and from which it carries on. So a truck stands there as several vehicles, a
vehicle for each load (ADR 0020), from tip to tip. The loads are then laid one after another into the real shifts. What
does not go in there is planned again, in rounds, with the trucks where and when they are free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fleet.planning.problem import CollectionPlan, Problem, ProblemError, Travel, Truck, faults, site_of
from fleet.planning.question import NO_WAY_S, Load, ask, epoch_of, homeward_s, tip_site
from fleet.planning.timetable import SECOND, Timetable
from fleet.planning.unserved import explain

SPARE = 1.1  #: of the loads that the litres need: bins do not fill a truck to the brim


def solve(problem: Problem, travel: Travel) -> CollectionPlan:
    """Plan the collection. The same problem mostly gives the same plan; the solver does not promise it (ADR 0020).

    It blocks, for up to about ``options.max_s``: let it run in a process of its own. Raises ProblemError.
    """
    if found := faults(problem):
        raise ProblemError("; ".join(found))
    clocks, pool = _rounds(problem, travel, day=bool(problem.tips))
    if pool and problem.tips:
        # Not all go in, and loads were laid by their length. Taken in turns, what matters most goes first.
        again, left = _rounds(problem, travel, day=False)
        if _worth(problem, again, left) > _worth(problem, clocks, pool):
            clocks, pool = again, left
    tours = tuple(tour for clock in clocks if (tour := clock.tour()) is not None)
    return CollectionPlan(problem.on, "planned", tours, explain(problem, travel, pool))


def _rounds(problem: Problem, travel: Travel, *, day: bool) -> tuple[list[Timetable], list[int]]:
    """Ask the solver until all bins have their place or none finds one any more; returns the trucks and who is left.

    ``day``: the first round plans loads for the whole day. Otherwise each round plans the next load of every truck.
    """
    clocks = [Timetable(problem, travel, truck) for truck in problem.trucks]
    pool = list(range(len(problem.demands)))
    for number in range(problem.options.max_trips):
        loads = _day_loads(problem, travel, clocks) if day and not number else _next_loads(problem, travel, clocks)
        if not pool or not loads:
            break
        orders = ask(problem, travel, clocks, loads, pool)
        served = _lay(problem, clocks, loads, orders)
        if not served:
            break
        pool = [one for one in pool if one not in served]
    return clocks, _squeeze(clocks, pool)


def _worth(problem: Problem, clocks: Sequence[Timetable], left: Sequence[int]) -> tuple[float, ...]:
    """How good a result is: first by the priorities that are left out, then by their number, then by the way."""
    tours = [tour for clock in clocks if (tour := clock.tour()) is not None]
    lost = sum(problem.demands[number].priority for number in left)
    return (-lost, -len(left), -sum(tour.distance_m for tour in tours))


def _next_loads(problem: Problem, travel: Travel, clocks: Sequence[Timetable]) -> list[Load]:
    """The next load of each truck, from where and when it is free, which is at the tip if it has been out."""
    epoch = epoch_of(problem)
    found = []
    for number, clock in enumerate(clocks):
        free = clock
        if clock.served:
            free = clock.fork()
            if not problem.tips or not free.unload():
                continue
        begin_s = -(-(free.now - epoch) // SECOND)
        end_s = (clock.truck.end - epoch) // SECOND - homeward_s(problem, travel, clock.truck)
        if begin_s < end_s:
            found.append(Load(number, free.here, True, begin_s, end_s))
    return found


def _day_loads(problem: Problem, travel: Travel, clocks: Sequence[Timetable]) -> list[Load]:
    """As many loads as the litres need, the same number for each truck, in the hours that are left when it is there.

    They begin at the tip. That a truck's first one really begins at its depot takes no longer than the way from there
    to the tip, and that much is kept free.
    """
    demands = problem.demands
    full = max(
        sum(demand.litres for demand in demands) / sum(truck.loose_l for truck in problem.trucks),
        sum(demand.kg for demand in demands) / sum(truck.capacity_kg for truck in problem.trucks),
    )
    each = min(problem.options.max_trips, max(1, math.ceil(full * SPARE)))
    places, epoch = site_of(problem), epoch_of(problem)
    found = []
    for number, clock in enumerate(clocks):
        truck = clock.truck
        at = tip_site(problem, travel, truck)
        there_s = float(travel.seconds[places[truck.start.id], at]) / truck.speed_factor
        begin_s = -(-(clock.now - epoch) // SECOND) + math.ceil(min(there_s, NO_WAY_S))
        end_s = (truck.end - epoch) // SECOND - homeward_s(problem, travel, truck)
        if begin_s < end_s:
            found += [Load(number, at, False, begin_s, end_s)] * each
    return found


def _lay(
    problem: Problem, clocks: Sequence[Timetable], loads: Sequence[Load], orders: Sequence[Sequence[int]]
) -> set[int]:
    """Lay the loads into the shifts; returns the bins that found a place.

    A load that is bound goes to its truck. Of the others the most urgent and longest come first, and go to trucks that
    are out already, in order, or to whoever is free soonest (``options.fewest``).
    """
    served: set[int] = set()
    rest = []
    for load, order in zip(loads, orders, strict=True):
        if load.bound and order:
            served |= _drive(clocks[load.truck], order)
        elif order:
            rest.append(list(order))
    for order in sorted(rest, key=lambda one: (_urgency(problem, one), -len(one), one)):
        able = [clock for clock in clocks if _suits(problem, clock.truck, order)]
        if problem.options.fewest:
            able.sort(key=lambda clock: not clock.served)
        else:
            able.sort(key=lambda clock: clock.now)
        for clock in able:
            attempt = clock.fork()
            if len(_drive(attempt, order)) == len(order):
                clock.adopt(attempt)
                served |= set(order)
                break
    return served


def _urgency(problem: Problem, order: Sequence[int]) -> float:
    """By when at the latest one of these bins has to be served."""
    ends = [max(last for _, last in problem.demands[n].windows) for n in order if problem.demands[n].windows]
    return min(ends, default=math.inf)


def _drive(clock: Timetable, order: Sequence[int]) -> set[int]:
    """Let a truck serve bins in this order, from the tip on where it has a load; returns those that it could."""
    if clock.served and clock.litres + clock.kg > 0 and not clock.unload():
        return set()
    return {number for number in order if clock.take(number)}


def _squeeze(clocks: Sequence[Timetable], pool: Sequence[int]) -> list[int]:
    """The last ones: each goes to the end of the tour that can take it soonest."""
    left = []
    for number in pool:
        able = [(at, i) for i, clock in enumerate(clocks) if (at := clock.reaches(number)) is not None]
        if not able or not clocks[min(able)[1]].take(number):
            left.append(number)
    return left


def _suits(problem: Problem, truck: Truck, order: Sequence[int]) -> bool:
    demands = [problem.demands[number] for number in order]
    return (
        all(set(demand.skills) <= set(truck.skills) for demand in demands)
        and sum(demand.litres for demand in demands) <= truck.loose_l
        and sum(demand.kg for demand in demands) <= truck.capacity_kg
    )
