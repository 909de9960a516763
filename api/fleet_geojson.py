"""Routes and areas as GeoJSON (RFC 7946): all that is known of them, in the form that ``sanihub import`` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from api.geojson import Json, coordinates
from devices.instants import to_iso
from fleet.importing.clock_words import span_words
from fleet.master.places import Area
from fleet.master.route import Line, Route


def collection(items: Iterable[Route | Area], datum: str, next_cursor: str | None = None) -> Json:
    """A FeatureCollection: of a route a feature (``role: route``) and one of its ways of access (``role: access``)."""
    features = [feature for item in items for feature in _features(item, datum)]
    return {"type": "FeatureCollection", "datum": datum, "next_cursor": next_cursor, "features": features}


def _features(item: Route | Area, datum: str) -> Iterator[Json]:
    if isinstance(item, Route):
        stops = [_stop(stop, datum) for stop in msgspec.to_builtins(item.stops)]
        yield _feature(_lines(item.lines, datum), {"role": "route", **_properties(item), "stops": stops})
        if item.access:
            own = {"role": "access", "route": item.id, "version": item.version}
            yield _feature(_lines(item.access, datum), own)
        return
    own = {"role": item.kind, **_properties(item)}
    if item.lines:
        yield _feature(_lines(item.lines, datum), own)
    else:
        parts = [[_positions(ring, datum) for ring in rings] for rings in item.polygons]
        yield _feature({"type": "MultiPolygon", "coordinates": parts}, own)


def _properties(item: Route | Area) -> Json:
    told: Json = msgspec.to_builtins(item)
    for name in ("lines", "access", "polygons", "stops"):
        told.pop(name, None)
    if isinstance(item, Area):
        told.pop("kind")  # it is the role
    until = None if item.valid_until is None else to_iso(item.valid_until)
    return told | {"valid_from": to_iso(item.valid_from), "valid_until": until}


def _stop(stop: dict[str, Any], datum: str) -> Json:
    lon, lat = coordinates(stop["lat"], stop["lon"], datum)
    hours = [span_words(window["start"], window["end"]) for window in stop["windows"]]
    return stop | {"lon": lon, "lat": lat, "windows": hours}


def _lines(lines: tuple[Line, ...], datum: str) -> Json:
    return {"type": "MultiLineString", "coordinates": [_positions(line, datum) for line in lines]}


def _positions(line: Line, datum: str) -> list[list[float]]:
    return [coordinates(lat, lon, datum) for lon, lat in line]


def _feature(geometry: Json, properties: Json) -> Json:
    return {"type": "Feature", "properties": properties, "geometry": geometry}
