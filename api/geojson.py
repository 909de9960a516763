"""Positions as GeoJSON (RFC 7946), for maps.

GeoJSON's coordinates are WGS-84. Another datum can be asked for to draw upon Chinese base maps; the answer then names
it in ``datum``, and is for display only. Altitude stands in the properties: receivers give it above mean sea level,
where GeoJSON means the ellipsoid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from fastapi import Response

from devices import datum as datums
from devices.instants import to_iso
from devices.read_models import DeviceState, TrackPoint

Json = dict[str, Any]

_DECIMALS = 7  # about a centimetre


MEDIA_TYPE = "application/geo+json"
_POINT = {"type": "Point", "coordinates": [114.3055, 30.5721]}
SCHEMAS: dict[str, Json] = {
    "Feature": {
        "type": "object",
        "description": "A thing on the map (RFC 7946); what is known of it stands in `properties`.",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"const": "Feature"},
            "id": {"type": "string"},
            "geometry": {
                "type": ["object", "null"],
                "required": ["type", "coordinates"],
                "properties": {
                    "type": {
                        "enum": ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]
                    },
                    "coordinates": {"type": "array", "description": "Degrees, longitude first."},
                },
            },
            "properties": {"type": "object"},
            "next_cursor": {"type": ["string", "null"]},
        },
        "examples": [{"type": "Feature", "id": "bin-0042", "geometry": _POINT, "properties": {"kind": "bin"}}],
    },
    "FeatureCollection": {
        "type": "object",
        "description": "Things on the map (RFC 7946). `datum` is that of the coordinates; but for wgs84, for display.",
        "required": ["type", "features", "datum", "next_cursor"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "datum": {"enum": list(datums.DATUMS)},
            "device": {"type": "string", "description": "Of a track."},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/Feature"}},
            "next_cursor": {"type": ["string", "null"], "description": "Null: that was all."},
        },
        "examples": [
            {
                "type": "FeatureCollection",
                "datum": "wgs84",
                "features": [{"type": "Feature", "geometry": _POINT, "properties": {"kind": "bin"}}],
                "next_cursor": None,
            }
        ],
    },
}
"""Of the OpenAPI document."""


def told(*names: str) -> dict[int | str, Json]:
    """The ``responses`` of a route that answers with one of these schemas."""
    parts = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    # An object: else FastAPI's own word, a string, would stand there beside it.
    schema = {"type": "object", **(parts[0] if len(parts) == 1 else {"oneOf": parts})}
    return {200: {"content": {MEDIA_TYPE: {"schema": schema}}}}


class GeoJSONResponse(Response):
    """A response of the media type that RFC 7946 registers."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Encode as JSON."""
        return msgspec.json.encode(content)


def _wgs84_to_bd09(lat: float, lon: float) -> tuple[float, float]:
    if not datums.in_china(lat, lon):
        return lat, lon
    return datums.gcj02_to_bd09(*datums.wgs84_to_gcj02(lat, lon))


def _unmoved(lat: float, lon: float) -> tuple[float, float]:
    return lat, lon


_FROM_WGS84: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "wgs84": _unmoved,
    "gcj02": datums.wgs84_to_gcj02,
    "bd09": _wgs84_to_bd09,
}


def coordinates(lat: float, lon: float, datum: str) -> list[float]:
    """``[lon, lat]`` in the named datum, rounded to about a centimetre."""
    lat, lon = _FROM_WGS84[datum](lat, lon)
    return [round(lon, _DECIMALS), round(lat, _DECIMALS)]


def _feature(geometry: Json | None, properties: Json, **members: Any) -> Json:
    return {"type": "Feature", **members, "geometry": geometry, "properties": properties}


def track_line(device: str, points: Sequence[TrackPoint], datum: str, next_cursor: str | None) -> Json:
    """A track as one Feature; the arrays in ``properties`` run along with the coordinates.

    A LineString needs two positions, so one alone is a MultiPoint, and none at all is the null geometry.
    """
    shape = "LineString" if len(points) > 1 else "MultiPoint"
    places = [coordinates(point.lat, point.lon, datum) for point in points]
    properties = {
        "device": device,
        "datum": datum,
        "coordTimes": [to_iso(point.observed_at) for point in points],
        "speeds_kmh": [point.speed_kmh for point in points],
        "headings_deg": [point.heading_deg for point in points],
        "altitudes_m": [point.altitude_m for point in points],
        "valid": [point.valid for point in points],
    }
    geometry = {"type": shape, "coordinates": places} if places else None
    return _feature(geometry, properties, next_cursor=next_cursor)


def track_points(device: str, points: Iterable[TrackPoint], datum: str, next_cursor: str | None) -> Json:
    """A track as a FeatureCollection, a Feature a fix, with all that is stored of it."""
    features = [
        _feature(
            {"type": "Point", "coordinates": coordinates(point.lat, point.lon, datum)},
            {
                "observed_at": to_iso(point.observed_at),
                "received_at": to_iso(point.received_at),
                "speed_kmh": point.speed_kmh,
                "heading_deg": point.heading_deg,
                "altitude_m": point.altitude_m,
                "hdop": point.hdop,
                "satellites": point.satellites,
                "constellations": point.constellations,
                "seq": point.seq,
                "quality": point.quality,
                "valid": point.valid,
            },
        )
        for point in points
    ]
    return _collection(features, next_cursor, device=device, datum=datum)


def positions(states: Iterable[DeviceState], datum: str, next_cursor: str | None) -> Json:
    """The newest positions of devices as a FeatureCollection; a device without one is left out.

    A device that never told a position stands where it was registered, with ``observed_at`` null.
    """
    features = [_newest(state, at, datum) for state in states if (at := _at(state)) is not None]
    return _collection(features, next_cursor, datum=datum)


def _at(state: DeviceState) -> tuple[float, float] | None:
    return state.place if state.fix is None else (state.fix.lat, state.fix.lon)


def _newest(state: DeviceState, at: tuple[float, float], datum: str) -> Json:
    fix = state.fix
    properties = {
        "id": state.id,
        "kind": state.kind,
        "name": state.name,
        "protocol": state.protocol,
        "source": state.source,
        "observed_at": None if fix is None else to_iso(fix.observed_at),
        "received_at": None if state.received_at is None else to_iso(state.received_at),
        "speed_kmh": None if fix is None else fix.speed_kmh,
        "heading_deg": None if fix is None else fix.heading_deg,
        "altitude_m": None if fix is None else fix.altitude_m,
        **{name: reading.value for name, reading in state.readings.items() if name != "speed_kmh"},
    }
    return _feature({"type": "Point", "coordinates": coordinates(*at, datum)}, properties, id=state.id)


def _collection(features: list[Json], next_cursor: str | None, **members: Any) -> Json:
    return {"type": "FeatureCollection", **members, "next_cursor": next_cursor, "features": features}
