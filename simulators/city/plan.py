"""The plan of the city: where each device belongs, which rounds are to be driven, which posts to be held.

Everything here follows from the seed and a device's own number, never from how many devices there are.
"""

from __future__ import annotations

from typing import NamedTuple

from simulators.city.chance import stream
from simulators.city.fleet_types import VehicleType, type_of
from simulators.city.route import Corridor, round_tour
from simulators.city.streets import ZONES, Arc, Streets

BINS_PER_ZONE = 34
KERB_M = 7.0  # from the middle of the street to where bins stand
DETOUR_M = (160.0, 900.0)  # how far off its corridor a vehicle's forbidden errands may lead


class VehiclePlan(NamedTuple):
    """What one vehicle is to do. ``round`` is a closed tour from ``start``; ``windows`` its shifts (local minutes)."""

    vehicle_type: VehicleType
    zone: int
    round: tuple[Arc, ...]
    access: tuple[Arc, ...]
    start: int
    depot: int
    tip: int
    fuel: int
    yard: Arc
    parking_m: float
    windows: tuple[tuple[int, int], ...]
    corridor: Corridor
    detours: tuple[int, ...]


class Spot(NamedTuple):
    """A place at the right-hand side of an arc, ``along`` metres from its beginning; ``x``/``y`` on the plane."""

    arc: Arc
    along: float
    x: float
    y: float


def plan_vehicle(seed: int, index: int, streets: Streets) -> VehiclePlan:
    """The plan of vehicle number ``index`` (from 0)."""
    rng = stream(seed, "vehicle-plan", index)
    kind, earlier = type_of(index)
    zone = earlier % ZONES
    tour = round_tour(streets.zones[zone], rng)
    start = tour[0].tail
    depot, tip, fuel = (streets.places[name] for name in ("depot", "tip", "fuel"))
    ways = ((depot, start), (start, depot), (start, tip), (tip, start), (start, fuel), (fuel, start))
    access = tuple(arc for ends in ways for arc in streets.path(*ends))
    corridor = Corridor((*tour, *access))
    yard = next(streets.reverse(arc) for arc in streets.leaving[depot])
    windows = tuple(sorted(rng.sample(kind.windows, kind.shifts_a_day)))
    parking = rng.uniform(0.35, 1.0) * yard.length
    return VehiclePlan(
        kind, zone, tour, access, start, depot, tip, fuel, yard, parking, windows, corridor, _detours(streets, corridor)
    )


def _detours(streets: Streets, corridor: Corridor) -> tuple[int, ...]:
    """The eight nearest crossings that lie well outside the corridor."""
    nearest, farthest = DETOUR_M
    outside = [
        (distance, node)
        for node, (x, y) in enumerate(streets.nodes)
        if streets.leaving[node] and nearest < (distance := corridor.distance(x, y)) < farthest
    ]
    return tuple(node for _, node in sorted(outside)[:8])


def bin_zone(index: int) -> int:
    """The zone of bin number ``index``: zones are filled one after another, so a small city is served whole."""
    return index // BINS_PER_ZONE % ZONES


def kerbside(seed: int, name: str, index: int, zone: int, streets: Streets, kerb_m: float = KERB_M) -> Spot:
    """A place at a street side of ``zone``, clear of the crossings."""
    rng = stream(seed, name, index, "spot")
    arcs = [arc for arc in streets.zones[zone] if arc.length > 60]
    arc = rng.choice(arcs)
    along = round(rng.uniform(14, arc.length - 14), 1)
    return Spot(arc, along, *arc.point(along, kerb_m))


def post_of(seed: int, index: int, streets: Streets) -> tuple[Arc, ...]:
    """The post of worker number ``index``: two or three streets in a row, to be walked up and down."""
    rng = stream(seed, "post", index)
    arcs = streets.zones[index % ZONES]
    post = [rng.choice(arcs)]
    for _ in range(rng.randint(1, 2)):
        used = {arc.edge for arc in post}
        onward = [arc for arc in arcs if arc.tail == post[-1].head and arc.edge not in used]
        if onward:
            post.append(rng.choice(onward))
    return tuple(post)
