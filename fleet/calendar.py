"""The calendar of duty: when a shift runs, when its breaks are, which service day an instant belongs to.

A shift keeps its wall-clock start: ``22:00`` is what the clock on the wall shows, in summer and in winter. Its length
is elapsed time: eight hours are eight hours of work on the night when clocks change, so it ends an hour later or
earlier by the wall. A start that the clock jumps over (02:30 on the last Sunday of March in Berlin) is as many minutes
after the jump as it would have been after the hour that is left out; one that comes twice is the first of the two. A
service day is named by the date on which its shift begins, though it may end on the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from devices.instants import from_datetime, to_datetime
from fleet.master.plan import Shift

MINUTE = 60_000_000
DAY = 86_400_000_000

Span = tuple[int, int]
"""``[start, end)`` in µs, UTC."""


class Duty(NamedTuple):
    """A shift on a service day."""

    shift: Shift
    on: date
    start: int
    end: int


def wall(on: date, minutes: int, zone: str) -> int:
    """The instant (µs) at which the clock on the wall shows so many minutes of the day ``on``; past 1,440 the next.

    A time that clocks jump over is read as if they had not jumped yet; of one that comes twice it is the first.
    """
    naive = datetime(on.year, on.month, on.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - gets its zone below
    return from_datetime(naive.replace(tzinfo=_zone(zone)).astimezone(UTC))


def day_span(on: date, zone: str) -> Span:
    """The local day, from midnight to midnight: 23 or 25 hours long when clocks change."""
    return wall(on, 0, zone), wall(on + timedelta(days=1), 0, zone)


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


def duties(shifts: Iterable[Shift], start: int, end: int) -> tuple[Duty, ...]:
    """Every running of these shifts that has something in common with ``[start, end)``, in the order of beginning."""
    found = [
        Duty(shift, on, *span(shift, on)) for shift in shifts for on in _dates(start, end, shift) if begins(shift, on)
    ]
    inside = (duty for duty in found if duty.start < end and duty.end > start)
    return tuple(sorted(inside, key=lambda duty: (duty.start, duty.end, duty.shift.id)))


def duty_at(shifts: Iterable[Shift], at: int) -> Duty | None:
    """The shift that runs at an instant; of several that overlap the one that began last. None: nobody is on duty."""
    running = duties(shifts, at, at + 1)
    return running[-1] if running else None


def _dates(start: int, end: int, shift: Shift) -> Iterator[date]:
    """The dates on which a shift may begin that has something in common with the span."""
    before = timedelta(days=shift.length // 1_440 + 1)
    on = local_date(start, shift.zone) - before
    last = local_date(max(start, end - 1), shift.zone)
    while on <= last:
        yield on
        on += timedelta(days=1)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
