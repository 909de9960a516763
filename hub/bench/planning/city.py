"""The simulated week of the planning bench: how fast each bin fills each hour, and what a policy's visits make of it.

The filling is the simulator's own, taken from a city in which nobody empties anything, so that every policy meets the
same refuse in the same hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.master.places import Place
from fleet.planning.distance import Streets
from simulators.city import registry
from simulators.city.city import City
from simulators.city.local_time import HOUR, LocalTime
from simulators.city.plane import to_wgs84
from simulators.city.settings import Intervals, Size
from simulators.city.streets import ZONES

Column = NDArray[np.float64]
OVERFLOW_PCT = 95.0
LEFT_PCT = 3.0  #: what stays behind when a bin is emptied
NOISE_PCT = 0.5  #: of the sensors, one standard deviation
HISTORY_H = 7 * 24  #: before the week, from which rates are learnt
SOME_DAY = 1_780_250_000_000_000  #: in the first hours of Monday, 2026-06-01, in Shanghai


class Town(NamedTuple):
    """Where bins stand, what they hold, and ``pace[hour, bin]`` in per cent an hour, the history first."""

    bins: tuple[str, ...]
    lon: Column
    lat: Column
    litres: Column
    first_pct: Column
    pace: Column
    begin: int  #: of the measured week (µs), behind the history
    depot: Place
    tip: Place
    streets: Streets
    rounds: tuple[str, ...]  #: the bins in the order of the simulated crews' rounds, zone by zone


class Outcome(NamedTuple):
    """What came of a policy, over all bins: levels at the end, bin-hours of overflow, and litres beside the bins."""

    level: Column
    overflow_h: float
    spilt_l: float


def town(seed: int, bins: int, hours: int) -> Town:
    """A city of so many bins, with a week of history and so many hours to come."""
    clock = LocalTime()
    begin = clock.midnight(SOME_DAY)
    start = begin - HISTORY_H * HOUR
    quiet = Intervals(bin_s=3_600)
    city = City(seed, start, Size(vehicles=0, bins=bins, toilets=0, workers=0), intervals=quiet)
    first = np.array([one.level(start) for one in city.bins])
    pace = np.empty((HISTORY_H + hours, bins))
    for hour in range(len(pace)):
        for _ in city.advance(start + hour * HOUR):
            pass
        pace[hour] = [one.pace_pct_h for one in city.bins]
    positions = np.array([to_wgs84(one.spot.x, one.spot.y) for one in city.bins])
    spots = {feature["properties"]["role"]: _place(feature) for feature in registry.places(city)["features"]}
    return Town(
        tuple(one.id for one in city.bins),
        positions[:, 1],
        positions[:, 0],
        np.array([float(one.litres) for one in city.bins]),
        first,
        pace,
        begin,
        spots["depot"],
        spots["tip"],
        Streets(registry.streets(city)),
        _rounds(seed, start, bins),
    )


def fill(town: Town, level: Column, hour: int, hours: int, visits: Mapping[int, int]) -> Outcome:
    """Let ``hours`` pass from the week's ``hour`` on; ``visits`` has the instants (µs) at which bins are emptied."""
    now = level.copy()
    overflow_h, spilt = 0.0, 0.0
    at = np.full(len(now), np.inf)
    for number, instant in visits.items():
        at[number] = (instant - town.begin) / HOUR
    for each in range(hour, hour + hours):
        pace = town.pace[HISTORY_H + each]
        before = np.clip(at - each, 0.0, 1.0)
        emptied = (at >= each) & (at < each + 1)
        for span in (before, 1.0 - before):
            risen = now + pace * span
            beyond = (risen - OVERFLOW_PCT) / np.maximum(pace, 1e-9)  # hours since it came to the limit
            overflow_h += float(np.clip(beyond, 0.0, span).sum())
            spilt += float((np.maximum(risen - 100.0, 0.0) / 100 * town.litres).sum())
            now = np.minimum(risen, 100.0)
            if span is before:
                now = np.where(emptied, np.minimum(now, LEFT_PCT), now)
    return Outcome(now, overflow_h, spilt)


def measured(town: Town, level: Column, hour: int, seed: int) -> Column:
    """What the sensors say of the levels."""
    noise = np.random.default_rng((seed, hour)).normal(0.0, NOISE_PCT, len(level))
    return np.clip(level + noise, 0.0, 100.0)


def rates(town: Town, hour: int) -> Column:
    """Per cent an hour, by bin: the mean of the seven days before the week's ``hour``."""
    return np.asarray(town.pace[hour : hour + HISTORY_H].mean(axis=0))


def _place(feature: Mapping[str, Any]) -> Place:
    lon, lat = feature["geometry"]["coordinates"]
    role = feature["properties"]["role"]
    return Place(role, role, lon, lat)


def _rounds(seed: int, start: int, bins: int) -> tuple[str, ...]:
    """The stops of the city's own rounds. Of ten vehicles five collect, so two for each zone are more than enough."""
    city = City(seed, start, Size(vehicles=2 * ZONES, bins=bins, toilets=0, workers=0))
    found: dict[str, None] = {}
    for feature in registry.routes(city)["features"]:
        found |= dict.fromkeys(stop["device"] for stop in feature["properties"].get("stops", ()))
    return (*found, *(one.id for one in city.bins if one.id not in found))
