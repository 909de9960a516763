"""Master data as documents: GeoJSON of what lies on a map, YAML of everything, tables of what has rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from devices.yaml_lines.tree import write
from fleet.exporting.plain import plain
from fleet.importing.tables import TABLES
from fleet.master.collection import SECTIONS, Master
from fleet.master.places import Area, Place
from fleet.master.route import Line, Route

Json = dict[str, Any]


def to_geojson(master: Master) -> str:
    """Routes with their ways and stops, places and areas, a feature a line, so that a fault's line tells which."""
    features = [feature for _, item in master.items() for feature in features_of(item)]
    lines = ",\n".join(msgspec.json.encode(feature).decode() for feature in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


def features_of(item: Any) -> Iterable[Json]:
    """The features of a route (its own, and its ways of access), place or area; of anything else there are none."""
    if isinstance(item, Route):
        yield _feature(_lines(item.lines), {"role": "route", **_properties(item, "lines", "access")})
        if item.access:
            yield _feature(_lines(item.access), {"role": "access", "route": item.id})
    elif isinstance(item, Place):
        yield _feature({"type": "Point", "coordinates": [item.lon, item.lat]}, _properties(item, "lon", "lat"))
    elif isinstance(item, Area):
        own = _properties(item, "lines", "polygons", "kind")
        shape = _lines(item.lines) if item.lines else {"type": "MultiPolygon", "coordinates": item.polygons}
        yield _feature(shape, {"role": item.kind, **own})


def to_yaml(master: Master) -> str:
    """Everything: a list for each section that has items."""
    told = {name: [plain(item) for item in getattr(master, name)] for name in SECTIONS if getattr(master, name)}
    return write(told)


def to_tables(master: Master) -> dict[str, str]:
    """CSV by name: stops, places, crews, workers, shifts, plans; lines and polygons have no rows."""
    rows: dict[str, list[Mapping[str, Any]]] = {
        name: [plain(item) for item in getattr(master, name)]
        for name in ("places", "crews", "workers", "shifts", "plans")
    }
    rows["stops"] = [{"route": route.id, **plain(stop)} for route in master.routes for stop in route.stops]
    return {name: _table(name, given) for name, given in rows.items() if given}


def _table(name: str, rows: list[Mapping[str, Any]]) -> str:
    kind = next(kind for kind in TABLES if kind.name == name)
    used = {column for row in rows for column in row} | kind.key
    columns = [column for column in kind.columns if column in used]
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_cell(row.get(column)) for column in columns] for row in rows])
    return target.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value


def _properties(item: msgspec.Struct, *left_out: str) -> Json:
    return {name: value for name, value in plain(item).items() if name not in left_out}


def _lines(lines: tuple[Line, ...]) -> Json:
    if len(lines) == 1:
        return {"type": "LineString", "coordinates": lines[0]}
    return {"type": "MultiLineString", "coordinates": lines}


def _feature(geometry: Json, properties: Json) -> Json:
    return {"type": "Feature", "properties": properties, "geometry": geometry}
