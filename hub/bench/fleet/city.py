"""A simulated city to be judged: what its operator entered, what its vehicles reported, and what they really did.

Nothing is sent and nothing stored: the observations are held in memory, as a reader of the store would hand them over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cached_property

import msgspec
import numpy as np

from fleet.calendar import span
from fleet.compliance.judge import metrics_of
from fleet.compliance.settings import Settings
from fleet.master.collection import Master
from fleet.master.places import Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.track import Driven, Signal, Track
from hub.city_master import master_of
from simulators.city import City
from simulators.city.observation import Observation
from simulators.city.settings import Intervals, Size
from simulators.truth import Record, TruthLog

HOUR = 3_600_000_000
START_US = 1_780_243_200_000_000  #: 2026-06-01, a Monday, at midnight in Shanghai
FIRST_DAY = date(2026, 6, 1)
PASSES = 6


class Task(msgspec.Struct, frozen=True):
    """A plan with all that it is judged by: ``span`` is its shift, µs."""

    plan: Plan
    route: Route
    span: tuple[int, int]
    settings: Settings
    vehicle: str


class FleetCity:
    """One seed over so many days, from a Monday midnight on."""

    def __init__(self, seed: int, days: float, size: Size | None = None, intervals: Intervals | None = None) -> None:
        self.seed, self.begin, self.end = seed, START_US, START_US + int(days * 24 * HOUR)
        lines: list[bytes] = []
        truth = TruthLog(lines.append)
        self.city = City(seed, self.begin, size or Size(10, 170, 0, 0), intervals=intervals, truth=truth)
        self.reports: dict[str, list[Observation]] = defaultdict(list)
        self.emptied: dict[str, list[int]] = defaultdict(list)
        for one in self.city.advance(self.end):
            if one.kind == "vehicle":
                self.reports[one.device_id].append(one)
            else:
                told = self.emptied[one.device_id]
                told += [one.observed_at for event in one.events if event["kind"] == "emptied"]
        truth.footer({})
        read = msgspec.json.Decoder(Record, strict=False).decode
        self.records = [read(one) for one in lines[:-1]]

    @cached_property
    def master(self) -> Master:
        """What its operator would have entered, with plans for every date of the run."""
        days = -(-(self.end - self.begin) // (24 * HOUR))
        return master_of(self.city, (FIRST_DAY + timedelta(days=day) for day in range(days)))

    @property
    def places(self) -> tuple[Place, ...]:
        """Depot, tip and fuel station."""
        return self.master.places

    @cached_property
    def routes(self) -> dict[str, Route]:
        """The round of each vehicle, by the vehicle's id; as many passes asked as show partial and missing ones."""
        rounds = {one.id: msgspec.structs.replace(one, passes=PASSES) for one in self.master.routes}
        return {one.vehicle: rounds[one.route] for one in self.master.plans if one.vehicle and one.route}

    def tasks(self) -> list[Task]:
        """Every shift that lies within the run."""
        shifts = {one.id: one for one in self.master.shifts}
        found = []
        for plan in self.master.plans:
            shift_span = span(shifts[plan.shift], plan.on)
            if plan.vehicle is not None and shift_span[1] <= self.end:
                settings = Settings(tank_l=self.city.plans[plan.vehicle].vehicle_type.tank_l)
                found.append(Task(plan, self.routes[plan.vehicle], shift_span, settings, plan.vehicle))
        return found

    def driven(self, vehicle: str, reports: Iterable[Observation] | None = None) -> Driven:
        """What a vehicle reported, in columns, in the order of the reports."""
        some = list(self.reports[vehicle] if reports is None else reports)
        return columns(vehicle, some, metrics_of(self.routes[vehicle]), self.begin, self.end)

    def told(self, span: tuple[int, int]) -> dict[str, list[int]]:
        """When bins told of their emptying in a shift."""
        return {device: [at for at in told if span[0] <= at < span[1]] for device, told in self.emptied.items()}


def columns(vehicle: str, reports: list[Observation], metrics: Iterable[str], begin: int, end: int) -> Driven:
    """Reports as columns."""
    fixed = [(one.observed_at, one.fix) for one in reports if one.fix is not None and one.fix["valid"]]
    track = Track(
        np.array([at for at, _ in fixed], np.int64),
        *(np.array([fix[name] for _, fix in fixed], float) for name in ("lat", "lon", "speed_kmh", "heading_deg")),
    )
    signals = {}
    for metric in metrics:
        pairs = [(one.observed_at, one.readings[metric]) for one in reports if metric in one.readings]
        if pairs:
            at, values = zip(*pairs, strict=True)
            signals[metric] = Signal(np.array(at, np.int64), np.array(values, float))
    return Driven(vehicle, begin, end, track, signals)
