"""A vehicle's day out of its positions alone: trips, stands, way, and where nothing is known.

For vehicles that tell no work signals, and for what no plan says. It drives between two positions when the step, or
what the receiver says, is fast enough; it stands when it does not for a while. Silence is no data, wherever it ends.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fleet.master.route import Line, LonLat
from fleet.reports.drawing.geometry import track_lines
from fleet.track import Driven, Track

_M_PER_DEGREE = 111_195.0


class Pace(msgspec.Struct, frozen=True):
    """Bounds: km/h from which it drives, seconds from which a halt is a stand, and silence is no data.

    A step faster than ``most_kmh`` is a fault of the receiver. A stand longer than ``trip_s`` parts two trips.
    """

    drive_kmh: float = 3.0
    stand_s: float = 180.0
    trip_s: float = 900.0
    gap_s: float = 600.0
    most_kmh: float = 130.0


class Trip(msgspec.Struct, frozen=True):
    """From the first move to the last."""

    start: int
    end: int
    length_m: float
    stands: int


class Stand(msgspec.Struct, frozen=True):
    """Where it stood."""

    start: int
    end: int
    place: LonLat


class VehicleDay(msgspec.Struct, frozen=True):
    """A vehicle over ``[start, end)``. ``spans`` are ``drive``, ``stand`` and ``no_data`` in order, without overlap."""

    vehicle: str
    name: str
    start: int
    end: int
    first: int | None
    last: int | None
    positions: int
    driven_m: float
    drive_s: float
    stand_s: float
    known_s: float
    greatest_kmh: float | None
    trips: tuple[Trip, ...]
    stands: tuple[Stand, ...]
    spans: tuple[tuple[int, int, str], ...]
    lines: tuple[Line, ...]


class Steps(NamedTuple):
    """Between neighbouring positions: seconds, metres, km/h, and what was going on (0 drive, 1 stand, 2 no data)."""

    seconds: NDArray[np.float64]
    metres: NDArray[np.float64]
    kmh: NDArray[np.float64]
    state: NDArray[np.int8]


STATES = ("drive", "stand", "no_data")


def day_of(driven: Driven, name: str = "", pace: Pace | None = None) -> VehicleDay:
    """The day of a vehicle."""
    pace = pace or Pace()
    track = _within(driven.track, driven.start, driven.end)
    steps = _steps(track, pace)
    spans = _spans(track, steps)
    stands = tuple(
        Stand(begin, until, _middle(track, begin, until))
        for begin, until, state in spans
        if state == "stand" and until - begin >= pace.stand_s * 1e6
    )
    known = steps.state != 2
    drives = steps.state == 0
    return VehicleDay(
        vehicle=driven.device,
        name=name,
        start=driven.start,
        end=driven.end,
        first=int(track.at[0]) if len(track.at) else None,
        last=int(track.at[-1]) if len(track.at) else None,
        positions=len(track.at),
        driven_m=float(steps.metres[drives].sum()),
        drive_s=float(steps.seconds[drives].sum()),
        stand_s=float(steps.seconds[known & ~drives].sum()),
        known_s=float(steps.seconds[known].sum()),
        greatest_kmh=float(steps.kmh[drives].max()) if drives.any() else None,
        trips=_trips(track, steps, spans, stands, pace),
        stands=stands,
        spans=spans,
        lines=track_lines(track, gap_us=int(pace.gap_s * 1e6)),
    )


def _within(track: Track, start: int, end: int) -> Track:
    inside = (track.at >= start) & (track.at < end)
    at, lat, lon, speed, heading = track
    return Track(at[inside], lat[inside], lon[inside], speed[inside], heading[inside])


def _steps(track: Track, pace: Pace) -> Steps:
    if len(track.at) < 2:
        none = np.empty(0)
        return Steps(none, none, none, np.empty(0, np.int8))
    seconds = np.diff(track.at) / 1e6
    shrink = np.cos(np.radians(track.lat.mean()))
    metres = np.hypot(np.diff(track.lon) * shrink, np.diff(track.lat)) * _M_PER_DEGREE
    kmh = metres / seconds * 3.6
    told = np.nan_to_num(np.maximum(track.speed_kmh[1:], track.speed_kmh[:-1]), nan=0.0)
    moves = np.maximum(kmh, np.where(seconds <= 30, told, 0.0)) >= pace.drive_kmh
    unknown = (seconds > pace.gap_s) | (kmh > pace.most_kmh)
    state = np.where(unknown, 2, np.where(moves, 0, 1)).astype(np.int8)
    return Steps(seconds, metres, kmh, _steadied(state, seconds, pace))


def _steadied(state: NDArray[np.int8], seconds: NDArray[np.float64], pace: Pace) -> NDArray[np.int8]:
    """Halts too short for a stand are part of the drive: a red light is no stand."""
    state = state.copy()
    for begin, until in _runs(state):
        if state[begin] == 1 and seconds[begin:until].sum() < pace.stand_s:
            drives = (begin > 0 and state[begin - 1] == 0) or (until < len(state) and state[until] == 0)
            if drives:
                state[begin:until] = 0
    return state


def _runs(state: NDArray[np.int8]) -> list[tuple[int, int]]:
    """Pieces of one state, as places from and up to."""
    cuts = [0, *(np.flatnonzero(np.diff(state)) + 1).tolist(), len(state)]
    return [(begin, until) for begin, until in pairwise(cuts) if until > begin]


def _spans(track: Track, steps: Steps) -> tuple[tuple[int, int, str], ...]:
    return tuple(
        (int(track.at[begin]), int(track.at[until]), STATES[int(steps.state[begin])])
        for begin, until in _runs(steps.state)
    )


def _middle(track: Track, begin: int, until: int) -> LonLat:
    there = (track.at >= begin) & (track.at <= until)
    return round(float(np.median(track.lon[there])), 6), round(float(np.median(track.lat[there])), 6)


def _trips(
    track: Track, steps: Steps, spans: tuple[tuple[int, int, str], ...], stands: tuple[Stand, ...], pace: Pace
) -> tuple[Trip, ...]:
    """Drives joined over short stands; parted by long ones and by silence."""
    joined: list[list[int]] = []
    for begin, until, state in spans:
        if state == "no_data" or (state == "stand" and until - begin >= pace.trip_s * 1e6):
            joined.append([])
        elif state == "drive":
            if joined and joined[-1]:
                joined[-1][1] = until
            else:
                joined.append([begin, until])
    found = []
    for begin, until in (one for one in joined if one):
        inside = (track.at[:-1] >= begin) & (track.at[1:] <= until) & (steps.state == 0)
        count = sum(begin <= one.start and one.end <= until for one in stands)
        found.append(Trip(begin, until, float(steps.metres[inside].sum()), count))
    return tuple(found)
