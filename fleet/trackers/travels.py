"""Trips and stops of a vehicle over a span, as the trackers told them: what boards, the API and reports all read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fleet.trackers.records import StopEntry, TripEntry
from fleet.trackers.spots import Spot
from fleet.trackers.tracker import Derived
from fleet.trackers.trips import Halt, Trip


class Travels(msgspec.Struct, frozen=True):
    """In the order of their beginnings. What lasts has no end; a trip that lasts has no sums yet."""

    trips: tuple[TripEntry, ...] = ()
    stops: tuple[StopEntry, ...] = ()

    def within(self, start: int, end: int) -> Travels:
        """Those that lasted at some time within ``[start, end)`` (µs)."""
        return Travels(
            tuple(one for one in self.trips if _lasted(one, start, end)),
            tuple(one for one in self.stops if _lasted(one, start, end)),
        )


def told(derived: Iterable[Derived]) -> Travels:
    """What was derived of a device, in order: each trip and each stop once, in its last form."""
    trips: dict[int, TripEntry] = {}
    stops: dict[int, StopEntry] = {}
    for one in derived:
        trips |= {trip.start: _trip(trip, *spots) for trip, *spots in one.trips}
        stops |= {halt.start: _stop(halt, spot) for halt, spot in one.halts}
    return Travels(tuple(trips[at] for at in sorted(trips)), tuple(stops[at] for at in sorted(stops)))


def _lasted(one: TripEntry | StopEntry, start: int, end: int) -> bool:
    return one.started_at < end and (one.ended_at is None or one.ended_at > start)


def _trip(trip: Trip, origin: Spot, goal: Spot) -> TripEntry:
    return TripEntry(
        *(trip.start, trip.end, trip.told_at, trip.ended, trip.origin, origin.id, trip.goal),
        goal_place="" if trip.end is None else goal.id,
        revised_at=None,
        **msgspec.structs.asdict(trip.sums),
    )


def _stop(halt: Halt, spot: Spot) -> StopEntry:
    return StopEntry(
        *(halt.start, halt.end, halt.told_at, halt.lat, halt.lon, spot.id, spot.role, halt.idle_s), revised_at=None
    )
