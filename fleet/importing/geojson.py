"""GeoJSON (RFC 7946) of routes, their ways of access and stops, places and areas.

A FeatureCollection; each feature says by its property ``role`` what it is: ``route``, ``access``, ``stop``, a place's
role (depot, tip, fuel ...), or an area's kind (district, grid, post). The other properties are the fields of the
struct. Programs that draw maps add properties of their own: those are named in a note and left out, but one that looks
like a misspelt field is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from fleet.importing.feature_lines import JsonFaultError, read_listing
from fleet.importing.fields import near_miss, placed, read
from fleet.importing.gathering import Fault, Found, Gathered, Loose, Spot, short
from fleet.importing.positions import NOTE, Positions, choose_datum
from fleet.importing.soundness import check
from fleet.master.collection import Section
from fleet.master.places import Area, AreaKind, Place, PlaceRole
from fleet.master.route import Route, Stop

PLACE_ROLES: tuple[str, ...] = get_args(PlaceRole)
AREA_KINDS: tuple[str, ...] = get_args(AreaKind)
ROLES = ("route", "access", "stop", *dict.fromkeys((*PLACE_ROLES, *AREA_KINDS)))
MOST_IGNORED = 12  #: names in the note of what was left out


def from_geojson(text: str, datum: str | None = None) -> Gathered:
    """What a file holds; ``datum`` is what the caller says of its positions."""
    found = Gathered()
    try:
        listing = read_listing(text, "features")
    except JsonFaultError as error:
        found.faults.append(Fault(error.line, "", str(error)))
        return found
    if listing.members.get("type") != "FeatureCollection":
        got = short(listing.members.get("type"))
        found.faults.append(Fault(1, "type", f"expected FeatureCollection, got {got}"))
        return found
    try:
        chosen = choose_datum(listing.members.get("datum"), listing.members.get("crs"), datum)
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        found.faults.append(Fault(1, field, reason))
        return found
    if not listing.items:
        found.faults.append(Fault(1, "features", "is empty; nothing to import"))
    if chosen in NOTE:
        found.notes.append(NOTE[chosen])
    reading = _Features(found, Positions(chosen))
    for number, (line, feature) in enumerate(listing.items):
        reading.take(number, line, feature)
    if reading.ignored:
        named = ", ".join(sorted(reading.ignored)[:MOST_IGNORED])
        found.notes.append(f"properties that mean nothing here, left out: {named}")
    return found


class _Features:
    """Takes the features of one file."""

    def __init__(self, found: Gathered, positions: Positions) -> None:
        self._found, self._positions = found, positions
        self.ignored: set[str] = set()

    def take(self, number: int, line: int, feature: Any) -> None:
        """Enter a feature, or every fault of it."""
        spot = Spot(line, self._found.faults, f"features[{number}].")
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            spot.fault("", "expected a Feature")
            return
        properties, geometry = feature.get("properties"), feature.get("geometry")
        if not isinstance(properties, dict):
            spot.fault("properties", f"expected an object, got {short(properties)}")
            return
        if not isinstance(geometry, dict):
            spot.fault("geometry", f"expected a geometry, got {short(geometry)}")
            return
        role = properties.get("role")
        given = {str(name): value for name, value in properties.items() if name not in ("role", "geometry")}
        if "id" in feature:
            given.setdefault("id", feature["id"])
        kind = geometry.get("type")
        if role == "route":
            self._route(given, geometry, spot)
        elif role == "access":
            self._access(given, geometry, spot)
        elif role == "stop":
            self._stop(given, geometry, spot)
        elif role in PLACE_ROLES and (kind == "Point" or role not in AREA_KINDS):
            self._place(given | {"role": role}, geometry, spot)
        elif role in AREA_KINDS:
            self._area(given | {"kind": role}, geometry, spot)
        else:
            spot.fault("role", f"expected {', '.join(ROLES)}; got {short(role)}")

    def _route(self, given: dict[str, Any], geometry: Any, spot: Spot) -> None:
        known = self._known(given, Route, spot, ("lines",))
        route = read(Route, known | {"lines": geometry}, spot, self._positions)
        if route is not None and check(route, spot):
            self._enter("routes", route, spot)

    def _access(self, given: dict[str, Any], geometry: Any, spot: Spot) -> None:
        route = given.get("route", given.get("route_id"))
        lines = self._positions.lines(geometry, spot, "geometry")
        if not isinstance(route, str):
            spot.fault("route", f"expected the id of the route, got {short(route)}")
        elif lines is not None:
            self._found.loose.append(Loose(route, spot.line, spot.path, access=lines))

    def _stop(self, given: dict[str, Any], geometry: Any, spot: Spot) -> None:
        route = given.pop("route", None)
        known = self._known(given, Stop, spot, ("lon", "lat"))
        stop = placed(Stop, known | _point(geometry), spot, self._positions)
        if not isinstance(route, str):
            spot.fault("route", f"expected the id of the route, got {short(route)}")
        elif stop is not None:
            self._found.loose.append(Loose(route, spot.line, spot.path, stop=stop))

    def _place(self, given: dict[str, Any], geometry: Any, spot: Spot) -> None:
        if geometry.get("type") != "Point":
            spot.fault("geometry", f"expected a Point, got {short(geometry.get('type'))}")
            return
        known = self._known(given, Place, spot, ("lon", "lat"))
        place = placed(Place, known | _point(geometry), spot, self._positions)
        if place is not None:
            self._enter("places", place, spot)

    def _area(self, given: dict[str, Any], geometry: Any, spot: Spot) -> None:
        known = self._known(given, Area, spot, ("lines", "polygons"))
        shape = "lines" if geometry.get("type") in ("LineString", "MultiLineString") else "polygons"
        area = read(Area, known | {shape: geometry}, spot, self._positions)
        if area is not None and check(area, spot):
            self._enter("areas", area, spot)

    def _known(self, given: Mapping[str, Any], kind: type[Any], spot: Spot, taken: tuple[str, ...]) -> dict[str, Any]:
        """The properties that are fields of ``kind``; those ``taken`` come of the geometry."""
        names = [name for name in kind.__struct_fields__ if name not in taken]
        for name in given:
            if name in names:
                continue
            if (meant := near_miss(name, kind)) in names and meant not in given:
                spot.fault(f"properties.{name}", f"unknown; {meant} was meant?")
            else:
                self.ignored.add(name)
        return {name: given[name] for name in names if name in given}

    def _enter(self, section: Section, item: Any, spot: Spot) -> None:
        self._found.found.append(Found(section, item, spot.line, path=spot.path))


def _point(geometry: Mapping[str, Any]) -> dict[str, Any]:
    at = geometry.get("coordinates")
    if geometry.get("type") != "Point" or not isinstance(at, list) or len(at) < 2:
        return {"lon": geometry.get("type"), "lat": None}  # of the wrong type: told as a fault of lon
    return {"lon": at[0], "lat": at[1]}
