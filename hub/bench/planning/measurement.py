"""The planning bench: a week of a simulated city, collected by plan, by fixed rounds and by the nearest neighbour.

All policies have the same trucks, hours, capacity, tips and streets, meet the same refuse, and every tour of theirs
goes through the checker. Plan and nearest neighbour choose alike: bins that would be full before the next shift comes
to them, by what their sensors say and by last week's rates. The plan also has deadlines: a bin is to be served before
it is expected to overflow, though never within less than two hours; the nearest neighbour knows none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from time import perf_counter, process_time

import msgspec
import numpy as np

from fleet.planning.check import check
from fleet.planning.demands import BinLevel, Rule, demands
from fleet.planning.fixed_round import fixed_round
from fleet.planning.nearest_neighbour import nearest_neighbour
from fleet.planning.problem import CollectionPlan, Demand, Problem, Tip, Travel, Truck, sites
from fleet.planning.solve import solve
from hub.bench.ingest import machine
from hub.bench.planning.city import Column, Town, fill, measured, rates, town
from simulators.city.local_time import HOUR

SHIFT_H = 8
FIRST_H = 5  #: the first shift begins at five
EACH_DAY = 24 // SHIFT_H
AIM_S = 30.0  #: for one plan of 500 bins and 10 trucks, with its matrix, on two cores
AGAIN_H = 2.5  #: into the next shift, by when its trucks have come to the bins that are in a hurry
GRACE_S = 7_200.0


class Load(msgspec.Struct, frozen=True):
    """What is planned: a city, its trucks, and for how long. A truck takes ``capacity_l`` times ``compaction``.

    Of 0 days nothing but the one plan of all bins is measured.
    """

    bins: int = 500
    trucks: int = 10
    days: int = 7
    seed: int = 7
    capacity_l: float = 8_000.0
    compaction: float = 3.0
    service_s: float = 40.0
    tip_s: float = 600.0
    slower: float = 1.0  #: how many times slower the bins fill than the simulator's


class Policy(msgspec.Struct):
    """What a policy came to over the whole time. ``faults`` of the checker have to be none."""

    name: str
    distance_km: float = 0.0
    tours: int = 0
    visits: int = 0
    left: int = 0  #: demands that found no place
    overflow_bin_h: float = 0.0
    spilt_m3: float = 0.0
    driving_h: float = 0.0
    planning_s: float = 0.0
    slowest_plan_s: float = 0.0
    faults: int = 0


class Figures(msgspec.Struct):
    """What a run measured. ``solve_s``: one plan of all bins and trucks. Ratios are to the plan's figures."""

    load: Load
    matrix_s: float
    solve_s: float
    solve_cpu_s: float  #: of all cores together, which does not depend on who else is at work
    solve_km: float
    solve_served: int
    nearest_km: float
    policies: list[Policy]
    distance_ratio: dict[str, float]
    overflow_ratio: dict[str, float | None]
    machine: dict[str, str]


Planner = Callable[[Problem, Travel], CollectionPlan]
Say = Callable[[str], None]


class Bench:
    """The town with its roads, and the policies over it."""

    def __init__(self, load: Load) -> None:
        self.load = load
        made = town(load.seed, load.bins, load.days * 24 + FIRST_H + SHIFT_H)
        self.town: Town = made._replace(pace=made.pace / load.slower)
        started = perf_counter()
        self.travel = self.town.streets.travel(sites(self.problem(self.everything(0), 0)))
        self.matrix_s = perf_counter() - started
        self.trucks = [f"truck-{number + 1:02d}" for number in range(load.trucks)]
        self.number = {name: number for number, name in enumerate(self.town.bins)}

    def begin(self, shift: int) -> int:
        """When a shift (from 0) begins (µs)."""
        return self.town.begin + (FIRST_H + shift * SHIFT_H) * HOUR

    def problem(self, wanted: Sequence[Demand], shift: int) -> Problem:
        """A shift with all trucks."""
        load, begin = self.load, self.begin(shift)
        trucks = tuple(
            Truck(
                f"truck-{number + 1:02d}",
                self.town.depot,
                self.town.depot,
                begin,
                begin + SHIFT_H * HOUR,
                load.capacity_l,
                load.compaction,
            )
            for number in range(load.trucks)
        )
        on = (datetime.fromtimestamp(begin / 1e6, UTC) + timedelta(hours=8)).date()
        return Problem(on, tuple(wanted), trucks, (Tip(self.town.tip, load.tip_s),))

    def levels(self, level: Column, shift: int) -> list[BinLevel]:
        """What the hub knows of the bins at a shift's beginning."""
        hour = FIRST_H + shift * SHIFT_H
        said, pace = measured(self.town, level, hour, self.load.seed), rates(self.town, hour)
        places = zip(self.town.bins, self.town.lon, self.town.lat, self.town.litres, said, pace, strict=True)
        return [
            BinLevel(name, float(lon), float(lat), float(litres), float(pct), self.begin(shift), float(rate))
            for name, lon, lat, litres, pct, rate in places
        ]

    def everything(self, shift: int, level: Column | None = None) -> tuple[Demand, ...]:
        """All bins, whatever they hold."""
        known = self.levels(np.full(len(self.town.bins), 60.0) if level is None else level, shift)
        return self._due(known, shift, Rule(collect_pct=0.0))

    def due(self, level: Column, shift: int) -> tuple[Demand, ...]:
        """The bins that would be ready before the next shift comes to them."""
        again = self.begin(shift + 1) + round(AGAIN_H * HOUR)
        return self._due(self.levels(level, shift), shift, Rule(again=again))

    def travel_of(self, problem: Problem) -> Travel:
        """The part of the town's matrix that a problem needs."""
        at = [self.number[demand.bin] for demand in problem.demands]
        at += range(len(self.town.bins), len(self.travel.metres))
        return Travel(self.travel.metres[np.ix_(at, at)], self.travel.seconds[np.ix_(at, at)])

    def week(self, name: str, wanted: Callable[[Column, int], Sequence[Demand]], planner: Planner) -> Policy:
        """Let a policy work for the whole time."""
        policy = Policy(name)
        level = fill(self.town, self.town.first_pct, 0, FIRST_H, {}).level
        for shift in range(self.load.days * EACH_DAY):
            problem = self.problem(wanted(level, shift), shift)
            travel = self.travel_of(problem)
            started = perf_counter()
            plan = planner(problem, travel)
            took = perf_counter() - started
            visits = {
                self.number[visit.place]: visit.begin
                for tour in plan.tours
                for visit in tour.visits
                if visit.kind == "bin"
            }
            outcome = fill(self.town, level, FIRST_H + shift * SHIFT_H, SHIFT_H, visits)
            level = outcome.level
            policy.overflow_bin_h += outcome.overflow_h
            policy.spilt_m3 += outcome.spilt_l / 1_000
            _count(policy, plan, took)
            policy.faults += len(check(problem, travel, plan))
        return policy

    def urgent(self, level: Column, shift: int) -> tuple[Demand, ...]:
        """The same, and each to be served before it is expected to overflow."""
        again = self.begin(shift + 1) + round(AGAIN_H * HOUR)
        return self._due(self.levels(level, shift), shift, Rule(again=again, overflow_pct=95.0, grace_s=GRACE_S))

    def _due(self, known: Sequence[BinLevel], shift: int, rule: Rule) -> tuple[Demand, ...]:
        found = demands(known, self.begin(shift), self.begin(shift + 1), rule)
        return tuple(msgspec.structs.replace(one, service_s=self.load.service_s) for one in found)


def measure(load: Load, say: Say = lambda text: None) -> Figures:
    """Run the bench."""
    bench = Bench(load)
    whole = bench.problem(bench.everything(0), 0)
    say(f"one plan of {load.bins} bins and {load.trucks} trucks")
    started, used = perf_counter(), process_time()
    plan = solve(whole, bench.travel_of(whole))
    solve_s, solve_cpu_s = perf_counter() - started, process_time() - used
    nearest = nearest_neighbour(whole, bench.travel_of(whole))
    policies: list[Policy] = []
    for policy in _policies(bench, plan) if load.days else ():
        say(policy.name)
        policies.append(policy)
    ours = policies[0] if policies else Policy("none")
    return Figures(
        load,
        round(bench.matrix_s, 3),
        round(solve_s, 2),
        round(solve_cpu_s, 2),
        round(plan.distance_m / 1_000, 1),
        plan.served,
        round(nearest.distance_m / 1_000, 1),
        policies,
        {one.name: round(one.distance_km / ours.distance_km, 3) for one in policies},
        {
            one.name: round(one.overflow_bin_h / ours.overflow_bin_h, 3) if ours.overflow_bin_h else None
            for one in policies
        },
        machine() | {"pyvroom": version("pyvroom")},
    )


def _policies(bench: Bench, optimised: CollectionPlan) -> Iterator[Policy]:
    def every(level: Column, shift: int) -> Sequence[Demand]:
        return bench.everything(shift, level)

    def daily(level: Column, shift: int) -> Sequence[Demand]:
        return () if shift % EACH_DAY else bench.everything(shift, level)

    streets = _split(bench.town.rounds, bench.trucks)
    order = [name for tour in optimised.tours for name in tour.bins]
    best = _split(order, bench.trucks)
    yield bench.week("planned", bench.urgent, solve)
    yield bench.week("planned, without deadlines", bench.due, solve)
    yield bench.week("nearest neighbour", bench.due, nearest_neighbour)
    yield bench.week("fixed round, every shift", every, lambda p, t: fixed_round(p, t, streets))
    yield bench.week("fixed round in the solver's order, every shift", every, lambda p, t: fixed_round(p, t, best))
    yield bench.week("fixed round, once a day", daily, lambda p, t: fixed_round(p, t, streets))


def _split(order: Sequence[str], trucks: Sequence[str]) -> dict[str, list[str]]:
    """A long round cut into one for each truck."""
    cuts = [round(len(order) * at / len(trucks)) for at in range(len(trucks) + 1)]
    return {truck: list(order[a:b]) for truck, a, b in zip(trucks, cuts, cuts[1:], strict=False)}


def _count(policy: Policy, plan: CollectionPlan, took: float) -> None:
    policy.distance_km = round(policy.distance_km + plan.distance_m / 1_000, 3)
    policy.tours += len(plan.tours)
    policy.visits += plan.served
    policy.left += len(plan.unserved)
    policy.driving_h += sum(tour.driving_s for tour in plan.tours) / 3_600
    policy.planning_s += took
    policy.slowest_plan_s = max(policy.slowest_plan_s, took)
