"""Hours of the day at a place: windows of local time, which may reach over midnight."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from devices.instants import from_datetime, to_datetime

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
"""``HH:MM``, 24:00 being the end of a day."""

_FAR = 9  #: days within which a window that stands at all begins or ends


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From ``begin`` up to, not including, ``end``; past midnight where the end is not after the beginning.

    ``days`` are those on which it begins; without any, every day.
    """

    begin: Clock
    end: Clock
    days: tuple[Day, ...] = ()


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Windows in the local time of ``zone`` (IANA).

    Where a clock change repeats or skips an hour, the windows go by what the clock on the wall shows.
    """

    windows: tuple[Window, ...] = ()
    zone: str = "Asia/Shanghai"


def holds(hours: Hours, at: int) -> bool:
    """Whether an instant (µs) lies in one of the windows."""
    local = to_datetime(at).astimezone(ZoneInfo(hours.zone))
    minute, day = local.hour * 60 + local.minute, local.weekday()
    for begin, end, days in _minutes(hours.windows):
        if begin < end:
            if begin <= minute < end and day in days:
                return True
        elif (minute >= begin and day in days) or (minute < end and (day - 1) % 7 in days):
            return True
    return False


def turn(hours: Hours, at: int) -> int | None:
    """The next instant after ``at`` (µs) that lies in a window where ``at`` does not, or the other way round.

    None where that never is: no windows, or windows that leave nothing free.
    """
    now = holds(hours, at)
    for instant in _edges(hours, at):
        if holds(hours, instant) is not now:
            return instant
    return None


def later(hours: Hours, at: int, span: int) -> int | None:
    """The instant by which ``span`` µs *outside* of the windows have passed since ``at``; None where that never is."""
    inside = holds(hours, at)
    while True:
        change = turn(hours, at)
        if not inside:
            if change is None or change - at >= span:
                return at + span
            span -= change - at
        elif change is None:
            return None
        at, inside = change, not inside


def fault(field: str, hours: Hours | None) -> str | None:
    """What is wrong with hours, beginning with the field's name."""
    if hours is None:
        return None
    try:
        ZoneInfo(hours.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{field}.zone: expected the name of a time zone (Asia/Shanghai), got {hours.zone!r}"
    if not hours.windows:
        return f"{field}.windows: expected at least one window"
    for place, window in enumerate(hours.windows):
        if window.begin in (window.end, "24:00"):
            return (
                f"{field}.windows[{place}]: expected an end that differs from the beginning (a whole day: 00:00, 24:00)"
            )
    return None


@lru_cache(maxsize=256)
def _minutes(windows: tuple[Window, ...]) -> tuple[tuple[int, int, frozenset[int]], ...]:
    return tuple(
        (_minute(one.begin), _minute(one.end), frozenset(DAYS.index(day) for day in one.days or DAYS))
        for one in windows
    )


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _edges(hours: Hours, at: int) -> Iterator[int]:
    """The instants after ``at`` at which a window begins or ends, in order, over the days to come."""
    zone = ZoneInfo(hours.zone)
    midnight = to_datetime(at).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    marks = sorted({mark for begin, end, _ in _minutes(hours.windows) for mark in (begin, end)})
    for day in range(_FAR):
        found = set()
        for mark in marks:
            wall = midnight + timedelta(days=day, minutes=mark)
            found |= {_instant(wall, zone, fold) for fold in (0, 1)}
        yield from (instant for instant in sorted(found) if instant > at)


def _instant(wall: datetime, zone: ZoneInfo, fold: int) -> int:
    return from_datetime(wall.replace(tzinfo=zone, fold=fold))
