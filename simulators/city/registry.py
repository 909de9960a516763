"""The city as a customer would describe it: devices, rounds with their stops, places and posts, as plain data.

The hub imports this before a demo, so that routes, bins and posts are known by name. Positions are WGS-84; GeoJSON has
longitude first, as RFC 7946 (clause 3.1.1) asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulators.city.bins import DEPTH_MM
from simulators.city.city import City
from simulators.city.plan import VehiclePlan
from simulators.city.plane import to_wgs84
from simulators.city.streets import Arc
from simulators.city.workers import OFF_POST_M

PLACE_RADIUS_M = 70.0
CORRIDOR_M = 50.0  # as the truth has it: beyond this a vehicle has left its round
# What sweepers and sprinklers manage in each shift, incidents and errands included; often it is more. Trucks come as
# often, and serve a bin when it is worth it: once a shift is asked of them.
PASSES = 4
STREET_M = 15.0  # from the middle of a street, the receiver's noise included
PLACES = {"depot": ("Depot", "停车场"), "tip": ("Transfer station", "垃圾转运站"), "fuel": ("Fuel station", "加油站")}
KINDS = {"refuse_truck": "collect", "sweeper": "sweep", "sprinkler": "spray"}
WORK = {"refuse_truck": ["pto"], "sweeper": ["brush"], "sprinkler": ["spray"]}
"""The signals that are on just while a type works: the pump also runs to take water in."""


def devices(city: City) -> list[dict[str, Any]]:
    """Every device: ``id``, ``kind``, ``name`` and ``attributes`` (position, size, plate, shifts in local minutes)."""
    vehicles = [_vehicle(city, vehicle.id) for vehicle in city.vehicles]
    bins = [
        _fixed(b.id, "bin", f"Bin {b.id[4:]}", b.spot.x, b.spot.y, litres=b.litres, depth_mm=DEPTH_MM)
        for b in city.bins
    ]
    toilets = [
        _fixed(t.id, "toilet", f"Toilet {t.id[7:]}", t.spot.x, t.spot.y, stalls=t.stalls, odour_class=2)
        for t in city.toilets
    ]
    workers = [
        {"id": w.id, "kind": "worker", "name": f"Worker {w.id[7:]}", "attributes": {"shifts": [list(w.window)]}}
        for w in city.workers
    ]
    return [*vehicles, *bins, *toilets, *workers]


def routes(city: City) -> dict[str, Any]:
    """A GeoJSON FeatureCollection: for each vehicle the line of its round, and the ways that lead there and away.

    Properties of a round (``role: route``): ``id``, ``kind``, names, ``vehicle_id``, ``direction``, ``passes`` a shift,
    ``corridor_m``, ``tolerance_m``, ``length_m``, ``work`` (signals), ``work_max_kmh``, ``shifts`` ([start, length] in
    local minutes), ``round_minutes`` and, for trucks, ``stops`` with ``id`` and ``device`` (the bin), ``along_m``,
    ``lat``, ``lon``. The ways (``role: access``) are a MultiLineString.
    """
    features = []
    for vehicle in city.vehicles:
        own = city.plans[vehicle.id]
        properties = _route_properties(city, vehicle.id, own)
        features.append(_feature("LineString", _line(own.round), properties))
        access = {arc.edge: arc for arc in own.access}.values()
        features.append(
            _feature(
                "MultiLineString",
                [_line((arc,)) for arc in access],
                {"role": "access", "route": properties["id"], "vehicle_id": vehicle.id},
            )
        )
    return {"type": "FeatureCollection", "features": features}


def places(city: City) -> dict[str, Any]:
    """Depot, tip and fuel station as GeoJSON points with ``id``, ``role``, names and ``radius_m``."""
    features = []
    for role, node in city.streets.places.items():
        point = _lon_lat(*city.streets.nodes[node])
        name, name_zh = PLACES[role]
        own = {"id": role, "role": role, "name": name, "name_zh": name_zh, "radius_m": PLACE_RADIUS_M}
        features.append(_feature("Point", point, own))
    return {"type": "FeatureCollection", "features": features}


def posts(city: City) -> dict[str, Any]:
    """The workers' posts as GeoJSON lines with ``id``, names, ``worker_id``, ``width_m`` and ``shifts``."""
    features = []
    for worker in city.workers:
        number = int(worker.id[-4:])
        own = {"role": "post", "id": f"post-{number:04d}", "name": f"Post {number}", "name_zh": f"{number}号岗"}
        more = {"worker_id": worker.id, "width_m": OFF_POST_M, "shifts": [list(worker.window)]}
        features.append(_feature("LineString", _line(worker.post), own | more))
    return {"type": "FeatureCollection", "features": features}


def streets(city: City) -> dict[str, Any]:
    """Every street as a GeoJSON line with its ``road`` class and ``limit_kmh``, for maps without a tile server."""
    arcs = {arc.edge: arc for leaving in city.streets.leaving for arc in leaving}.values()
    features = [_feature("LineString", _line((arc,)), {"road": arc.road, "limit_kmh": arc.limit_kmh}) for arc in arcs]
    return {"type": "FeatureCollection", "features": features}


def _vehicle(city: City, device_id: str) -> dict[str, Any]:
    own = city.plans[device_id]
    number = int(device_id[-4:])
    attributes = {
        "type": own.vehicle_type.name,
        "plate": f"鄂A·H{number:04d}",
        "route_id": f"route-{number:04d}",
        "tags": [own.vehicle_type.name],
        "shifts": [list(window) for window in own.windows],
        "tank_l": own.vehicle_type.tank_l,
    }
    return {
        "id": device_id,
        "kind": "vehicle",
        "name": f"{own.vehicle_type.title} {number}",
        "name_zh": f"{own.vehicle_type.title_zh}{number}号",
        "attributes": attributes,
    }


def _fixed(device_id: str, kind: str, name: str, x: float, y: float, **attributes: Any) -> dict[str, Any]:
    lon, lat = _lon_lat(x, y)
    return {"id": device_id, "kind": kind, "name": name, "attributes": {"lat": lat, "lon": lon, **attributes}}


def _route_properties(city: City, vehicle_id: str, own: VehiclePlan) -> dict[str, Any]:
    number = int(vehicle_id[-4:])
    properties: dict[str, Any] = {
        "role": "route",
        "id": f"route-{number:04d}",
        "kind": KINDS[own.vehicle_type.name],
        "name": f"Round {number}",
        "name_zh": f"{number}号线",
        "vehicle_id": vehicle_id,
        "direction": "forward",
        "passes": 1 if KINDS[own.vehicle_type.name] == "collect" else PASSES,
        "corridor_m": CORRIDOR_M,
        "tolerance_m": STREET_M,
        "length_m": round(sum(arc.length for arc in own.round)),
        "work": WORK[own.vehicle_type.name],
        "work_max_kmh": own.vehicle_type.work_limit_kmh,
        "shifts": [list(window) for window in own.windows],
        "round_minutes": own.vehicle_type.round_minutes,
    }
    if own.vehicle_type.name == "refuse_truck":
        properties["stops"] = _stops(city, own.round)
    return properties


def _stops(city: City, tour: Iterable[Arc]) -> list[dict[str, Any]]:
    stops, driven = [], 0.0
    for arc in tour:
        for along, container in city.bins_on(arc):
            lon, lat = _lon_lat(container.spot.x, container.spot.y)
            bin_id = container.id
            along_m = round(driven + along, 1)
            stops.append({"id": bin_id, "device": bin_id, "along_m": along_m, "lat": lat, "lon": lon})
        driven += arc.length
    return stops


def _line(arcs: tuple[Arc, ...]) -> list[list[float]]:
    return [_lon_lat(arcs[0].x, arcs[0].y), *(_lon_lat(*arc.point(arc.length)) for arc in arcs)]


def _lon_lat(x: float, y: float) -> list[float]:
    lat, lon = to_wgs84(x, y)
    return [round(lon, 7), round(lat, 7)]


def _feature(kind: str, coordinates: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}
