"""What is at the place where a vehicle stood, and what the events of trips and stops say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from devices.instants import to_iso
from fleet.master.places import Place
from fleet.master.route import Route
from fleet.trackers.ground import metres
from fleet.trackers.trips import Halt, Trip

NEAR_DEG = 0.01  #: of latitude; no place is that large


class Spot(msgspec.Struct, frozen=True):
    """What is at a point: the id of a depot, tip, fuel station ... or route stop, and its role (``stop``: the route's).

    Both are empty where nothing is known to be.
    """

    id: str = ""
    role: str = ""


def spot(lat: float, lon: float, sites: Sequence[Place], route: Route | None) -> Spot:
    """What is at a point: the nearest of the places whose circles it lies in, before them none but the route's stops.

    A depot beside a stop is the depot: vehicles have business there.
    """
    near = [(metres(lat, lon, one.lat, one.lon), one) for one in sites if abs(one.lat - lat) < NEAR_DEG]
    within = [(far, one.id, one.role) for far, one in near if far <= one.radius_m]
    if within:
        return Spot(*min(within)[1:])
    stops = () if route is None else route.stops
    beside = [(metres(lat, lon, one.lat, one.lon), one) for one in stops if abs(one.lat - lat) < NEAR_DEG]
    served = [(far, one.id) for far, one in beside if far <= one.radius_m]
    return Spot(min(served)[1], "stop") if served else Spot()


def trip_attributes(trip: Trip, origin: Spot, goal: Spot) -> dict[str, Any]:
    """A trip that ended, as the attributes of its event; ``derived`` tells it from what a device may say."""
    assert trip.end is not None
    return {
        **{"derived": True, "start": to_iso(trip.start), "end": to_iso(trip.end), "ended": trip.ended},
        **{"from": origin.id, "to": goal.id},
        **msgspec.structs.asdict(trip.sums),
    }


def halt_attributes(halt: Halt, where: Spot) -> dict[str, Any]:
    """A stop that ended, as the attributes of its event; ``derived`` tells it from what a device may say."""
    assert halt.end is not None
    return {
        **{"derived": True, "start": to_iso(halt.start), "end": to_iso(halt.end)},
        **{"lat": round(halt.lat, 6), "lon": round(halt.lon, 6), "place": where.id, "role": where.role},
        "idle_s": halt.idle_s,
    }
