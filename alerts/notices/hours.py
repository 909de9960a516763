"""Hours of the day on days of the week, in local time; they may reach past midnight."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo

import msgspec

from devices import instants

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
_FORM = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAY = 24 * 60


class Hours(msgspec.Struct, frozen=True):
    """From ``start`` to before ``end`` (minutes after midnight) on ``days`` (0 is Monday).

    With ``start`` after ``end`` they reach past midnight and belong to the day on which they begin.
    """

    start: int
    end: int
    days: frozenset[int] = EVERY_DAY

    def hold(self, instant: int, zone: tzinfo) -> bool:
        """Whether the instant (µs) lies within."""
        return self._began(instants.to_datetime(instant).astimezone(zone)) is not None

    def end_after(self, instant: int, zone: tzinfo) -> int | None:
        """When the hours that the instant lies in are over (µs); None when it lies in none.

        Hours that follow each other without a gap count as one span. An end that the clocks jump over in spring falls
        as long after the jump as it would have lain after its beginning.
        """
        over: int | None = None
        for _ in range(len(WEEKDAYS) + 1):
            began = self._began(instants.to_datetime(instant if over is None else over).astimezone(zone))
            if began is None:
                break
            day = began.date() + timedelta(days=self.end <= self.start or self.end == _DAY)
            last = datetime.combine(day, time(self.end // 60 % 24, self.end % 60), zone)
            ended = instants.from_datetime(last)
            if over is not None and ended <= over:
                break
            over = max(ended, instant + 1)
        return over

    def _began(self, local: datetime) -> datetime | None:
        """Some time on the day on which the hours that this lies in have begun."""
        minute = local.hour * 60 + local.minute
        overnight = self.start > self.end
        if minute >= self.start and (overnight or minute < self.end) and local.weekday() in self.days:
            return local
        before = local - timedelta(days=1)
        return before if overnight and minute < self.end and before.weekday() in self.days else None


def parse_hours(text: str, weekdays: Iterable[str] = ()) -> Hours:
    """``22:00-07:00``, on all days or those named. Raises ValueError that says what was expected."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} are no hours; expected such as 08:00-17:30 or 22:00-07:00")
    numbers = [int(part) for part in found.groups()]
    start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if start >= _DAY or end > _DAY:
        raise ValueError(f"{text!r}: the last minute begins at 23:59, and the day ends at 24:00")
    if start == end:
        raise ValueError(f"{text!r} begin and end at once; leave them out for the whole day, or write 00:00-24:00")
    return Hours(start, end, parse_weekdays(weekdays))


def parse_weekdays(names: Iterable[str]) -> frozenset[int]:
    """Numbers of the days named; all seven when none is. Raises ValueError."""
    days = frozenset(_weekday(name) for name in names)
    return days or EVERY_DAY


def _weekday(name: str) -> int:
    try:
        return WEEKDAYS.index(name)
    except ValueError:
        raise ValueError(f"{name!r} is no weekday; expected one of {', '.join(WEEKDAYS)}") from None
