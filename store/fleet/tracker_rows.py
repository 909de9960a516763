"""Trips and stops as they stand in their tables."""

from __future__ import annotations

import msgspec

from fleet.trackers.spots import Spot
from fleet.trackers.trips import Halt, Trip


class TripRow(msgspec.Struct, frozen=True):
    """A row of ``trips``; instants in µs, metres, seconds."""

    key: int
    started_at: int
    ended_at: int | None
    told_at: int | None
    ended: str | None
    origin_lat: float
    origin_lon: float
    goal_lat: float | None
    goal_lon: float | None
    origin: str
    goal: str
    driven_m: float
    work_m: float
    work_s: float
    transit_s: float
    idle_s: float
    off_s: float
    no_data_s: float


class HaltRow(msgspec.Struct, frozen=True):
    """A row of ``vehicle_stops``; instants in µs."""

    key: int
    started_at: int
    ended_at: int | None
    told_at: int | None
    lat: float
    lon: float
    place: str
    role: str
    idle_s: float


def trip_row(key: int, trip: Trip, origin: Spot, goal: Spot) -> TripRow:
    """The row of a trip of the device with this key; the goal is known once it has ended."""
    lat, lon = trip.goal or (None, None)
    end = "" if trip.end is None else goal.id
    return TripRow(
        *(key, trip.start, trip.end, trip.told_at, trip.ended, *trip.origin, lat, lon, origin.id, end),
        **msgspec.structs.asdict(trip.sums),
    )


def halt_row(key: int, halt: Halt, spot: Spot) -> HaltRow:
    """The row of a stop of the device with this key."""
    return HaltRow(key, halt.start, halt.end, halt.told_at, halt.lat, halt.lon, spot.id, spot.role, halt.idle_s)
