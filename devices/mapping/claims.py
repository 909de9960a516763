"""From a codec's object to our metrics: the mapping is data, a rule for each field that means something to us.

A published codec says ``{"distance": 2116, "position": "tilt"}``; a mapping says that ``distance`` is ``distance_mm``
and that ``position`` is ``tilt`` with ``tilt`` as 1 and ``normal`` as 0. What no rule names stays in the object and is
not filed. What a rule names and cannot be a value of its metric is a problem, and costs nothing but itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from devices.mapping.rules import Mapped, Rule
from devices.metrics import Catalogue
from devices.vocabulary import Occurrence, Position

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
    doubtful: set[str] = set()
    readings = _readings(decoded, mapping, catalogue, problems, doubtful, occurrences)
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
    return Claims(readings, tuple(occurrences), _position(fix), frozenset(doubtful), problems, history)


def _readings(
    decoded: Mapping[str, Any],
    mapping: Mapped,
    catalogue: Catalogue,
    problems: list[str],
    doubtful: set[str],
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
            if key in rule.doubtful:
                doubtful.add(rule.metric)
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
    if isinstance(value, int) and value.bit_length() > 64:
        return ""  # Python itself refuses to write very long ones out
    return str(value) if isinstance(value, int | float) else ""


def _shown(value: Any) -> str:
    """A faulty value as a problem shows it."""
    if isinstance(value, str):
        return repr(value[:MAX_SHOWN])
    return key_of(value) or f"a {type(value).__name__}"


def _number(name: str, rule: Rule, key: str, value: Any, problems: list[str]) -> float | None:
    """The reading of a value, or None where it is none; then a problem says why, but for a sentinel."""
    if key in rule.values:
        known_value = rule.values[key]
        return None if known_value is None else float(known_value)
    number: float | None = None
    if isinstance(value, bool):
        number = 1.0 if value else 0.0
    elif isinstance(value, int | float):
        number = _float(value)
    elif isinstance(value, str):
        number = _spoken(value)
    if number is None or not math.isfinite(number):
        known = f"one of {', '.join(rule.values)}" if rule.values else "a number"
        problems.append(f"{name}: {_shown(value)} is no {rule.metric}; expected {known}")
        return None
    if not rule.least <= number <= rule.most:
        return None
    if rule.scale == 1 and rule.offset == 0:
        return number
    return round(number * rule.scale + rule.offset, 9)


def _float(value: float) -> float:
    """A number as JSON holds it, which may be longer than any float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


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
    number = _float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    number = number * rule.scale + rule.offset
    low, high = _FIX_RANGES[rule.fix]
    if low <= number <= high:
        fix[rule.fix] = number
    else:
        problems.append(f"{name}: {_shown(value)} is no {rule.fix}; expected {low:g}..{high:g}")


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
        readings = _readings(sample, mapping, catalogue, problems, set(), None)
        if readings:
            yield round(seconds * 1_000_000), readings
    if len(value) > MAX_SAMPLES:
        problems.append(f"{name}: {len(value)} samples, expected at most {MAX_SAMPLES}")
