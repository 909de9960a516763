"""NMEA 0183, the fields: text into numbers, or a ValueError that says what was expected. Nothing is guessed.

Forms are those of NMEA 0183, clause 5.3.4 (``hhmmss.ss``, ``llll.ll``, ``yyyyy.yy``, ``x.x``).
"""

from __future__ import annotations

import re
from datetime import date

SECOND = 1_000_000
DAY = 86_400 * SECOND
CENTURY_PIVOT = 80  #: two-digit years from here on are of the last century: GPS begins in January 1980

_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9]|60)(?:\.([0-9]{0,9}))?\Z", re.A)
_DATE = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})\Z", re.A)
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})\Z", re.A)
_LATITUDE = re.compile(r"([0-9]{2})([0-5][0-9](?:\.[0-9]{0,12})?)\Z", re.A)
_LONGITUDE = re.compile(r"([01][0-9]{2})([0-5][0-9](?:\.[0-9]{0,12})?)\Z", re.A)


def time_of_day(text: str) -> int | None:
    """Microseconds of the UTC day of ``hhmmss.sss``; None of an empty field. A leap second is second 60."""
    if not text:
        return None
    match = _TIME.match(text)
    if match is None:
        raise ValueError(f"time: expected hhmmss.sss, got {text[:20]!r}")
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    fraction = int((match[4] or "").ljust(6, "0")[:6])
    return ((hours * 60 + minutes) * 60 + seconds) * SECOND + fraction


def short_date(text: str) -> date | None:
    """The date of ``ddmmyy``; None of an empty field. Years 80 to 99 are 1980 to 1999."""
    if not text:
        return None
    match = _DATE.match(text)
    if match is None:
        raise ValueError(f"date: expected ddmmyy, got {text[:20]!r}")
    year = int(match[3])
    return _date(year + (1900 if year >= CENTURY_PIVOT else 2000), int(match[2]), int(match[1]))


def long_date(day: str, month: str, year: str) -> date | None:
    """The date of ZDA's three fields; None where all are empty."""
    if not (day or month or year):
        return None
    if not (_whole(day, 2) and _whole(month, 2) and _whole(year, 4)):
        raise ValueError(f"date: expected day, month and year, got {day[:4]!r}, {month[:4]!r}, {year[:6]!r}")
    return _date(int(year), int(month), int(day))


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"date: {year:04d}-{month:02d}-{day:02d} is no day") from None


def _whole(text: str, digits: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= digits


def number(text: str, name: str, low: float, high: float) -> float | None:
    """A decimal number within ``low``..``high``; None of an empty field."""
    if not text:
        return None
    if _NUMBER.match(text) is None:
        raise ValueError(f"{name}: expected a number, got {text[:20]!r}")
    value = float(text)
    if not low <= value <= high:
        raise ValueError(f"{name}: {value:g} is outside {low:g}..{high:g}")
    return value


def whole_number(text: str, name: str, low: int, high: int) -> int | None:
    """A whole number within ``low``..``high``; None of an empty field."""
    if not text:
        return None
    if not _whole(text, 6):
        raise ValueError(f"{name}: expected a whole number, got {text[:20]!r}")
    value = int(text)
    if not low <= value <= high:
        raise ValueError(f"{name}: {value} is outside {low}..{high}")
    return value


def latitude(text: str, hemisphere: str) -> float:
    """Degrees north of ``ddmm.mmmm`` and N or S. A field that is cut short or empty raises ValueError."""
    return _degrees(text, hemisphere, "lat", _LATITUDE, "ddmm.mmmm", "NS", 90.0)


def longitude(text: str, hemisphere: str) -> float:
    """Degrees east of ``dddmm.mmmm`` and E or W. A field that is cut short or empty raises ValueError."""
    return _degrees(text, hemisphere, "lon", _LONGITUDE, "dddmm.mmmm", "EW", 180.0)


def _degrees(
    text: str, hemisphere: str, name: str, form: re.Pattern[str], shown: str, signs: str, limit: float
) -> float:
    match = form.match(text)
    if match is None:
        raise ValueError(f"{name}: expected {shown}, got {text[:20]!r}" if text else f"{name}: missing")
    if len(hemisphere) != 1 or hemisphere not in signs:
        raise ValueError(f"{name}: expected {signs[0]} or {signs[1]}, got {hemisphere[:8]!r}")
    value = int(match[1]) + float(match[2]) / 60
    if value > limit:
        raise ValueError(f"{name}: {value:g} is beyond {limit:g} degrees")
    return value if hemisphere == signs[0] or value == 0.0 else -value
