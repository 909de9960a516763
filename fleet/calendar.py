"""The calendar of duty: when a shift runs, when its breaks are, which date an instant is of.

A shift keeps its wall-clock start: ``22:00`` is what the clock on the wall shows, in summer and in winter. Its length
is elapsed time: eight hours are eight hours of work on the night when clocks change, so it ends an hour later or
earlier by the wall. A start that the clock jumps over (02:30 on the last Sunday of March in Berlin) is as many minutes
after the jump as it would have been after the hour that is left out; one that comes twice is the first of the two. A
service day is named by the date on which its shift begins, though it may end on the next.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from devices.instants import from_datetime, to_datetime
from fleet.master.plan import Shift

MINUTE = 60_000_000

Span = tuple[int, int]
"""``[start, end)`` in µs, UTC."""


def wall(on: date, minutes: int, zone: str) -> int:
    """The instant (µs) at which the clock on the wall shows so many minutes of the day ``on``; past 1,440 the next.

    A time that clocks jump over is read as if they had not jumped yet; of one that comes twice it is the first.
    """
    naive = datetime(on.year, on.month, on.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - gets its zone below
    return from_datetime(naive.replace(tzinfo=_zone(zone)).astimezone(UTC))


def local_date(at: int, zone: str) -> date:
    """The date that a calendar on the wall shows at an instant."""
    return to_datetime(at).astimezone(_zone(zone)).date()


def begins(shift: Shift, on: date) -> bool:
    """Whether the shift begins on a date."""
    return on.weekday() in shift.weekdays


def span(shift: Shift, on: date) -> Span:
    """When the shift of a service day runs. The day of the week is not asked: see :func:`begins`."""
    start = wall(on, shift.start, shift.zone)
    return start, start + shift.length * MINUTE


def breaks(shift: Shift, on: date) -> tuple[Span, ...]:
    """The breaks of a service day, in their order: elapsed time from the beginning of the shift."""
    start, _ = span(shift, on)
    return tuple((start + begin * MINUTE, start + (begin + length) * MINUTE) for begin, length in sorted(shift.breaks))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
