"""Duties and records of workers, by hand: a post of one street, walked up and down."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fleet.evaluation.duty import Duty
from fleet.master.places import Area
from fleet.track import Driven, Signal, Track, empty_track

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_700_000_000 * SECOND
LON, LAT = 114.3, 30.6
METRE = 1 / 111_195
STREET = Area("post-1", 1, "post", lines=(((LON, LAT), (LON, LAT + 600 * METRE)),), width_m=40)


def duty(**changes: object) -> Duty:
    """Eight hours at the street, by worker w1 with badge-1."""
    fields: dict[str, object] = {
        "plan": "plan-1", "worker": "w1", "start": START, "end": START + 8 * HOUR, "device": "badge-1", "area": STREET,
    }  # fmt: skip
    return Duty(**{**fields, **changes})  # type: ignore[arg-type]


def badge(*values: tuple[float, int]) -> Signal:
    """``on_duty`` by minutes from the shift's beginning."""
    at = np.array([START + round(minute * MINUTE) for minute, _ in values], np.int64)
    return Signal(at, np.array([value for _, value in values], float))


def every(interval_min: float, begin: float, end: float, value: int) -> list[tuple[float, int]]:
    """The same value again and again, minutes from ``begin`` on, ``end`` not included."""
    return [(float(minute), value) for minute in np.arange(begin, end, interval_min)]


def walked(points: Iterable[tuple[float, float, float]]) -> Track:
    """A track of (minute, metres north along the street, metres east of it)."""
    rows = np.array(sorted(points)).reshape(-1, 3)
    at = START + np.round(rows[:, 0] * MINUTE).astype(np.int64)
    lat = LAT + rows[:, 1] * METRE
    lon = LON + rows[:, 2] * METRE / np.cos(np.radians(LAT))
    unknown = np.full(len(rows), np.nan)
    return Track(at, lat, lon, unknown, unknown)


def records(
    signal: Signal | None = None,
    track: Track | None = None,
    events: tuple[tuple[str, int, dict[str, object]], ...] = (),
) -> Driven:
    """What badge-1 said over the shift."""
    signals = {} if signal is None else {"on_duty": signal}
    return Driven("badge-1", START, START + 8 * HOUR, track or empty_track(), signals, events)
