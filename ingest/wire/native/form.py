"""The form of sanihub's JSON messages, and the reading of payloads into it.

The common case is one pass of a typed decoder. Only a payload that fails there is taken apart field by field, so that
a fault costs the field, or the message of an array, that has it, and nothing beside.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from devices.errors import DecodeError

MAX_MESSAGES = 1_000  #: in one array


class FixForm(msgspec.Struct, gc=False):
    """``fix`` of a message."""

    lat: float | None = None
    lon: float | None = None
    altitude_m: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    constellations: list[str] | None = None
    valid: bool = True
    datum: str = "wgs84"


class EventForm(msgspec.Struct, gc=False):
    """An item of ``events``."""

    kind: str
    ts: int | float | str | None = None
    attributes: dict[str, Any] | None = None


class MessageForm(msgspec.Struct, gc=False):
    """One message. ``device`` has a meaning only where the channel does not tell the sender; it may be anything."""

    ts: int | float | str | None = None
    id: str | None = None
    kind: str | None = None
    seq: int | None = None
    readings: dict[str, float | bool | None] | None = None
    fix: FixForm | None = None
    events: list[EventForm] | None = None
    device: Any = None


class RestForm(MessageForm, gc=False):
    """A message of which something was refused already."""


class _Addressee(msgspec.Struct):
    device: Any = None


_DECODER = msgspec.json.Decoder(MessageForm | list[MessageForm])
_ADDRESSEES = msgspec.json.Decoder(_Addressee | list[_Addressee])

_TIME = (int | float | str | None, "a time (ISO 8601 text or an epoch number)")
_TEXT = (str | None, "text")
_INTEGER = (int | None, "an integer")
_READING = (float | bool | None, "a number")
_MESSAGE_FIELDS = {"ts": _TIME, "id": _TEXT, "kind": _TEXT, "seq": _INTEGER}
_FIX_FIELDS: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(("lat", "lon", "altitude_m", "speed_kmh", "heading_deg", "hdop"), (float | None, "a number")),
    "satellites": _INTEGER,
    "constellations": (list[str] | None, "an array of names"),
    "valid": (bool, "true or false"),
    "datum": (str, "text"),
}


def read(payload: bytes) -> tuple[list[tuple[int, MessageForm]], list[str], bool]:
    """The messages of a payload with their indices, the problems so far, and whether it is an array.

    Raises DecodeError when it is not JSON, or no message could be in it.
    """
    try:
        decoded = _DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _salvage(payload)
    if not isinstance(decoded, list):
        return [(0, decoded)], [], False
    _check_length(decoded)
    return list(enumerate(decoded)), [], True


def addressees(payload: bytes) -> list[Any]:
    """What stands in ``device`` of each message that has it, sound or not; nothing for what is not JSON."""
    try:
        decoded = _ADDRESSEES.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _salvaged_addressees(payload)
    messages = decoded if isinstance(decoded, list) else [decoded]
    return [message.device for message in messages if message.device is not None]


def _salvaged_addressees(payload: bytes) -> list[Any]:
    try:
        raw = parse_json(payload)
    except DecodeError:
        return []
    items = raw if isinstance(raw, list) else [raw]
    named = (item.get("device") for item in items if isinstance(item, dict))
    return [device for device in named if device is not None]


def shown(value: Any) -> str:
    """A value as an error line shows it: short, and in the words of JSON."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**60 else "a very long number"
    return text if len(text) <= 60 else text[:57] + "..."


def parse_json(payload: bytes) -> Any:
    """JSON by the lenient parser: NaN and numbers beyond every range come out as such, for a field to be refused.

    Raises DecodeError that says where it stops being JSON.
    """
    if not payload.strip():
        raise DecodeError("payload: empty")
    try:
        return json.loads(payload)
    except UnicodeDecodeError as error:
        raise DecodeError(f"payload: not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise DecodeError(f"payload: not JSON: {error.msg.lower()} (character {error.pos})") from None
    except RecursionError:
        raise DecodeError("payload: nested too deeply") from None
    except ValueError:
        raise DecodeError("payload: holds a number of more digits than any measurement has") from None


def _check_length(items: list[Any]) -> None:
    if not items:
        raise DecodeError("payload: an empty array")
    if len(items) > MAX_MESSAGES:
        raise DecodeError(f"payload: an array of {len(items)} messages, expected at most {MAX_MESSAGES}")


def _salvage(payload: bytes) -> tuple[list[tuple[int, MessageForm]], list[str], bool]:
    """Take apart a payload that is not of the expected form, keeping what is sound."""
    raw = parse_json(payload)
    many = isinstance(raw, list)
    items = raw if many else [raw]
    _check_length(items)
    problems: list[str] = []
    messages = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            problems.append(f"{f'[{index}]' if many else 'payload'}: expected an object, got {shown(item)}")
            continue
        message = _message(item, f"[{index}]." if many else "", problems)
        if message is not None:
            messages.append((index, message))
    return messages, problems, many


def _message(item: dict[str, Any], prefix: str, problems: list[str]) -> MessageForm | None:
    """A message of the sound fields of ``item``; None when its time is unusable, for then nothing can be filed."""
    told = len(problems)
    fields: dict[str, Any] = {"device": item.get("device")}
    for name, form in _MESSAGE_FIELDS.items():
        _take(item, name, form, prefix, fields, problems)
    if "ts" in item and "ts" not in fields:
        return None
    if (readings := _part(item, "readings", dict, prefix, problems)) is not None:
        kept: dict[str, Any] = {}
        fields["readings"] = kept
        for name in readings:
            _take(readings, name, _READING, f"{prefix}readings.", kept, problems)
    if (fix := _part(item, "fix", dict, prefix, problems)) is not None:
        taken: dict[str, Any] = {}
        for name, form in _FIX_FIELDS.items():
            _take(fix, name, form, f"{prefix}fix.", taken, problems)
        fields["fix"] = FixForm(**taken)
    events = _part(item, "events", list, prefix, problems) or []
    fields["events"] = [
        event
        for index, raw in enumerate(events)
        if (event := _event(raw, f"{prefix}events[{index}]", problems)) is not None
    ]
    return (RestForm if len(problems) > told else MessageForm)(**fields)


def _event(raw: Any, where: str, problems: list[str]) -> EventForm | None:
    if not isinstance(raw, dict):
        problems.append(f"{where}: expected an object, got {shown(raw)}")
        return None
    told = len(problems)
    fields: dict[str, Any] = {}
    _take(raw, "kind", (str, "text"), f"{where}.", fields, problems)
    _take(raw, "ts", _TIME, f"{where}.", fields, problems)
    attributes = _part(raw, "attributes", dict, f"{where}.", problems)
    if "kind" not in fields:
        if "kind" not in raw:
            problems.append(f"{where}.kind: missing")
        return None
    return EventForm(**fields, attributes=attributes) if len(problems) == told else None


def _part(item: dict[str, Any], name: str, kind: type, prefix: str, problems: list[str]) -> Any:
    value = item.get(name)
    if value is None or isinstance(value, kind):
        return value
    problems.append(f"{prefix}{name}: expected {'an object' if kind is dict else 'an array'}, got {shown(value)}")
    return None


def _take(
    source: dict[str, Any],
    name: str,
    form: tuple[Any, str],
    prefix: str,
    target: dict[str, Any],
    problems: list[str],
) -> None:
    """Copy ``source[name]`` to ``target`` when it can be read as the form says; otherwise note the problem."""
    if name not in source:
        return
    kind, expected = form
    try:
        target[name] = msgspec.convert(source[name], kind, strict=False)
    except (msgspec.ValidationError, RecursionError, OverflowError, UnicodeEncodeError):
        short = name if len(name) <= 64 else name[:61] + "..."
        problems.append(f"{prefix}{short}: expected {expected}, got {shown(source[name])}")
