"""What late data change in the known emptyings of a bin: which appear, and which were none."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from fleet.bins.emptying import Emptying
from fleet.track import Signal

HOUR = 3_600_000_000
DAY = 24 * HOUR
LEAD = DAY  #: a fall depends on what was within half a day before it, and on the few readings before that
LONG_LEAD = 8 * DAY  #: of bins that report seldom
LEAST_LEAD = 12  #: readings before a change; with fewer, a bin reports seldom
LAG = DAY  #: so far ahead there is a second reading, and what a device tells of a fall
READINGS_BACK = 3  #: a reading may confirm a fall that came so many readings before
LEAST_BACK = HOUR // 2  #: and a device's word one that lies half an hour back


class Span(msgspec.Struct, frozen=True):
    """What is read again, ``(begin, end]`` (µs); the emptyings of its part ``(since, end]`` are known anew."""

    begin: int
    since: int
    end: int


class Revision(msgspec.Struct, frozen=True):
    """Emptyings that came, and that went; one that moved did both."""

    appeared: tuple[Emptying, ...]
    vanished: tuple[Emptying, ...]


def reports_seldom(fill: Signal, first: int) -> bool:
    """Whether the readings ``fill`` of the usual lead before ``first`` (µs) are too few to begin with."""
    return int(np.searchsorted(fill.at, first)) < LEAST_LEAD


def span_around(fill: Signal, first: int, last: int, lead: int = LEAD) -> Span:
    """The span of a bin whose history ``fill`` changed from ``first`` to ``last`` (µs, device time)."""
    place = max(0, int(np.searchsorted(fill.at, first)) - READINGS_BACK)
    since = min(int(fill.at[place]) - 1 if len(fill.at) else first, first - LEAST_BACK)
    return Span(first - lead, max(since, first - lead), last + LAG)


def revised(known: Sequence[Emptying], found: Sequence[Emptying], span: Span) -> Revision:
    """Hold what is known against what the history shows now; outside of the span nothing is said."""
    before = {one for one in known if span.since < one.until <= span.end}
    now = {one for one in found if span.since < one.until <= span.end}
    by_time = sorted(now - before, key=lambda one: (one.at, one.until)), sorted(before - now, key=lambda one: one.at)
    return Revision(tuple(by_time[0]), tuple(by_time[1]))
