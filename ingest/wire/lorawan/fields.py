"""The fields of network servers' JSON: reading what differs from server to server into one form.

Each reader takes a value as JSON gave it and the name of its field, and raises DecodeError with that name and what was
expected. ``None`` stands for a field that is missing or null.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

import msgspec

from devices import instants
from devices.errors import DecodeError
from ingest.wire.native.form import parse_json, shown

T = TypeVar("T")

MAX_PAYLOAD_BYTES = 1_024
"""More than any LoRaWAN frame carries (at most 242 bytes, RP002-1.0.4), with room for servers that join fragments."""

_EUI = re.compile(r"[0-9a-fA-F]{16}\Z")
_ADDRESS = re.compile(r"[0-9a-fA-F]{8}\Z")
_SEPARATORS = str.maketrans("", "", ":- ")
_RUN_TOGETHER = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})([T ].*)\Z")
_UNKNOWN_LEVEL, _EXTERNAL_POWER, _FULL_LEVEL = 255, 0, 254


def read_object(payload: bytes) -> dict[str, Any]:
    """A JSON object. It holds nothing that cannot be written as JSON again: no NaN, no half of a character."""
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        parse_json(payload)  # says better where it stops being JSON
        raise DecodeError(f"payload: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise DecodeError(f"payload: expected an object, got {shown(value)}")
    return value


def convert(value: Any, form: type[T], field: str = "") -> T:
    """A JSON value in the form of a struct: unknown fields are passed over, numbers may stand in quotes."""
    try:
        return msgspec.convert(value, form, strict=False)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        where = f"{field}{path.rstrip('`')}".lstrip(".")
        raise DecodeError(f"{where or 'payload'}: {said[:1].lower()}{said[1:]}") from None
    except (RecursionError, OverflowError, UnicodeEncodeError):
        raise DecodeError(f"{field or 'payload'}: nested too deeply, or holds what no field can") from None


def eui(value: Any, field: str) -> str:
    """An EUI-64 as 16 lower-case hexadecimal digits. Separators are let pass, and base64 (protobuf's form of bytes)."""
    text = value.strip() if isinstance(value, str) and len(value) <= 40 else ""
    if len(text) == 12 and text.endswith("="):
        text = from_base64(text, field).hex()
    text = text.translate(_SEPARATORS)
    if not _EUI.match(text):
        raise DecodeError(f"{field}: expected 16 hexadecimal digits, got {shown(value)}")
    return text.lower()


def address(value: Any) -> str | None:
    """A device address as 8 lower-case hexadecimal digits; None for anything else, for nothing hangs on it alone."""
    return value.lower() if isinstance(value, str) and _ADDRESS.match(value) else None


def from_base64(value: str | None, field: str) -> bytes:
    """The bytes of a base64 text, padded or not; nothing for an empty or missing one."""
    text = (value or "").strip()
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError(f"{field}: expected base64, got {shown(value)}") from None
    return _bounded(data, field)


def from_hex(value: str | None, field: str) -> bytes:
    """The bytes of a hexadecimal text; nothing for an empty or missing one."""
    try:
        data = bytes.fromhex((value or "").strip())
    except ValueError:
        raise DecodeError(f"{field}: expected hexadecimal digits in pairs, got {shown(value)}") from None
    return _bounded(data, field)


def time(value: Any, field: str) -> int | None:
    """Microseconds since 1970 of a time with a zone, or of an epoch number.

    Dates that lack a hyphen (``2020-0327T12:39:05Z``, as some gateways write them) are read for what they mean.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and (found := _RUN_TOGETHER.match(value.strip())):
        value = "{}-{}-{}{}".format(*found.groups())
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(instants.EXPECTED)
        return instants.parse(value)
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"{field}: {error}") from None


def time_or_none(value: Any) -> int | None:
    """The same for a time on which nothing hangs: None where it is none."""
    try:
        return time(value, "time")
    except DecodeError:
        return None


def counter(value: int | None, field: str) -> int | None:
    """A frame counter of 32 bits."""
    if value is not None and not 0 <= value < 2**32:
        raise DecodeError(f"{field}: expected a counter of 32 bits, got {shown(value)}")
    return value


def port(value: int | None, field: str) -> int | None:
    """An FPort."""
    if value is not None and not 0 <= value <= 255:
        raise DecodeError(f"{field}: expected 0 to 255, got {shown(value)}")
    return value


def number(value: Any) -> float | None:
    """A number, also one in quotes; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def text(value: Any) -> str:
    """A text; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def part(value: Any) -> Mapping[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def parts(value: Any) -> list[Mapping[str, Any]]:
    """The objects of an array; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def battery_pct(level: Any) -> float | None:
    """Percent of a battery level of DevStatusAns (LoRaWAN 1.0.4, clause 5.5): 1 to 254.

    0 is an external power source and 255 "not known": neither is a level.
    """
    value = number(level)
    if value is None or value in (_EXTERNAL_POWER, _UNKNOWN_LEVEL) or not 0 < value <= _FULL_LEVEL:
        return None
    return round(value * 100 / _FULL_LEVEL, 1)


def spreading_factor(value: Any) -> int | None:
    """The spreading factor of a number, or of a data rate in words (``SF9 BW125 4/5``, ``SF7BW125``)."""
    if isinstance(value, str) and (found := re.match(r"SF(\d{1,2})", value.strip())):
        value = found[1]
    factor = number(value)
    return int(factor) if factor is not None and 5 <= factor <= 12 else None


def _bounded(data: bytes, field: str) -> bytes:
    if len(data) > MAX_PAYLOAD_BYTES:
        raise DecodeError(f"{field}: {len(data)} bytes, expected at most {MAX_PAYLOAD_BYTES}")
    return data
