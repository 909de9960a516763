"""A vehicle's day: the trips and stops that the trackers told of it, its way, and where nothing is known.

For vehicles that tell no work signals, and for what no plan says. A trip belongs to the day in which it began, whole,
as does a stop. Time is that between positions: driving in a trip, standing else; silence is no data, but for that of a
vehicle that was found where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fleet.compliance.window import within
from fleet.master.route import Line
from fleet.reports.drawing.geometry import metres, track_lines
from fleet.track import Column, Driven, Instants, Track
from fleet.trackers.movement import FASTEST_KMH
from fleet.trackers.records import StopEntry, TripEntry
from fleet.trackers.travels import Travels
from fleet.trackers.work_state import GAP

DRIVE, STAND, NO_DATA = (np.int8(code) for code in range(3))
STATES = ("drive", "stand", "no_data")

_Codes = NDArray[np.int8]


class DayPiece(NamedTuple):
    """What a vehicle said over a span, the trips and stops that lasted within it, and its name."""

    driven: Driven
    travels: Travels
    name: str = ""


class VehicleDay(msgspec.Struct, frozen=True):
    """A vehicle over ``[start, end)``.

    ``trips`` and ``stops`` began in it; a trip that lasts has the way so far, by the positions seen. ``spans`` are
    ``drive``, ``stand`` and ``no_data`` between its positions, in order, without overlap.
    """

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
    greatest_kmh: float | None
    trips: tuple[TripEntry, ...]
    stops: tuple[StopEntry, ...]
    spans: tuple[tuple[int, int, str], ...]
    lines: tuple[Line, ...]

    @property
    def known_s(self) -> float:
        """Seconds of which is known what it did."""
        return self.drive_s + self.stand_s


def day_of(piece: DayPiece) -> VehicleDay:
    """The day of a vehicle."""
    driven, travels, name = piece
    track = within(driven, driven.start, driven.end).track
    seconds = np.diff(track.at) / 1e6
    state = _states(track.at, travels)
    steps_m = _steps_m(track, seconds)
    trips = tuple(
        _so_far(one, track.at, steps_m) for one in travels.trips if driven.start <= one.started_at < driven.end
    )
    return VehicleDay(
        vehicle=driven.device,
        name=name,
        start=driven.start,
        end=driven.end,
        first=int(track.at[0]) if len(track.at) else None,
        last=int(track.at[-1]) if len(track.at) else None,
        positions=len(track.at),
        driven_m=sum(one.driven_m for one in trips),
        drive_s=float(seconds[state == DRIVE].sum()),
        stand_s=float(seconds[state == STAND].sum()),
        greatest_kmh=_greatest(steps_m, seconds, state),
        trips=trips,
        stops=tuple(one for one in travels.stops if driven.start <= one.started_at < driven.end),
        spans=_spans(track.at, state),
        lines=track_lines(track),
    )


def _states(at: Instants, travels: Travels) -> _Codes:
    """What it did between neighbouring positions."""
    middle = at[:-1] + np.diff(at) // 2
    silent = np.diff(at) > GAP
    driving, standing = _among(middle, travels.trips), _among(middle, travels.stops)
    state: _Codes = np.where(driving & ~silent, DRIVE, np.where(standing | ~silent, STAND, NO_DATA))
    return state


def _among(instants: Instants, spells: Sequence[TripEntry | StopEntry]) -> NDArray[np.bool_]:
    """Which instants lie in one of some spells, which are in order and do not overlap."""
    begins = np.array([one.started_at for one in spells], np.int64)
    ends = np.array([2**62 if one.ended_at is None else one.ended_at for one in spells], np.int64)
    place = np.searchsorted(begins, instants, "right") - 1
    if not len(begins):
        return np.zeros(len(instants), bool)
    return (place >= 0) & (instants < ends[np.maximum(place, 0)])


def _steps_m(track: Track, seconds: Column) -> Column:
    """Metres between neighbouring positions; what is faster than anybody drives is a jump of the receiver: none."""
    steps = np.diff(metres(np.column_stack((track.lon, track.lat))))
    return np.where(steps <= FASTEST_KMH / 3.6 * seconds, steps, 0.0)


def _so_far(trip: TripEntry, at: Instants, steps_m: Column) -> TripEntry:
    """A trip; the trackers tell the way of one that lasts when it is over."""
    if trip.ended_at is not None:
        return trip
    return msgspec.structs.replace(trip, driven_m=float(steps_m[at[:-1] >= trip.started_at].sum()))


def _greatest(steps_m: Column, seconds: Column, state: _Codes) -> float | None:
    """The fastest step of a trip."""
    driving = state == DRIVE
    return float((steps_m[driving] / seconds[driving]).max()) * 3.6 if driving.any() else None


def _spans(at: Instants, state: _Codes) -> tuple[tuple[int, int, str], ...]:
    cuts = [0, *(np.flatnonzero(np.diff(state)) + 1).tolist(), len(state)]
    return tuple(
        (int(at[begin]), int(at[until]), STATES[state[begin]]) for begin, until in pairwise(cuts) if until > begin
    )
