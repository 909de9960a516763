"""A simulated city to be judged: its rounds as routes, what its vehicles reported as columns, and what they really did.

Nothing is sent and nothing stored: the observations are held in memory, as a reader of the store would hand them over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import msgspec
import numpy as np

from fleet.compliance.judge import metrics_of
from fleet.compliance.settings import Settings
from fleet.master.places import Place, PlaceRole
from fleet.master.plan import Plan
from fleet.master.route import Route, Stop, Work
from fleet.track import Driven, Signal, Track
from simulators.city import City, registry
from simulators.city.fleet_types import VehicleType
from simulators.city.observation import Observation
from simulators.city.settings import Intervals, Size
from simulators.truth import Record, TruthLog

HOUR = 3_600_000_000
START_US = 1_780_243_200_000_000  #: 2026-06-01, a Monday, at midnight in Shanghai
FIRST_DAY = date(2026, 6, 1)
ZONE_AHEAD_US = 8 * HOUR
KINDS: dict[str, Work] = {"refuse_truck": "collect", "sweeper": "sweep", "sprinkler": "spray"}
ROLES: dict[str, PlaceRole] = {"depot": "depot", "tip": "tip", "fuel": "fuel"}
BEYOND_M = 50.0
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
    def places(self) -> tuple[Place, ...]:
        """Depot, tip and fuel station."""
        return tuple(
            Place(
                one["properties"]["name"],
                ROLES[one["properties"]["role"]],
                one["geometry"]["coordinates"][0],
                one["geometry"]["coordinates"][1],
                one["properties"]["radius_m"],
            )
            for one in registry.places(self.city)["features"]
        )

    @cached_property
    def routes(self) -> dict[str, Route]:
        """The round of each vehicle, by the vehicle's id."""
        found: dict[str, Route] = {}
        for feature in registry.routes(self.city)["features"]:
            properties, points = feature["properties"], feature["geometry"]["coordinates"]
            vehicle = properties["vehicle_id"]
            if properties["role"] == "route":
                found[vehicle] = _route(properties, points, self.city.plans[vehicle].vehicle_type)
            else:
                ways = tuple(tuple((lon, lat) for lon, lat in line) for line in points)
                found[vehicle] = msgspec.structs.replace(found[vehicle], access=ways)
        return found

    def tasks(self) -> list[Task]:
        """Every shift that lies within the run."""
        found = []
        for vehicle, route in self.routes.items():
            own = self.city.plans[vehicle]
            settings = Settings(tank_l=own.vehicle_type.tank_l)
            for day in range(-(-(self.end - self.begin) // (24 * HOUR))):
                for number, (start, length) in enumerate(own.windows):
                    begin = self.begin + day * 24 * HOUR + start * 60_000_000
                    span = (begin, begin + length * 60_000_000)
                    if span[1] <= self.end:
                        on = FIRST_DAY + timedelta(days=day)
                        plan = Plan(f"{route.id}-{on}-{number}", on, f"shift-{number}", route.id, vehicle=vehicle)
                        found.append(Task(plan, route, span, settings, vehicle))
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


def local_date(at: int) -> date:
    """The city's date of an instant."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at + ZONE_AHEAD_US)).date()


def _route(properties: dict[str, object], points: list[list[float]], kind: VehicleType) -> Route:
    stops = tuple(
        Stop(one["id"], one["lon"], one["lat"], device=one["device"], along_m=one["along_m"])
        for one in properties.get("stops", ())  # type: ignore[attr-defined]
    )
    return Route(
        str(properties["id"]),
        1,
        KINDS[kind.name],
        (tuple((lon, lat) for lon, lat in points),),
        passes=PASSES,
        corridor_m=BEYOND_M,
        work=tuple(properties["work"]),  # type: ignore[arg-type]
        work_max_kmh=float(properties["work_max_kmh"]),  # type: ignore[arg-type]
        stops=stops,
    )
