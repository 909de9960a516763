"""Bins of a simulated city: what they and the trucks report, and when they were really emptied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np

from fleet.bins.emptying import Told
from fleet.bins.halts import Halts
from fleet.track import Driven, Signal, Track
from simulators.city import City
from simulators.city.observation import Observation
from simulators.city.settings import Incidents, Intervals, Size
from simulators.truth import Record, TruthLog

DAY = 86_400_000_000
START_US = 1_780_243_200_000_000  #: 2026-06-01, a Monday, at midnight in Shanghai
UPSET = Incidents(compaction=0.03, outlier=0.03)  #: about once in a day and a half each


class Emptied(NamedTuple):
    """A bin was really emptied at ``at`` (µs) by ``vehicle``."""

    at: int
    vehicle: str


class BinReport(NamedTuple):
    """What a bin said: instant (µs), fill (%), and whether it told of an emptying."""

    at: int
    fill: float
    emptied: bool


class TruckReport(NamedTuple):
    """What a vehicle said: instant (µs), position (WGS-84), speed (km/h), lift."""

    at: int
    lat: float
    lon: float
    speed_kmh: float
    lift: float


class BinCity:
    """One seed over so many days. A truck reports every ``moving_s`` seconds; finer costs time, and finds more."""

    def __init__(self, seed: int, days: float, *, bins: int, vehicles: int, moving_s: float = 10.0) -> None:
        self.begin, self.end = START_US, START_US + int(days * DAY)
        self.bins: dict[str, list[BinReport]] = defaultdict(list)
        self.trucks: dict[str, list[TruckReport]] = defaultdict(list)
        self.places: dict[str, tuple[float, float]] = {}
        self.emptied: dict[str, list[Emptied]] = defaultdict(list)
        self.upsets: dict[str, int] = defaultdict(int)
        lines: list[bytes] = []
        truth = TruthLog(lines.append)
        size = Size(vehicles=vehicles, bins=bins, toilets=0, workers=0)
        intervals = Intervals(vehicle_moving_s=moving_s, vehicle_still_s=3 * moving_s)
        city = City(seed, self.begin, size, intervals=intervals, incidents=UPSET, truth=truth)
        for observation in city.advance(self.end):
            self._take(observation)
        truth.footer({})
        read = msgspec.json.Decoder(Record, strict=False).decode
        for record in map(read, lines[:-1]):
            if record.kind == "emptied":
                self.emptied[record.device_id].append(Emptied(record.start_us, record.detail["vehicle"]))
            elif record.kind in ("compaction", "outlier"):
                self.upsets[record.kind] += 1

    def _take(self, seen: Observation) -> None:
        if seen.kind == "bin":
            self.bins[seen.device_id].append(BinReport(seen.observed_at, seen.readings["fill_pct"], bool(seen.events)))
            if seen.fix is not None:
                self.places.setdefault(seen.device_id, (seen.fix["lat"], seen.fix["lon"]))
        elif seen.fix is not None and seen.fix["valid"] and "lift" in seen.readings:
            row = (seen.fix["lat"], seen.fix["lon"], seen.readings["speed_kmh"], seen.readings["lift"])
            self.trucks[seen.device_id].append(TruckReport(seen.observed_at, *row))


def told(reports: Iterable[BinReport]) -> list[Told]:
    """The emptyings that a bin told itself."""
    return [Told(one.at) for one in reports if one.emptied]


def halts(trucks: dict[str, list[TruckReport]]) -> Halts:
    """Where the trucks stood and lifted."""
    return Halts(_driven(vehicle, reports) for vehicle, reports in trucks.items() if reports)


def _driven(vehicle: str, reports: list[TruckReport]) -> Driven:
    at = np.array([one.at for one in reports], np.int64)
    order = np.argsort(at, kind="stable")
    order = order[np.append(np.diff(at[order]) > 0, True)]
    lat, lon, speed, lift = np.array([one[1:] for one in reports], np.float64)[order].T
    at = at[order]
    unknown = np.full(len(at), np.nan)
    track = Track(at, lat, lon, speed, unknown)
    return Driven(vehicle, int(at[0]), int(at[-1]) + 1, track, {"lift": Signal(at, lift)})
