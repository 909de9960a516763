"""Times of reception: no two frames of a source share one, and a clock that was set back is followed."""

from __future__ import annotations

from time import time_ns

NEAR_US = 1_000_000  #: the clock may seem so far behind the last stamp by many frames at once, or by being slewed


def following(now: int, last: int) -> int:
    """The next instant after ``last`` (µs) by a clock that shows ``now``.

    A clock that lies far behind was set back. Stamps that went on from the last one would lie ahead of the time until
    it has caught up, which may take hours.
    """
    return now if now > last or now < last - NEAR_US else last + 1


class Stamps:
    """The stamps of one source, µs since 1970."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """The time of reception of a frame that is taken now."""
        return self.run(1)

    def run(self, count: int) -> int:
        """The first of as many stamps, one after the other, for frames that are taken together."""
        first = following(time_ns() // 1_000, self._last)
        self._last = first + count - 1
        return first
