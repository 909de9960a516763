"""Where vehicles stood and lifted: what bears witness to an emptying."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.track import Column, Driven, Instants, Signal, Track

SECOND = 1_000_000
METRES_PER_DEGREE = 111_195.08  #: of a great circle on the mean sphere (6,371,008.8 m)
STANDING_KMH = 3.0
LEAST_DWELL = 10 * SECOND
LONGEST_LIFT = 180 * SECOND  #: a signal that nobody took back, because the data ended, holds no longer
NEAR_IN_TIME = 90 * SECOND


class Halt(NamedTuple):
    """A vehicle stood, or lifted, from ``start`` to ``end`` (µs), ``distance_m`` from where it was asked about."""

    vehicle: str
    start: int
    end: int
    lifted: bool
    distance_m: float


class _Columns(NamedTuple):
    start: Instants
    end: Instants
    lifted: NDArray[np.bool_]
    lat: Column
    lon: Column


_NOTHING = _Columns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0), np.empty(0))


class Halts:
    """The halts of any number of vehicles, to be asked by place. Where nobody was, there is no witness."""

    def __init__(self, driven: Iterable[Driven] = ()) -> None:
        self._names: list[str] = []
        parts = [_NOTHING]
        for one in driven:
            parts.append(_halts(one))
            self._names += [one.device] * len(parts[-1].start)
        self._start, self._end, self._lifted, self._lat, self._lon = _Columns(
            *map(np.concatenate, zip(*parts, strict=True))
        )

    def beside(self, lat: float, lon: float, radius_m: float = 25.0) -> list[Halt]:
        """The halts within a radius of a place (WGS-84), in the order of their ends."""
        if not len(self._end):
            return []
        north = (self._lat - lat) * METRES_PER_DEGREE
        east = (self._lon - lon) * (METRES_PER_DEGREE * np.cos(np.radians(lat)))
        distance = np.hypot(north, east)
        found = [
            Halt(
                self._names[place],
                int(self._start[place]),
                int(self._end[place]),
                bool(self._lifted[place]),
                float(distance[place]),
            )
            for place in np.flatnonzero(distance <= radius_m)
        ]
        return sorted(found, key=lambda halt: (halt.end, halt.start, halt.vehicle, halt.lifted))


def passings(driven: Driven, lat: float, lon: float, radius_m: float = 25.0) -> list[Halt]:
    """When a vehicle was within a radius of a place (WGS-84), standing or driving, in order of time.

    Between two positions that lie no more than ``NEAR_IN_TIME`` apart it drove straight. ``lifted`` says nothing here.
    """
    track = driven.track
    if not len(track.at):
        return []
    north = (track.lat - lat) * METRES_PER_DEGREE
    east = (track.lon - lon) * (METRES_PER_DEGREE * np.cos(np.radians(lat)))
    dn, de = np.diff(north), np.diff(east)
    square = np.maximum(dn**2 + de**2, 1e-9)
    share = np.clip(-(north[:-1] * dn + east[:-1] * de) / square, 0.0, 1.0)
    way = np.hypot(north[:-1] + share * dn, east[:-1] + share * de)
    far = np.full(2 * len(north) - 1, np.inf)  # positions and, between them, the ways
    far[::2] = np.hypot(north, east)
    far[1::2] = np.where(np.diff(track.at) <= NEAR_IN_TIME, way, np.inf)
    edges = np.diff(np.concatenate(([0], (far <= radius_m).view(np.int8), [0])))
    pairs = zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
    return [
        Halt(driven.device, int(track.at[first // 2]), int(track.at[end // 2]), False, float(far[first:end].min()))
        for first, end in pairs
    ]


def _halts(driven: Driven) -> _Columns:
    """The halts of one vehicle as columns: its lifts, and its dwells."""
    track = driven.track
    lift_start, lift_end = _lifts(driven.signals.get("lift"))
    lift_lat, lift_lon = _places(track, (lift_start + lift_end) // 2)
    known = ~np.isnan(lift_lat)
    dwell_start, dwell_end, dwell_lat, dwell_lon = _dwells(track)
    lifted = np.concatenate((np.ones(int(known.sum()), np.bool_), np.zeros(len(dwell_start), np.bool_)))
    return _Columns(
        np.concatenate((lift_start[known], dwell_start)),
        np.concatenate((lift_end[known], dwell_end)),
        lifted,
        np.concatenate((lift_lat[known], dwell_lat)),
        np.concatenate((lift_lon[known], dwell_lon)),
    )


def _lifts(signal: Signal | None) -> tuple[Instants, Instants]:
    """When the lift was on: from the first reading of it until the next that says otherwise."""
    none = np.empty(0, np.int64)
    if signal is None or not len(signal.at):
        return none, none
    on = signal.value >= 0.5
    before = np.concatenate(([False], on[:-1]))
    begins = np.flatnonzero(on & ~before)
    ends = np.flatnonzero(~on & before)
    start = signal.at[begins]
    last = np.append(ends, len(on) - 1)[: len(begins)]
    return start, np.minimum(signal.at[last], start + LONGEST_LIFT)


def _places(track: Track, at: Instants) -> tuple[Column, Column]:
    """Where the vehicle was at instants: its nearest position in time; NaN where none is near."""
    if not len(track.at) or not len(at):
        return np.full(len(at), np.nan), np.full(len(at), np.nan)
    after = np.clip(np.searchsorted(track.at, at), 1, max(1, len(track.at) - 1))
    after = np.minimum(after, len(track.at) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(track.at[before] - at) <= np.abs(track.at[after] - at), before, after)
    far = np.abs(track.at[nearest] - at) > NEAR_IN_TIME
    return np.where(far, np.nan, track.lat[nearest]), np.where(far, np.nan, track.lon[nearest])


def _dwells(track: Track) -> tuple[Instants, Instants, Column, Column]:
    """Runs of positions at which the vehicle stood; the place is their mean."""
    standing = np.nan_to_num(track.speed_kmh, nan=np.inf) < STANDING_KMH
    edges = np.diff(np.concatenate(([0], standing.view(np.int8), [0])))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(begins):
        none = np.empty(0)
        return np.empty(0, np.int64), np.empty(0, np.int64), none, none
    count = ends - begins
    lat = np.add.reduceat(np.append(track.lat, 0.0), np.column_stack((begins, ends)).ravel())[::2] / count
    lon = np.add.reduceat(np.append(track.lon, 0.0), np.column_stack((begins, ends)).ravel())[::2] / count
    start, end = track.at[begins], track.at[ends - 1]
    long = end - start >= LEAST_DWELL
    return start[long], end[long], lat[long], lon[long]
