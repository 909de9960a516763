"""Judgements scored: what the judge says of simulated shifts against what was really done, disturbed and not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

import msgspec
import numpy as np

from fleet.compliance.judge import judge
from fleet.compliance.result import Compliance, Deviation, Stretch
from hub.bench.fleet.city import FleetCity, Task
from hub.bench.fleet.disturbances import DISTURBANCES, HARMLESS, Disturbance
from hub.bench.fleet.lengths import Length, Lengths, lengths_of
from hub.bench.fleet.truth import Worked, worked
from simulators.city.observation import Observation

AGAIN_US = 600_000_000
SHORT_US = 60_000_000
SURE_US = 3_000_000
LIFTS_ONLY = "undisturbed, bins silent"
HOUR_LEAST_US = 3_540_000_000


class Row(msgspec.Struct):
    """The scores under one disturbance.

    Coverage errors are points of the planned length, of what there is data about: of a route over all its passes in a
    shift (``route_*``), and of each pass by itself (``pass_*``), of which most is asked.
    ``wrongly_missed_m`` was worked and is said to be missed; ``no_data_pct`` is the share that nothing is said about.
    Stops: precision and recall of served ones, and of missed ones. Deviations: ``truths`` long enough to count,
    ``found`` of them, ``wrong`` ones, and how right their lengths are.
    """

    disturbance: str
    shifts: int
    passes: int
    route_mean: float
    route_worst: float
    pass_mean: float
    pass_p95: float
    pass_worst: float
    passes_within_2: float
    wrongly_missed_m: float
    no_data_pct: float
    served_precision: float | None
    served_recall: float | None
    missed_precision: float | None
    missed_recall: float | None
    deviations: int
    deviations_found: int
    deviations_wrong: int
    lengths: Lengths


class Scores(msgspec.Struct):
    """What a run of seeds came to. ``equal``: of each harmless disturbance, shifts judged equally, and all."""

    seeds: list[int]
    days: float
    vehicles: int
    kinds: dict[str, int]
    rows: list[Row]
    equal: dict[str, tuple[int, int]]
    gaps_told: tuple[int, int]


class _Spell(NamedTuple):
    """A deviation as it was (``true_m``), or as it is told."""

    begin: int
    end: int
    true_m: float
    told: Deviation | None = None


class _Tally:
    """The figures of one disturbance as they come."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.route_errors: list[float] = []
        self._told = self._done = 0.0
        self.shifts = 0
        self.wrongly_missed = self.no_data = self.planned = 0.0
        self.stops: Counter[str] = Counter()
        self.lengths: list[Length] = []
        self.truths = self.wrong = 0

    def take(self, result: Compliance, truth: Worked, city: int) -> None:
        self.shifts += 1
        self._told = self._done = 0.0
        for number in range(1, len(result.passes) + 1):
            self._coverage([one for one in result.stretches if one.number == number], truth, number)
        planned = sum(one.planned_m for one in result.passes)
        self.route_errors.append(100 * abs(self._told - self._done) / planned)
        self._stops(result, truth)
        self._deviations(result, truth, city)

    def _coverage(self, stretches: list[Stretch], truth: Worked, number: int) -> None:
        ends = [mark for one in stretches for mark in (one.begin_m, one.end_m)]
        marks = np.unique(np.array([*ends, *truth.marks()]))
        marks = marks[marks <= max(ends, default=0.0)]
        middle, length = (marks[1:] + marks[:-1]) / 2, np.diff(marks)
        done = truth.worked(middle) >= number
        begins = np.array([one.begin_m for one in stretches])
        states = np.array([one.state for one in stretches])[np.searchsorted(begins, middle, "right") - 1]
        known, planned = states != "no_data", float(length.sum())
        told, true = float(length[states == "covered"].sum()), float(length[known & done].sum())
        self._told += told
        self._done += true
        self.errors.append(100 * abs(told - true) / planned)
        self.wrongly_missed += float(length[(states == "missed") & done].sum())
        self.no_data += float(length[~known].sum())
        self.planned += planned

    def _stops(self, result: Compliance, truth: Worked) -> None:
        done = {(name, number) for name, times in _services(truth).items() for number in range(1, times + 1)}
        for one in result.stops:
            if one.state == "no_data":
                self.stops["unknown"] += 1
                continue
            served, was = one.state in ("served", "late", "early"), (one.stop, one.number) in done
            self.stops[f"{'served' if served else 'missed'} {'right' if served is was else 'wrong'}"] += 1
            if one.number > 1 and not served and not was:
                # That nobody came a second time is no find: few bins are full twice in a shift.
                self.stops["missed right"] -= 1

    def _deviations(self, result: Compliance, truth: Worked, city: int) -> None:
        spells = [_Spell(begin - SURE_US, end + SURE_US, length) for begin, end, length in truth.deviations]
        spells += [_Spell(one.start, one.end, 0.0, one) for one in result.deviations]
        for group in _touching(spells):
            begin, end = group[0].begin, max(one.end for one in group)
            true, found = sum(one.true_m for one in group), [one.told for one in group if one.told is not None]
            if any(gap.start <= end and gap.end >= begin for gap in result.gaps):
                continue
            if not true:
                self.wrong += 1
            elif found:
                self.truths += 1
                told, error = sum(one.length_m for one in found), sum(one.length_error_m or 0.0 for one in found)
                self.lengths.append(Length((city, result.route), (city, result.plan), true, told, error))
            else:
                self.truths += end - begin - 2 * SURE_US >= SHORT_US

    def row(self, name: str) -> Row:
        errors, stops = np.array(self.errors), self.stops
        return Row(
            name,
            self.shifts,
            len(errors),
            float(np.mean(self.route_errors)),
            float(np.max(self.route_errors)),
            float(errors.mean()),
            float(np.percentile(errors, 95)),
            float(errors.max()),
            float((errors <= 2).mean()),
            self.wrongly_missed / self.shifts,
            100 * self.no_data / self.planned,
            _share(stops["served right"], stops["served wrong"]),
            _share(stops["served right"], stops["missed wrong"]),
            _share(stops["missed right"], stops["missed wrong"]),
            _share(stops["missed right"], stops["served wrong"]),
            self.truths,
            len(self.lengths),
            self.wrong,
            lengths_of(self.lengths),
        )


def measure(seeds: Iterable[int], days: float) -> Scores:
    """Score every disturbance over several seeds."""
    seeds = list(seeds)
    tallies = {name: _Tally() for name in (*DISTURBANCES, LIFTS_ONLY)}
    equal = {name: [0, 0] for name in HARMLESS}
    kinds: Counter[str] = Counter()
    vehicles, told, gaps = 0, 0, 0
    for seed in seeds:
        city = FleetCity(seed, days)
        vehicles += len(city.routes)
        for task in city.tasks():
            kinds[task.route.kind] += 1
            truth = worked(city.records, task.vehicle, task.span)
            results = dict(judged(city, task))
            for name, tally in tallies.items():
                tally.take(results[name], truth, seed)
            gaps += 1
            told += any(gap.end - gap.start >= HOUR_LEAST_US for gap in results["an hour missing"].gaps)
            for name, count in equal.items():
                count[0] += results[name] == results["undisturbed"]
                count[1] += 1
    rows = [tally.row(name) for name, tally in tallies.items()]
    return Scores(
        seeds, days, vehicles, dict(kinds), rows, {name: (a, b) for name, (a, b) in equal.items()}, (told, gaps)
    )


def judged(city: FleetCity, task: Task) -> Iterator[tuple[str, Compliance]]:
    """A shift judged under each disturbance."""
    bins = city.told(task.span)
    for name, disturb in {**DISTURBANCES, **HARMLESS, LIFTS_ONLY: DISTURBANCES["undisturbed"]}.items():
        reports = disturbed(city, task, name, disturb)
        driven = city.driven(task.vehicle, reports)
        emptied = None if name == LIFTS_ONLY else bins
        yield name, judge(task.plan, task.route, task.span, driven, city.places, task.settings, emptied=emptied)


def disturbed(city: FleetCity, task: Task, name: str, disturb: Disturbance) -> list[Observation]:
    """The reports of a shift, and one before it, as they arrive."""
    own = city.reports[task.vehicle]
    low = next((i for i, one in enumerate(own) if one.observed_at >= task.span[0]), len(own))
    some = [one for one in own[max(0, low - 1) :] if one.observed_at < task.span[1]]
    return disturb(some, Random(f"{city.seed}/{name}/{task.plan.id}"), task.span)  # noqa: S311


def _touching(spells: list[_Spell]) -> list[list[_Spell]]:
    """Spells that overlap, together; in order."""
    groups: list[list[_Spell]] = []
    for one in sorted(spells, key=lambda spell: (spell.begin, spell.end)):
        if groups and one.begin <= max(other.end for other in groups[-1]):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _services(truth: Worked) -> Counter[str]:
    """How often each bin was served; twice within ten minutes is once."""
    last: dict[str, int] = {}
    found: Counter[str] = Counter()
    for name, at in sorted(truth.served, key=lambda pair: pair[1]):
        if name not in last or at - last[name] > AGAIN_US:
            found[name] += 1
        last[name] = at
    return found


def _share(right: int, wrong: int) -> float | None:
    return right / (right + wrong) if right + wrong else None
