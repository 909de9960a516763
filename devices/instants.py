"""Reading and writing instants: integers of microseconds since 1970 inside, ISO 8601 with a zone outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EXPECTED = "expected ISO 8601 with a zone (2026-11-23T08:00:00+08:00 or ...Z) or an epoch number (s, ms, µs or ns)"

_LATEST = 253_402_300_800_000_000  # 10000-01-01, beyond what a datetime can hold


def from_datetime(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("has no time zone; " + EXPECTED)
    return (moment - EPOCH) // _MICROSECOND


def to_datetime(instant: int) -> datetime:
    """An aware UTC datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=instant)


def to_iso(instant: int) -> str:
    """ISO 8601 in UTC with ``Z``, with as many fraction digits as are needed (none, 3 or 6)."""
    moment = to_datetime(instant)
    if not instant % 1_000_000:
        spec = "seconds"
    else:
        spec = "microseconds" if instant % 1_000 else "milliseconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def _from_number(value: float) -> int:
    if value < 0:
        raise ValueError(f"{value!r} is before 1970; " + EXPECTED)
    if value < 1e11:
        instant = round(value * 1_000_000)  # seconds
    elif value < 1e14:
        instant = round(value * 1_000)  # milliseconds
    elif value < 1e17:
        instant = round(value)  # microseconds
    elif value < 1e20:
        instant = round(value) // 1_000  # nanoseconds
    else:
        raise ValueError(f"{value!r} is no epoch number; " + EXPECTED)
    if instant >= _LATEST:
        raise ValueError(f"{value!r} is after the year 9999; " + EXPECTED)
    return instant


def parse(value: str | float) -> int:
    """Microseconds since 1970 of a claimed time.

    Numbers are epoch times, their unit told by their size: below 1e11 seconds, below 1e14 milliseconds, below 1e17
    microseconds, below 1e20 nanoseconds (so 1973 to the year 5138 reads the same in each). Text is ISO 8601 with a
    zone, or such a number in digits. Raises ValueError with what was expected.
    """
    if isinstance(value, bool):
        raise ValueError(EXPECTED)
    if not isinstance(value, str):
        return _from_number(value)
    if len(value) > 40:
        raise ValueError(EXPECTED)
    text = value.strip()
    if text[4:5] != "-" and text.replace(".", "", 1).isdecimal() and text.isascii():
        return _from_number(float(text) if "." in text else int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{value!r} is no time; " + EXPECTED) from None
    try:
        return from_datetime(moment)
    except OverflowError:
        raise ValueError(f"{value!r} is out of range; " + EXPECTED) from None
