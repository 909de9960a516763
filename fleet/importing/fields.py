"""From the named values of a file to the structs of :mod:`fleet.master`, every fault with its field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from devices.instants import EXPECTED, parse
from devices.kinds import DEVICE_ID
from fleet.importing.clock_words import listed, minutes, span, weekdays, windows
from fleet.importing.gathering import Spot, short
from fleet.importing.positions import Positions
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop

T = TypeVar("T", bound=msgspec.Struct)

MOST_STOPS = 5_000
MAX_TEXT = 200
_PLAN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,127}\Z")
_ID_FORM = "expected 1 to 64 letters, digits, '.', '_', ':' or '-', starting with a letter or digit"

BOUNDS: Mapping[tuple[type[msgspec.Struct], str], tuple[float, float]] = {
    (Route, "passes"): (1, 100),
    (Route, "corridor_m"): (1, 5_000),
    (Route, "tolerance_m"): (1, 500),
    (Route, "work_min_kmh"): (0, 200),
    (Route, "work_max_kmh"): (0, 200),
    (Stop, "along_m"): (0, 1_000_000),
    (Stop, "radius_m"): (1, 1_000),
    (Stop, "service_s"): (0, 86_400),
    (Place, "radius_m"): (1, 20_000),
    (Area, "width_m"): (0, 5_000),
    (Shift, "start"): (0, 1_439),
    (Shift, "length"): (1, 1_440),
}
"""Least and greatest value of a number, both included."""

_IDS = ("id", "device", "crew", "supervisor", "area", "route", "vehicle", "shift")
_TYPES = {"float": "a number", "int": "a whole number", "str": "text", "bool": "true or false", "array": "a list"}


def _breaks(value: Any) -> tuple[tuple[int, int], ...]:
    """(start, length) in minutes from the beginning: pairs of numbers as they are, ``04:00-04:30`` as a span."""
    found = []
    for one in listed(value):
        if isinstance(one, list | tuple) and len(one) == 2:
            found.append((minutes(one[0]), minutes(one[1])))
        else:
            start, end = span(one)
            found.append((start, end - start))
    return tuple(found)


def _texts(value: Any) -> tuple[str, ...]:
    parts = listed(value)
    if not all(isinstance(part, str) for part in parts):
        raise ValueError(f"expected names, got {short(value)}")
    return tuple(parts)


def _one_of(choices: tuple[str, ...], value: Any) -> str:
    if value not in choices:
        raise ValueError(f"expected {', '.join(choices)}; got {short(value)}")
    return str(value)


def _instant(value: Any) -> int:
    if not isinstance(value, str | int | float):
        raise ValueError(f"{EXPECTED}; got {short(value)}")
    return parse(value)


def _date(value: Any) -> date:
    text = value.strip().replace("/", "-") if isinstance(value, str) else ""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected a date such as 2026-11-24, got {short(value)}") from None


_READ: Mapping[tuple[type[msgspec.Struct], str], Callable[[Any], Any]] = {
    (Route, "work"): _texts,
    (Route, "valid_from"): _instant,
    (Route, "valid_until"): _instant,
    (Area, "valid_from"): _instant,
    (Area, "valid_until"): _instant,
    **{(kind, "withdrawn"): _instant for kind in (Place, Crew, Worker, Shift)},
    (Stop, "windows"): windows,
    (Shift, "start"): minutes,
    (Shift, "length"): minutes,
    (Shift, "weekdays"): weekdays,
    (Shift, "breaks"): _breaks,
    (Plan, "on"): _date,
    (Plan, "workers"): _texts,
}


def read(kind: type[T], given: Mapping[str, Any], spot: Spot, positions: Positions, *, loose: bool = False) -> T | None:
    """A struct of its fields; None where anything is wrong, and the spot knows what. None values count as missing.

    ``loose``: numbers may be text, as in tables.
    """
    before = len(spot.faults)
    fields = {one.name: one for one in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for name, raw in given.items():
        if name not in fields:
            spot.fault(name, f"unknown field; expected {', '.join(one for one in fields if one != 'version')}")
        elif raw is not None and name != "version":
            value = _value(kind, fields[name], raw, spot, positions, loose)
            if value is not None:
                values[name] = value
    if "version" in fields:
        values["version"] = 0  # the store's to give
    for name, one in fields.items():
        if one.required and given.get(name) is None and name not in values:
            spot.fault(name, "missing")
    if len(spot.faults) > before:
        return None
    return kind(**values)


def _value(
    kind: type[msgspec.Struct],
    field: msgspec.structs.FieldInfo,
    raw: Any,
    spot: Spot,
    positions: Positions,
    loose: bool,
) -> Any:
    name = field.name
    if name in ("lines", "access"):
        return positions.lines(raw, spot, name) if raw != [] else ()
    if name == "polygons":
        return positions.polygons(raw, spot, name) if raw != [] else ()
    if name == "stops":
        return _stops(raw, spot, positions)
    try:
        if read_it := _READ.get((kind, name)):
            value = read_it(raw)
        elif get_origin(field.type) is Literal:
            value = _one_of(get_args(field.type), raw)
        else:
            value = msgspec.convert(raw, field.type, strict=not loose)
        _check(kind, name, value)
    except msgspec.ValidationError as error:
        spot.fault(name, _explained(str(error), raw))
        return None
    except ValueError as error:
        spot.fault(name, str(error))
        return None
    return value


def _stops(raw: Any, spot: Spot, positions: Positions) -> tuple[Stop, ...] | None:
    if not isinstance(raw, list | tuple):
        spot.fault("stops", f"expected a list of stops, got {short(raw)}")
        return None
    if len(raw) > MOST_STOPS:
        spot.fault("stops", f"expected at most {MOST_STOPS} stops, got {len(raw)}")
        return None
    found = []
    for number, one in enumerate(raw):
        below = spot.within(f"stops[{number}]")
        if not isinstance(one, dict):
            below.fault("", f"expected a mapping with the fields of a stop, got {short(one)}")
        elif (stop := placed(Stop, one, below, positions)) is not None:
            found.append(stop)
    return tuple(found)


def placed(
    kind: type[T], given: Mapping[str, Any], spot: Spot, positions: Positions, *, loose: bool = False
) -> T | None:
    """A stop or place, whose position is brought to WGS-84."""
    made = read(kind, given, spot, positions, loose=loose)
    if made is None:
        return None
    at = positions.point(made.lon, made.lat, spot, "lon")  # type: ignore[attr-defined]
    return None if at is None else msgspec.structs.replace(made, lon=at[0], lat=at[1])


def _check(kind: type[msgspec.Struct], name: str, value: Any) -> None:
    """Form and bounds of a single value. Raises ValueError."""
    if isinstance(value, str):
        if name in _IDS:
            if not (_PLAN_ID if kind is Plan and name == "id" else DEVICE_ID).match(value):
                raise ValueError(f"{_ID_FORM}; got {short(value)}")
        elif len(value) > MAX_TEXT or not value.isprintable():
            raise ValueError(f"expected at most {MAX_TEXT} printable characters")
    if (kind, name) in BOUNDS:
        low, high = BOUNDS[kind, name]
        if not low <= value <= high:
            raise ValueError(f"expected {low:g} to {high:g}, got {value:g}")


def near_miss(name: str, kind: type[msgspec.Struct]) -> str | None:
    """The field that a name was probably meant to be."""
    names = [one.name for one in msgspec.structs.fields(kind)]
    return next(iter(get_close_matches(name.lower(), names, 1, 0.8)), None)


def _explained(problem: str, raw: Any) -> str:
    match = re.match(r"Expected (.*?)(?:, got .*)?(?: - at .*)?\Z", problem, re.DOTALL)
    if match is None:
        return f"{problem[:1].lower()}{problem[1:]}; got {short(raw)}"

    def named(one: re.Match[str]) -> str:
        parts = (part.strip() for part in one[1].split("|"))
        return " or ".join(_TYPES.get(part, part) for part in parts if part != "null")

    return f"expected {re.sub(r'`([^`]*)`', named, match[1])}; got {short(raw)}"


KINDS: Mapping[str, type[msgspec.Struct]] = {
    "routes": Route, "places": Place, "areas": Area, "crews": Crew, "workers": Worker, "shifts": Shift, "plans": Plan,
}  # fmt: skip
