"""What goes wrong between a vehicle and the hub: reports lost, thinned, displaced, missing for an hour, late, doubled.

Each takes the reports of one vehicle over one shift and its own chance, and returns what is left of them, in the order
in which it arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from msgspec.structs import replace

from simulators.city.observation import SECOND, Observation
from simulators.city.plane import METRES_PER_DEGREE_LAT, METRES_PER_DEGREE_LON

Reports = list[Observation]
Disturbance = Callable[[Reports, Random, tuple[int, int]], Reports]
LOST = 0.1
JITTER_US = 30 * SECOND
SPELLS_AN_HOUR = 1.0
DISPLACED_M = 250.0
ODOMETER = "mileage_km"
HOUR_US = 3_600 * SECOND


def nothing(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """Everything arrives in time."""
    return reports


def lost(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """One report in ten is lost, with its position and its signals."""
    return [one for one in reports if chance.random() >= LOST]


def irregular(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """The terminal skips: between two reports lie up to 30 s instead of 10."""
    found: Reports = []
    due = 0
    for one in reports:
        if one.observed_at >= due:
            found.append(one)
            due = one.observed_at + chance.randrange(JITTER_US + 1)
    return found


def uncounted(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """The same, and the terminal has no odometer."""
    return [
        replace(one, readings={name: value for name, value in one.readings.items() if name != ODOMETER})
        for one in irregular(reports, chance, span)
    ]


def displaced(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """Once an hour, for 30 s, positions are off by up to 250 m east and north."""
    found: Reports = []
    begin = reports[0].observed_at if reports else 0
    spell = begin + int(chance.expovariate(SPELLS_AN_HOUR) * HOUR_US)
    for one in reports:
        kept = one
        if one.observed_at > spell + JITTER_US:
            spell = one.observed_at + int(chance.expovariate(SPELLS_AN_HOUR) * HOUR_US)
        if one.fix is not None and spell <= one.observed_at <= spell + JITTER_US:
            east, north = (chance.uniform(-1, 1) * DISPLACED_M for _ in range(2))
            lat = one.fix["lat"] + north / METRES_PER_DEGREE_LAT
            lon = one.fix["lon"] + east / METRES_PER_DEGREE_LON
            kept = replace(one, fix={**one.fix, "lat": lat, "lon": lon, "hdop": 6.5})
        found.append(kept)
    return found


def gap(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """An hour of each shift is missing."""
    begin = chance.randrange(span[0], max(span[0] + 1, span[1] - HOUR_US))
    return [one for one in reports if not begin <= one.observed_at < begin + HOUR_US]


def shuffled(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """Each report is up to 30 s late, and one in five comes twice."""
    arrivals = [(one.observed_at + chance.randrange(JITTER_US), one) for one in reports]
    arrivals += [(at + chance.randrange(JITTER_US), one) for at, one in arrivals if chance.random() < 0.2]
    return [one for _, one in sorted(arrivals, key=lambda pair: pair[0])]


def next_morning(reports: Reports, chance: Random, span: tuple[int, int]) -> Reports:
    """The second half of the shift arrives after everything else, before the first in the order of the columns."""
    middle = (span[0] + span[1]) // 2
    return [
        *(one for one in reports if one.observed_at >= middle),
        *(one for one in reports if one.observed_at < middle),
    ]


DISTURBANCES: dict[str, Disturbance] = {
    "undisturbed": nothing,
    "10 % of reports lost": lost,
    "irregular, up to 30 s": irregular,
    "irregular, no odometer": uncounted,
    "displaced for 30 s, hourly": displaced,
    "an hour missing": gap,
}
"""Those that change what is known, and so the scores."""
HARMLESS: dict[str, Disturbance] = {
    "up to 30 s late, a fifth twice": shuffled,
    "second half the next morning": next_morning,
}
"""Those that change nothing: the result must be equal to the undisturbed one."""
