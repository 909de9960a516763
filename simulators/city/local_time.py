"""The city's local time: hours, weekdays and shifts, which people keep and devices do not."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from simulators.city.observation import SECOND

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
MINUTE = 60 * SECOND
ZONE = "Asia/Shanghai"


class LocalTime:
    """Conversion of instants (µs, UTC) to local hours and weekdays. The zone's offset is looked up once an hour."""

    def __init__(self, zone: str = ZONE) -> None:
        self._zone = ZoneInfo(zone)
        self._hour = -1
        self._offset = 0

    def offset(self, at: int) -> int:
        """How far local time is ahead of UTC at ``at``, in µs."""
        hour = at // HOUR
        if hour != self._hour:
            ahead = datetime.fromtimestamp(at // SECOND, UTC).astimezone(self._zone).utcoffset()
            self._offset = 0 if ahead is None else int(ahead.total_seconds()) * SECOND
            self._hour = hour
        return self._offset

    def hour(self, at: int) -> float:
        """Local hour of the day, 0 <= hour < 24, with its fraction."""
        return ((at + self.offset(at)) % DAY) / HOUR

    def weekday(self, at: int) -> int:
        """Local day of the week, Monday 0 (1970-01-01 was a Thursday)."""
        return int(((at + self.offset(at)) // DAY + 3) % 7)

    def midnight(self, at: int) -> int:
        """The instant at which the local day of ``at`` began."""
        offset = self.offset(at)
        return (at + offset) // DAY * DAY - offset


class Shift:
    """A span of duty, µs: ``begin`` <= t < ``end``."""

    __slots__ = ("begin", "end")

    def __init__(self, begin: int, end: int) -> None:
        self.begin = begin
        self.end = end


def shift_at(clock: LocalTime, at: int, windows: tuple[tuple[int, int], ...]) -> Shift:
    """The shift that runs at ``at``, or else the next one.

    ``windows`` are (start, length) pairs in minutes of the local day; a window may run past midnight.
    """
    midnight = clock.midnight(at)
    spans = [
        (midnight + day * DAY + start * MINUTE, midnight + day * DAY + (start + length) * MINUTE)
        for day in (-1, 0, 1, 2)
        for start, length in windows
    ]
    begin, end = min(span for span in spans if span[1] > at)
    return Shift(begin, end)
