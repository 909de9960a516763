"""Plans as GeoJSON (RFC 7946) for maps, and depots and tips from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from devices.errors import SanihubError
from devices.instants import to_iso
from fleet.master.places import Place, PlaceRole
from fleet.planning.course import course
from fleet.planning.distance import Streets
from fleet.planning.problem import CollectionPlan, Tour

ROLES: tuple[PlaceRole, ...] = get_args(PlaceRole)


class PlaceError(SanihubError):
    """The places cannot be used."""


def plan_geojson(plan: CollectionPlan, streets: Streets | None = None) -> dict[str, Any]:
    """A FeatureCollection: for each tour its line (``role: tour``) and its stops as points (``role: bin``, ``tip``)."""
    features = []
    for tour in plan.tours:
        visits = [visit for visit in tour.visits if visit.kind != "break"]
        line, _ = course([(visit.lon, visit.lat) for visit in visits], streets)
        features.append(_feature("LineString", [list(point) for point in line], _tour(tour)))
        for sequence, visit in enumerate((v for v in visits if v.kind in ("bin", "tip")), start=1):
            properties = {
                "role": visit.kind,
                "truck": tour.truck,
                "place": visit.place,
                "sequence": sequence,
                "planned": to_iso(visit.begin // 1_000_000 * 1_000_000),
                "litres": round(visit.litres),
                "reason": visit.reason,
                "source": visit.source,
            }
            features.append(_feature("Point", [visit.lon, visit.lat], properties))
    left = [{"bin": one.bin, "code": one.code, "why": one.why} for one in plan.unserved]
    return {"type": "FeatureCollection", "features": features, "unserved": left}


def read_places(content: Mapping[str, Any]) -> tuple[Place, ...]:
    """Places of a FeatureCollection of points with ``role`` and ``id`` or ``name``. Raises PlaceError by feature."""
    found = []
    for number, feature in enumerate(content.get("features", ())):
        geometry, properties = feature.get("geometry") or {}, feature.get("properties") or {}
        role, name = properties.get("role"), properties.get("id", properties.get("name"))
        if role not in get_args(PlaceRole):
            raise PlaceError(
                f"features[{number}]: role: expected one of {', '.join(get_args(PlaceRole))}, got {role!r}"
            )
        if not isinstance(name, str) or not name:
            raise PlaceError(f"features[{number}]: id: expected a name")
        try:
            lon, lat = (float(value) for value in geometry["coordinates"][:2])
        except (KeyError, TypeError, ValueError):
            raise PlaceError(f"features[{number}]: geometry: expected a Point with longitude and latitude") from None
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise PlaceError(f"features[{number}]: ({lon:g}, {lat:g}) is no longitude and latitude; are they swapped?")
        found.append(Place(name, ROLES[ROLES.index(role)], lon, lat))
    return tuple(found)


def _tour(tour: Tour) -> dict[str, Any]:
    return {
        "role": "tour",
        "truck": tour.truck,
        "bins": len(tour.bins),
        "length_m": round(tour.distance_m),
        "begin": to_iso(tour.visits[0].leave),
        "end": to_iso(tour.visits[-1].arrive // 1_000_000 * 1_000_000),
    }


def _feature(kind: str, coordinates: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}
