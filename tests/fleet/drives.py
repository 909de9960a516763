"""Made drives for the judge's tests: a vehicle that goes along a line at a steady speed, and routes to judge it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from fleet.geometry.plane import plane_at
from fleet.master.plan import Plan
from fleet.master.route import Line, Route
from fleet.track import Driven, Signal, Track

LAT, LON = 30.58, 114.30
PLANE = plane_at(LON, LAT)
START = 1_780_272_000_000_000  #: 2026-06-01T00:00Z, 08:00 in Shanghai
HOUR = 3_600_000_000
SPAN = (START, START + 2 * HOUR)
PLAN = Plan("p", date(2026, 6, 1), "day", "r", vehicle="v")

Points = Sequence[tuple[float, float]]


def line(*points: tuple[float, float]) -> Line:
    """Points in metres east and north as a line in degrees."""
    return tuple(PLANE.degrees(x, y) for x, y in points)


def route(*lines: Line, **more: object) -> Route:
    return Route("r", 1, "sweep", lines, work=("brush",), **{"work_max_kmh": 20.0, **more})  # type: ignore[arg-type]


def drive(points: Points, *, begin: float = 0.0, kmh: float = 9.0, every: float = 10.0) -> np.ndarray:
    """Rows of (second, x, y, kmh, heading): along the points at a steady speed, from a second on."""
    corners = np.array(points, float)
    length = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))))
    seconds = np.arange(0.0, length[-1] / (kmh / 3.6) + every, every)
    along = np.minimum(seconds * kmh / 3.6, length[-1])
    x, y = (np.interp(along, length, corners[:, i]) for i in (0, 1))
    leg = np.clip(np.searchsorted(length, along, "right") - 1, 0, len(corners) - 2)
    dx, dy = np.diff(corners, axis=0)[leg].T
    speed = np.where(along < length[-1], kmh, 0.0)
    return np.column_stack((begin + seconds, x, y, speed, np.degrees(np.arctan2(dx, dy)) % 360))


def stand(x: float, y: float, begin: float, seconds: float, every: float = 30.0) -> np.ndarray:
    times = np.arange(begin, begin + seconds, every)
    return np.column_stack((times, *(np.full(len(times), value) for value in (x, y, 0.0, 0.0))))


def driven(*rows: np.ndarray, signals: Mapping[str, Sequence[tuple[float, float]]] | None = None) -> Driven:
    """Rows as they were driven; without ``signals`` brush and ignition are on with every fix."""
    every = np.concatenate(rows)
    at = START + (every[:, 0] * 1e6).astype(np.int64)
    lon = LON + every[:, 1] / PLANE.east_m
    lat = LAT + every[:, 2] / PLANE.north_m
    if signals is None:
        found = {name: Signal(at, np.ones(len(at))) for name in ("brush", "ignition")}
    else:
        found = {
            name: Signal(
                np.array([START + int(second * 1e6) for second, _ in told]), np.array([v for _, v in told], float)
            )
            for name, told in signals.items()
        }
    return Driven("v", *SPAN, Track(at, lat, lon, every[:, 3], every[:, 4]), found)


def shuffled(one: Driven, order: np.ndarray) -> Driven:
    """The same in another order, or with some of it twice: ``order`` are indices of fixes and readings."""
    track = Track(*(column[order] for column in one.track))
    signals = {name: Signal(signal.at[order], signal.value[order]) for name, signal in one.signals.items()}
    return one._replace(track=track, signals=signals)
