"""sanihub's own JSON payload, version 1 (``docs/protocols/mqtt-json.md``): one message object or an array of them.

Tolerant in reading: unknown fields are ignored, numbers may stand in quotes, booleans may be 0 and 1, empty parts may
be left out or null. Strict in meaning: a value of the wrong type or out of range is refused by the name of its field,
and what is sound beside it is kept.

:mod:`ingest.wire.native.form` knows the form; this module judges the meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from devices import instants
from devices.datum import DATUMS, to_wgs84
from devices.errors import DecodeError
from devices.kinds import DEVICE_ID
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Identity, Occurrence, Position, Uplink
from ingest.wire.native import hints
from ingest.wire.native.form import EventForm, FixForm, MessageForm, RestForm, parse_json, read, shown

MAX_EVENTS = 50  #: in one message
MAX_ATTRIBUTES_BYTES = 8_192  #: of one event, encoded
MAX_DEPTH = 8  #: of an event's attributes
MAX_PROBLEMS = 20  #: told of one frame; the rest is counted

_ENCODER = msgspec.json.Encoder()

_FIX_RANGES: tuple[tuple[str, float, float], ...] = (
    ("altitude_m", -1_000.0, 20_000.0),
    ("speed_kmh", 0.0, 500.0),
    ("heading_deg", 0.0, 360.0),
    ("hdop", 0.0, 1_000.0),
    ("satellites", 0, 200),
)


def decode(payload: bytes, identity: Identity, catalogue: Catalogue) -> Decoded:
    """Decode a telemetry payload of the device ``identity``.

    Raises DecodeError when nothing of it can be read; otherwise the problems of the result name each refused field.
    """
    messages, problems, many = read(payload)
    uplinks = []
    for index, message in messages:
        prefix = f"[{index}]." if many else ""
        uplink = _uplink(message, identity, catalogue, prefix, problems)
        if uplink is not None:
            uplinks.append(uplink)
    return Decoded(uplinks, _few(problems, payload, catalogue), identity)


def decode_addressed(payload: bytes, sender: str | None, catalogue: Catalogue) -> Decoded:
    """Decode a telemetry payload whose messages name their device in ``device``.

    With a ``sender`` they may leave it out, and may name no other: such a message is refused. Raises DecodeError when
    nothing of it can be read.
    """
    messages, problems, many = read(payload)
    uplinks = []
    for index, message in messages:
        prefix = f"[{index}]." if many else ""
        problem = _addressee_problem(message.device, sender)
        if problem is not None:
            problems.append(f"{prefix}device: {problem}")
            continue
        identity = Identity("id", str(message.device or sender))
        uplink = _uplink(message, identity, catalogue, prefix, problems)
        if uplink is not None:
            uplinks.append(uplink)
    named = {uplink.identity for uplink in uplinks}
    only = Identity("id", sender) if sender is not None else named.pop() if len(named) == 1 else None
    return Decoded(uplinks, _few(problems, payload, catalogue), only)


def _addressee_problem(device: Any, sender: str | None) -> str | None:
    """What is wrong with the ``device`` of a message, or None."""
    if device is None:
        return None if sender is not None else "missing; this key posts for many devices, so each message names its own"
    if not isinstance(device, str) or not DEVICE_ID.match(device):
        return (
            "expected an id of 1 to 64 letters, digits, '.', '_', ':' or '-', starting with a letter or digit, "
            f"got {shown(device)}"
        )
    return None if sender in (None, device) else f"expected {sender}, got {device}"


def _few(problems: list[str], payload: bytes, catalogue: Catalogue) -> list[str]:
    """Not more problems than are told of one frame; of a message that holds nothing, what it perhaps meant."""
    for index, problem in enumerate(problems[:MAX_PROBLEMS]):
        where, _, reason = problem.partition(": ")
        if reason == hints.EMPTY:
            problems[index] += hints.of_empty(payload, int(where[1:-1]) if where[0] == "[" else None, catalogue)
            break
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [f"and {len(problems) - MAX_PROBLEMS} more"]
    return problems


def decode_status(payload: bytes, identity: Identity) -> Decoded:
    """Decode a connection status: ``online``, ``offline``, or an object with ``status`` and perhaps ``ts``.

    An empty payload clears a retained status at the broker and says nothing.
    """
    if not payload.strip():
        return Decoded([], identity=identity)
    text: Any = payload.decode("utf-8", "replace").strip()
    observed_at = None
    if text[:1] in '{"':
        text = parse_json(payload)
    if isinstance(text, dict):
        if text.get("ts") is not None:
            observed_at = _time(text["ts"], "ts")
        text = text.get("status")
    online = {"online": True, "offline": False}.get(text.lower()) if isinstance(text, str) else None
    if online is None:
        raise DecodeError(f"status: expected online or offline, got {shown(text)}")
    occurrence = Occurrence("online" if online else "offline")
    return Decoded([Uplink(identity, observed_at, occurrences=(occurrence,), online=online)], identity=identity)


def _uplink(
    message: MessageForm, identity: Identity, catalogue: Catalogue, prefix: str, problems: list[str]
) -> Uplink | None:
    """Judge the meaning of a message. None when nothing of it can be filed."""
    told = len(problems)
    observed_at = None
    if message.ts is not None:
        try:
            observed_at = instants.parse(message.ts)
        except ValueError as error:
            problems.append(f"{prefix}ts: {error}")
            return None
    readings = _readings(message.readings, catalogue, prefix, problems) if message.readings else {}
    position = _position(message.fix, prefix, problems) if message.fix is not None else None
    occurrences = _occurrences(message.events, prefix, problems) if message.events else ()
    if not readings and position is None and not occurrences:
        if len(problems) > told or isinstance(message, RestForm):
            return None
        if message.fix is None:  # a void fix alone says at least that the device lives
            problems.append(f"{prefix.strip('.') or 'payload'}: {hints.EMPTY}")
            return None
    seq, message_id = message.seq, message.id
    if seq is not None and not -(2**63) <= seq < 2**63:
        problems.append(f"{prefix}seq: expected a 64-bit integer, got {shown(seq)}")
        seq = None
    if message_id is not None and len(message_id) > 200:
        problems.append(f"{prefix}id: expected at most 200 characters")
        message_id = None
    return Uplink(
        identity,
        observed_at,
        readings,
        position,
        occurrences,
        seq=seq,
        message_id=message_id,
        kind=message.kind,
    )


def _readings(
    given: Mapping[str, float | bool | None], catalogue: Catalogue, prefix: str, problems: list[str]
) -> Mapping[str, float]:
    """The sound readings. The given mapping itself where all is well, which is the common case."""
    ranges = catalogue.ranges
    sound = True
    for name, value in given.items():
        bounds = ranges.get(name)
        if bounds is None or value is None or not bounds[0] <= value <= bounds[1]:
            sound = False
            break
    if sound:
        return given  # type: ignore[return-value]
    kept = {}
    for name, value in given.items():
        if value is None:
            continue
        problem = catalogue.check(name, value) if len(name) <= 64 else f"{shown(name)}: unknown metric"
        if problem is None:
            kept[name] = float(value)
        else:
            problems.append(f"{prefix}readings.{problem}")
    return kept


def _position(fix: FixForm, prefix: str, problems: list[str]) -> Position | None:
    """A position in WGS-84. An invalid fix without coordinates says nothing; (0, 0) is never valid."""
    if fix.lat is None or fix.lon is None:
        if fix.valid:
            problems.append(f"{prefix}fix.{'lat' if fix.lat is None else 'lon'}: missing{hints.of_half(fix)}")
        return None
    lat, lon = fix.lat, fix.lon
    for name, value, bound in (("lat", lat, 90.0), ("lon", lon, 180.0)):
        if not -bound <= value <= bound:
            hint = hints.of_latitude(lat, lon)
            problems.append(f"{prefix}fix.{name}: {value:g} is outside -{bound:g}..{bound:g} degrees{hint}")
            return None
    if fix.datum != "wgs84":
        if fix.datum not in DATUMS:
            problems.append(f"{prefix}fix.datum: expected {' or '.join(DATUMS)}, got {shown(fix.datum)}")
            return None
        lat, lon = to_wgs84(lat, lon, fix.datum)
    for name, low, high in _FIX_RANGES:
        value = getattr(fix, name)
        if value is not None and not low <= value <= high:
            problems.append(f"{prefix}fix.{name}: {value:g} is outside {low:g}..{high:g}")
            setattr(fix, name, None)
    return Position(
        lat,
        lon,
        fix.altitude_m,
        fix.speed_kmh,
        None if fix.heading_deg is None else fix.heading_deg % 360.0,
        fix.hdop,
        fix.satellites,
        _constellations(fix.constellations, prefix, problems) if fix.constellations else (),
        fix.valid and not (lat == 0.0 and lon == 0.0),
    )


def _constellations(names: list[str], prefix: str, problems: list[str]) -> tuple[str, ...]:
    for name in names:
        if not (name.isascii() and name.isalnum() and len(name) <= 16):
            problems.append(f"{prefix}fix.constellations: expected names such as GPS or BDS, got {shown(name)}")
            return ()
    return tuple(names[:16])


def _occurrences(events: list[EventForm], prefix: str, problems: list[str]) -> tuple[Occurrence, ...]:
    if len(events) > MAX_EVENTS:
        problems.append(f"{prefix}events: {len(events)} events, expected at most {MAX_EVENTS}")
        return ()
    kept = []
    for index, event in enumerate(events):
        where = f"{prefix}events[{index}]"
        if not (event.kind.isascii() and event.kind.replace("_", "").isalnum() and len(event.kind) <= 64):
            problems.append(f"{where}.kind: expected letters, digits and _, got {shown(event.kind)}")
            continue
        problem = _attributes_problem(event.attributes)
        if problem is not None:
            problems.append(f"{where}.attributes: {problem}")
            continue
        try:
            observed_at = None if event.ts is None else instants.parse(event.ts)
        except ValueError as error:
            problems.append(f"{where}.ts: {error}")
            continue
        kept.append(Occurrence(event.kind, event.attributes or {}, observed_at))
    return tuple(kept)


def _attributes_problem(attributes: dict[str, Any] | None) -> str | None:
    """Why attributes cannot be kept as jsonb, or None."""
    if not attributes:
        return None
    if not _shallow(attributes, MAX_DEPTH):
        return f"nested deeper than {MAX_DEPTH}, or a number that is not finite"
    try:
        encoded = _ENCODER.encode(attributes)
    except (UnicodeEncodeError, OverflowError):
        return "holds text or a number that JSON cannot carry"
    if len(encoded) > MAX_ATTRIBUTES_BYTES:
        return f"{len(encoded)} bytes, expected at most {MAX_ATTRIBUTES_BYTES}"
    if b"\\u0000" in encoded:
        return "holds a NUL character"
    return None


def _shallow(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_shallow(item, depth - 1) for item in value.values())
    if isinstance(value, list):
        return depth > 0 and all(_shallow(item, depth - 1) for item in value)
    return not isinstance(value, float) or isfinite(value)


def _time(value: Any, field: str) -> int:
    try:
        if not isinstance(value, str | int | float):
            raise ValueError(instants.EXPECTED)
        return instants.parse(value)
    except ValueError as error:
        raise DecodeError(f"{field}: {error}") from None
