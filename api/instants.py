"""Time and width of buckets as they are written at the edge: ISO 8601 in UTC, and ``30s``, ``5m``, ``1h``, ``1d``.

Inside, both are integer microseconds.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from devices import instants

SECOND = 1_000_000
DAY = 86_400 * SECOND
END_OF_TIME = 253_402_300_799_000_000  # 9999-12-31T23:59:59Z

# A plus sign that nobody escaped arrives as a space; an instant has no other reason to end in one and digits.
_BARE_OFFSET = re.compile(r" (\d\d:?\d\d)$")
_DATE = re.compile(r"\d{4}-?\d\d-?\d\d[Tt ]")  #: what is not one is a number, of which nobody knows the unit
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_EXPECTED = "expected ISO 8601 with a zone (2026-11-23T08:00:00+08:00 or ...Z)"
_BUCKET = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
_MAX_BUCKET = 366 * DAY


def parse_instant(text: object) -> int:
    """An ISO 8601 instant with a zone as microseconds since 1970. Raises ValueError, saying what was expected.

    A time without a zone is refused and not guessed: half of the writers would mean Beijing time and half UTC.
    """
    if not isinstance(text, str) or not _DATE.match(text.strip()):
        raise ValueError(_EXPECTED)
    try:
        micros = instants.parse(_BARE_OFFSET.sub(r"+\1", text.strip()))
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if not 0 <= micros <= END_OF_TIME:
        raise ValueError("expected an instant from 1970 to 9999")
    return micros


def parse_date(text: object) -> object:
    """A date as text, for pydantic to read. Raises ValueError for a number, which it would take for a time."""
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise ValueError("expected a date such as 2026-11-24")
    return text


def parse_bucket(text: object) -> int:
    """A bucket's width as microseconds. Raises ValueError for anything but a number with its unit."""
    match = _BUCKET.fullmatch(text) if isinstance(text, str) else None
    width = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < width <= _MAX_BUCKET:
        raise ValueError("expected a number with s, m, h or d, such as 30s, 5m, 1h or 1d, up to 366d")
    return width


def write_bucket(width: int) -> str:
    """A width in microseconds as the shortest text that :func:`parse_bucket` reads; part seconds are rounded up."""
    seconds = -(-width // SECOND)
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


Instant = Annotated[
    int, PlainSerializer(instants.to_iso, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""Microseconds inside, ISO 8601 with ``Z`` in JSON."""

InstantQuery = Annotated[int, BeforeValidator(parse_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
DateQuery = Annotated[date, BeforeValidator(parse_date)]
BucketQuery = Annotated[
    int, BeforeValidator(parse_bucket), WithJsonSchema({"type": "string", "pattern": r"^[1-9][0-9]{0,5}[smhd]$"})
]
