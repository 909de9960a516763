"""The planner: VROOM says which truck serves which bins in which order; the timetable says when, and holds the limits.

VROOM knows no tip to which a truck goes and from which it carries on. So a truck stands there as several vehicles, a
vehicle for each load (ADR 0020), from tip to tip. The loads are then laid one after another into the real shifts. What
does not go in there is planned again, in rounds, with the trucks where and when they are free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import vroom
from numpy.typing import NDArray

from fleet.planning.problem import CollectionPlan, Problem, ProblemError, Travel, Truck, faults, site_of
from fleet.planning.timetable import SECOND, Timetable
from fleet.planning.unserved import explain

NO_WAY_S = 400_000  #: stands for inf: longer than any shift, and far from the solver's bounds
SPARE = 1.1  #: of the loads that the litres need: bins do not fill a truck to the brim


class _Load(NamedTuple):
    """One vehicle of the solver: the truck's number, where it begins, and its span in seconds.

    ``bound``: it is this truck's own next load, and not any load of a truck of this kind.
    """

    truck: int
    start: int
    bound: bool
    begin_s: int
    end_s: int


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
        orders = _ask(problem, travel, clocks, loads, pool)
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


def _next_loads(problem: Problem, travel: Travel, clocks: Sequence[Timetable]) -> list[_Load]:
    """The next load of each truck, from where and when it is free, which is at the tip if it has been out."""
    epoch = _epoch(problem)
    found = []
    for number, clock in enumerate(clocks):
        free = clock
        if clock.served:
            free = clock.fork()
            if not problem.tips or not free.unload():
                continue
        begin_s = -(-(free.now - epoch) // SECOND)
        end_s = (clock.truck.end - epoch) // SECOND - _homeward_s(problem, travel, clock.truck)
        if begin_s < end_s:
            found.append(_Load(number, free.here, True, begin_s, end_s))
    return found


def _day_loads(problem: Problem, travel: Travel, clocks: Sequence[Timetable]) -> list[_Load]:
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
    places, epoch = site_of(problem), _epoch(problem)
    found = []
    for number, clock in enumerate(clocks):
        truck = clock.truck
        at = _tip_site(problem, travel, truck)
        there_s = float(travel.seconds[places[truck.start.id], at]) / truck.speed_factor
        begin_s = -(-(clock.now - epoch) // SECOND) + math.ceil(min(there_s, NO_WAY_S))
        end_s = (truck.end - epoch) // SECOND - _homeward_s(problem, travel, truck)
        if begin_s < end_s:
            found += [_Load(number, at, False, begin_s, end_s)] * each
    return found


def _ask(
    problem: Problem,
    travel: Travel,
    clocks: Sequence[Timetable],
    loads: Sequence[_Load],
    pool: Sequence[int],
) -> list[list[int]]:
    """For each load the bins in the order that the solver gives them."""
    asked = vroom.Input()
    skills = {name: at for at, name in enumerate(sorted({s for d in problem.demands for s in d.skills}))}
    for factor in {truck.speed_factor for truck in problem.trucks}:
        asked.set_durations_matrix(str(factor), _whole(travel.seconds / factor))
        asked.set_distances_matrix(str(factor), _whole(travel.metres))
    for number, load in enumerate(loads):
        asked.add_vehicle(_vehicle(problem, travel, clocks[load.truck], load, number, len(pool), skills))
    epoch = _epoch(problem)
    horizon = max(load.end_s for load in loads)
    jobs = [job for number in pool if (job := _job(problem, number, epoch, horizon, skills)) is not None]
    orders: list[list[int]] = [[] for _ in loads]
    if not jobs:
        return orders
    asked.add_job(jobs)
    level, most = problem.options.exploration, problem.options.max_s
    solution = asked.solve(
        exploration_level=_level(len(pool)) if level is None else level,
        nb_threads=problem.options.threads,
        timeout=None if most is None else timedelta(milliseconds=max(1, round(most * 1_000))),
    )
    steps = np.asarray(solution._routes_numpy())  # as columns; the frame that ``routes`` makes of them is not needed
    for vehicle, kind, job_id in zip(steps["vehicle_id"], steps["type"].astype("U9"), steps["id"], strict=True):
        if kind == "job":
            orders[int(vehicle) - 1].append(int(job_id) - 1)
    return orders


def _vehicle(
    problem: Problem,
    travel: Travel,
    clock: Timetable,
    load: _Load,
    number: int,
    bins: int,
    skills: dict[str, int],
) -> vroom.Vehicle:
    truck, options = clock.truck, problem.options
    epoch = _epoch(problem)
    most = {}
    if options.balance is not None:
        even = math.ceil(len(problem.demands) / len(problem.trucks) * (1 + options.balance))
        most = {"max_tasks": max(0, min(bins, even - clock.served))}
    return vroom.Vehicle(
        number + 1,
        start=load.start,
        end=_tip_site(problem, travel, truck),
        profile=str(truck.speed_factor),
        capacity=[math.floor(truck.loose_l), math.floor(min(truck.capacity_kg, 1e9))],
        skills={at for name, at in skills.items() if name in truck.skills},
        time_window=vroom.TimeWindow(load.begin_s, load.end_s),
        breaks=_breaks(clock, load, epoch),
        costs=vroom.VehicleCosts(
            fixed=0 if clock.served or not load.bound else options.cost_truck,
            per_hour=options.cost_hour,
            per_km=options.cost_km,
        ),
        **most,
    )


def _breaks(clock: Timetable, load: _Load, epoch: int) -> list[vroom.Break]:
    """The breaks that can fall into a load, one after another. Loads for the whole day have none: see :func:`_lay`."""
    found: list[vroom.Break] = []
    free = load.begin_s
    for one in clock.breaks if load.bound else ():
        length = math.ceil(one.length_s)
        first = max(free, -(-(one.earliest - epoch) // SECOND))
        last = min((one.latest - epoch) // SECOND, load.end_s - length)
        if first <= last:
            found.append(vroom.Break(len(found) + 1, [vroom.TimeWindow(first, last)], length))
            free = first + length
    return found


def _job(problem: Problem, number: int, epoch: int, horizon: int, skills: dict[str, int]) -> vroom.Job | None:
    """The bin for the solver; None where its windows lie outside all shifts."""
    demand = problem.demands[number]
    windows = []
    for first, last in _merged(demand.windows):
        begin, end = max(0, -(-(first - epoch) // SECOND)), min(horizon, (last - epoch) // SECOND)
        if begin <= end:
            windows.append(vroom.TimeWindow(begin, end))
    if demand.windows and not windows:
        return None
    return vroom.Job(
        number + 1,
        location=number,
        default_service=math.ceil(demand.service_s),
        pickup=[math.ceil(demand.litres), math.ceil(demand.kg)],
        skills={skills[name] for name in demand.skills},
        priority=demand.priority,
        time_windows=windows,
    )


def _lay(
    problem: Problem, clocks: Sequence[Timetable], loads: Sequence[_Load], orders: Sequence[Sequence[int]]
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


def _tip_site(problem: Problem, travel: Travel, truck: Truck) -> int:
    """Where a truck's loads end: the tip nearest to its finish; without tips, its finish."""
    places = site_of(problem)
    finish = places[truck.finish.id]
    tips = [places[tip.place.id] for tip in problem.tips]
    return min(tips, key=lambda at: (float(travel.metres[at, finish]), at)) if tips else finish


def _homeward_s(problem: Problem, travel: Travel, truck: Truck) -> int:
    """From the arrival at the tip until the truck is back; what the solver's vehicles must leave for it."""
    if not problem.tips:
        return 0
    places = site_of(problem)
    at = _tip_site(problem, travel, truck)
    service = next(tip.service_s for tip in problem.tips if places[tip.place.id] == at)
    back = min(float(travel.seconds[at, places[truck.finish.id]]), NO_WAY_S) / truck.speed_factor
    return math.ceil(service + back)


def _epoch(problem: Problem) -> int:
    return min(truck.begin for truck in problem.trucks)


def _level(bins: int) -> int:
    """How hard to try, so that it takes seconds: the solver's time grows steeply with the bins."""
    return 5 if bins <= 40 else 3 if bins <= 150 else 1 if bins <= 300 else 0


def _whole(values: NDArray[np.float64]) -> NDArray[np.uint32]:
    return np.ceil(np.minimum(values, NO_WAY_S)).astype(np.uint32)


def _merged(windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Windows in order, those that touch as one: the solver refuses others."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(windows):
        if found and first <= found[-1][1] + SECOND:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found
