"""What the solver is asked, and what it answers: trucks, bins and breaks as VROOM takes them, in whole seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import vroom
from numpy.typing import NDArray

from fleet.planning.problem import Problem, Travel, Truck, site_of
from fleet.planning.timetable import SECOND, Timetable

NO_WAY_S = 400_000  #: stands for inf: longer than any shift, and far from the solver's bounds


class Load(NamedTuple):
    """One vehicle of the solver: the truck's number, where it begins, and its span in seconds.

    ``bound``: it is this truck's own next load, and not any load of a truck of this kind.
    """

    truck: int
    start: int
    bound: bool
    begin_s: int
    end_s: int


def ask(
    problem: Problem,
    travel: Travel,
    clocks: Sequence[Timetable],
    loads: Sequence[Load],
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
    epoch = epoch_of(problem)
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
    load: Load,
    number: int,
    bins: int,
    skills: dict[str, int],
) -> vroom.Vehicle:
    truck, options = clock.truck, problem.options
    epoch = epoch_of(problem)
    most = {}
    if options.balance is not None:
        even = math.ceil(len(problem.demands) / len(problem.trucks) * (1 + options.balance))
        most = {"max_tasks": max(0, min(bins, even - clock.served))}
    return vroom.Vehicle(
        number + 1,
        start=load.start,
        end=tip_site(problem, travel, truck),
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


def _breaks(clock: Timetable, load: Load, epoch: int) -> list[vroom.Break]:
    """The breaks that can fall into a load, one after another.

    Loads for the whole day have none (:mod:`fleet.planning.solve` lays them into shifts).
    """
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


def tip_site(problem: Problem, travel: Travel, truck: Truck) -> int:
    """Where a truck's loads end: the tip nearest to its finish; without tips, its finish."""
    places = site_of(problem)
    finish = places[truck.finish.id]
    tips = [places[tip.place.id] for tip in problem.tips]
    return min(tips, key=lambda at: (float(travel.metres[at, finish]), at)) if tips else finish


def homeward_s(problem: Problem, travel: Travel, truck: Truck) -> int:
    """From the arrival at the tip until the truck is back; what the solver's vehicles must leave for it."""
    if not problem.tips:
        return 0
    places = site_of(problem)
    at = tip_site(problem, travel, truck)
    service = next(tip.service_s for tip in problem.tips if places[tip.place.id] == at)
    back = min(float(travel.seconds[at, places[truck.finish.id]]), NO_WAY_S) / truck.speed_factor
    return math.ceil(service + back)


def epoch_of(problem: Problem) -> int:
    """The instant (µs) from which the solver counts its seconds: the first begin of a shift."""
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
