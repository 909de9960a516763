"""From a codec's object to our metrics: the mapping is data, a rule for each field that means something to us.

A published codec says ``{"distance": 2116, "position": "tilt"}``; a mapping says that ``distance`` is ``distance_mm``
and that ``position`` is ``tilt`` with ``tilt`` as 1 and ``normal`` as 0. What no rule names stays in the object and is
not filed. What a rule names and cannot be a value of its metric is a problem, and costs nothing but itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from devices.metrics import Catalogue
from devices.vocabulary import Occurrence, Position

FixField = Literal["lat", "lon", "altitude_m", "speed_kmh", "heading_deg", "hdop", "satellites"]

MAX_SAMPLES = 1_000  #: of one message's history; no LoRaWAN payload (242 bytes) holds more
MAX_SHOWN = 40  #: characters of a faulty value that a problem shows
_TRUTHS = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0, "yes": 1.0, "no": 0.0}
_FIX_RANGES: Mapping[str, tuple[float, float]] = {
    "lat": (-90, 90),
    "lon": (-180, 180),
    "altitude_m": (-1_000, 20_000),
    "speed_kmh": (0, 1_000),
    "heading_deg": (0, 360),
    "hdop": (0, 100),
    "satellites": (0, 200),
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one field of a codec's object becomes.

    ``metric``: the reading ``value * scale + offset``, in the metric's unit. ``values`` gives the reading of a text or
    code instead (``{"tilt": 1, "normal": 0}``); null there means that the value is no reading (a sentinel), silently.
    ``events`` gives the event that a text or code is (``{"threshold_alarm": "distance_alarm"}``). ``fix`` makes the
    field a part of the position (WGS-84). ``samples`` makes it a list of older objects of the same form, each with its
    time in Unix seconds in the field that ``samples`` names.
    """

    metric: str | None = None
    scale: float = 1
    offset: float = 0
    values: Mapping[str, float | None] = {}
    events: Mapping[str, str] = {}
    fix: FixField | None = None
    samples: str | None = None


Mapped = Mapping[str, Rule]
"""Rules by the field's name; a dot leads into an object (``gps.lat``). The first rule that yields a metric wins."""


class Claims(msgspec.Struct):
    """What a decoded object claims. ``history`` holds older readings with their time (µs), oldest first as sent."""

    readings: dict[str, float] = {}
    occurrences: tuple[Occurrence, ...] = ()
    position: Position | None = None
    doubtful: frozenset[str] = frozenset()
    problems: list[str] = []
    history: list[tuple[int, dict[str, float]]] = []


def claims_of(decoded: Mapping[str, Any], mapping: Mapped, catalogue: Catalogue) -> Claims:
    """Apply a mapping. Never raises: what cannot be a value is a line in ``problems`` that names field and metric."""
    problems: list[str] = []
    occurrences: list[Occurrence] = []
    readings = _readings(decoded, mapping, catalogue, problems, occurrences)
    history: list[tuple[int, dict[str, float]]] = []
    fix: dict[str, float] = {}
    for name, rule in mapping.items():
        if rule.samples is None and rule.fix is None:
            continue
        value = _look_up(decoded, name)
        if value is None:
            continue
        if rule.samples is not None:
            history.extend(_samples(name, rule.samples, value, mapping, catalogue, problems))
        elif rule.fix is not None and rule.fix not in fix:
            _add_to_fix(name, rule, value, fix, problems)
    return Claims(readings, tuple(occurrences), _position(fix), frozenset(), problems, history)


def _readings(
    decoded: Mapping[str, Any],
    mapping: Mapped,
    catalogue: Catalogue,
    problems: list[str],
    occurrences: list[Occurrence] | None,
) -> dict[str, float]:
    """The readings of one object; its events go to ``occurrences`` where they are wanted."""
    readings: dict[str, float] = {}
    for name, rule in mapping.items():
        if rule.metric is None and not rule.events:
            continue
        value = _look_up(decoded, name)
        if value is None:
            continue
        key = key_of(value)
        if occurrences is not None and key in rule.events:
            occurrences.append(Occurrence(rule.events[key], {"field": name, "value": key}))
        if rule.metric is None or rule.metric in readings:
            continue
        reading = _number(name, rule, key, value, problems)
        if reading is None:
            continue
        fault = catalogue.check(rule.metric, reading)
        if fault is None:
            readings[rule.metric] = reading
        else:
            problems.append(f"{name}: {fault}")
    return readings


def key_of(value: Any) -> str:
    """How a value stands in ``values`` and ``events``: texts as they are, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else ""


def _number(name: str, rule: Rule, key: str, value: Any, problems: list[str]) -> float | None:
    """The reading of a value, or None where it is none; then a problem says why, but for a sentinel."""
    if key in rule.values:
        known_value = rule.values[key]
        return None if known_value is None else float(known_value)
    number: float | None = None
    if isinstance(value, bool):
        number = 1.0 if value else 0.0
    elif isinstance(value, int | float):
        number = float(value)
    elif isinstance(value, str) and not rule.values:
        number = _spoken(value)
    if number is None or not math.isfinite(number):
        known = f"one of {', '.join(rule.values)}" if rule.values else "a number"
        problems.append(f"{name}: {repr(value)[:MAX_SHOWN]} is no {rule.metric}; expected {known}")
        return None
    if rule.scale == 1 and rule.offset == 0:
        return number
    return round(number * rule.scale + rule.offset, 9)


def _spoken(text: str) -> float | None:
    """A number that a codec gives as text (``"23.50"``), or a word for on and off."""
    word = text.strip().lower()
    if word in _TRUTHS:
        return _TRUTHS[word]
    try:
        return float(word)
    except ValueError:
        return None


def _look_up(decoded: Mapping[str, Any], name: str) -> Any:
    if name in decoded or "." not in name:
        return decoded.get(name)
    inner: Any = decoded
    for part in name.split("."):
        if not isinstance(inner, Mapping):
            return None
        inner = inner.get(part)
    return inner


def _add_to_fix(name: str, rule: Rule, value: Any, fix: dict[str, float], problems: list[str]) -> None:
    """Enter a part of a position, or say why it is none. ``rule.fix`` is set."""
    assert rule.fix is not None
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    number = number * rule.scale + rule.offset
    low, high = _FIX_RANGES[rule.fix]
    if low <= number <= high:
        fix[rule.fix] = number
    else:
        problems.append(f"{name}: {repr(value)[:MAX_SHOWN]} is no {rule.fix}; expected {low:g}..{high:g}")


def _position(fix: Mapping[str, float]) -> Position | None:
    """A position has a latitude and a longitude. Both exactly 0 is what receivers without a fix say."""
    if "lat" not in fix or "lon" not in fix or (fix["lat"] == 0 and fix["lon"] == 0):
        return None
    satellites = fix.get("satellites")
    return Position(
        fix["lat"],
        fix["lon"],
        fix.get("altitude_m"),
        fix.get("speed_kmh"),
        fix.get("heading_deg"),
        fix.get("hdop"),
        None if satellites is None else int(satellites),
    )


def _samples(
    name: str, time_field: str, value: Any, mapping: Mapped, catalogue: Catalogue, problems: list[str]
) -> Iterable[tuple[int, dict[str, float]]]:
    """Older objects within the message; one without a time or of another form is a problem."""
    if not isinstance(value, list):
        problems.append(f"{name}: expected a list of samples")
        return
    for sample in value[:MAX_SAMPLES]:
        seconds = sample.get(time_field) if isinstance(sample, Mapping) else None
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < 1e11:
            problems.append(f"{name}: a sample without a time in {time_field}, expected Unix seconds")
            continue
        readings = _readings(sample, mapping, catalogue, problems, None)
        if readings:
            yield int(seconds * 1_000_000), readings
    if len(value) > MAX_SAMPLES:
        problems.append(f"{name}: {len(value)} samples, expected at most {MAX_SAMPLES}")


def _rules(
    metric: str, *names: str, scale: float = 1, values: Mapping[str, float | None] | None = None
) -> dict[str, Rule]:
    """The same rule under several names, each also as written with a capital or in capitals."""
    rule = Rule(metric=metric, scale=scale, values=values or {})
    return {form: rule for name in names for form in (name, name.capitalize(), name.upper())}


DEFAULT_MAPPING: Mapped = {
    **_rules("battery_pct", "battery_pct", "battery", "battery_level", "batteryLevel", "battery_percent"),
    **_rules("battery_v", "battery_v", "battery_voltage", "batteryVoltage", "bat_v", "BatV", "vbat"),
    **_rules("temperature_c", "temperature_c", "temperature", "temp", "TempC_SHT", "air_temperature"),
    **_rules("humidity_pct", "humidity_pct", "humidity", "hum", "Hum_SHT", "relative_humidity"),
    **_rules("fill_pct", "fill_pct", "fill_level", "fillLevel", "filling_level"),
    **_rules("distance_mm", "distance_mm", "distance"),
    **_rules("distance_mm", "distance_cm", scale=10),
    **_rules("distance_mm", "distance_m", scale=1_000),
    **_rules("tilt", "tilt", "tilted"),
    **_rules("tilt", "position", values={"normal": 0, "tilt": 1}),
    **_rules("nh3_ppm", "nh3_ppm", "nh3"),
    **_rules("h2s_ppm", "h2s_ppm", "h2s"),
    **_rules("co2_ppm", "co2_ppm", "co2"),
    **_rules("pm25_ugm3", "pm25_ugm3", "pm2_5", "pm25"),
    **_rules("people_in", "people_in", "people_total_in", "total_counter_in"),
    **_rules("people_out", "people_out", "people_total_out", "total_counter_out"),
    **_rules("door_open", "door_open", "DOOR_OPEN_STATUS"),
    **_rules("door_open", "magnet_status", "door", values={"close": 0, "closed": 0, "open": 1, "opened": 1}),
    **_rules("stall_occupied", "stall_occupied", "occupancy", values={"vacant": 0, "occupied": 1}),
    **_rules("paper_pct", "paper_pct", "remaining"),
    "latitude": Rule(fix="lat"),
    "longitude": Rule(fix="lon"),
    "history": Rule(samples="timestamp"),
}
"""Names that published codecs commonly use, for objects that a network server decoded for a model that is not known."""
