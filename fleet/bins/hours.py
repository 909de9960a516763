"""Hours of the local week: the grid on which bins fill and are emptied."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fleet.track import Instants

HOUR = 3_600_000_000
DAY = 24 * HOUR
WEEK_HOURS = 168

Cells = NDArray[np.int64]


@lru_cache(maxsize=100_000)
def offset(hour: int, zone: str) -> int:
    """How far (µs) local time is ahead of UTC in an hour, numbered from 1970 on."""
    ahead = datetime.fromtimestamp(hour * 3_600, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds()) * 1_000_000


def cells(at: Instants, zone: str) -> Cells:
    """The hour of the local week (Monday midnight 0, 167 the last) of each instant."""
    hours = at // HOUR
    distinct, place = np.unique(hours, return_inverse=True)
    ahead = np.array([offset(int(hour), zone) for hour in distinct], np.int64)[place] if len(at) else at
    local = at + ahead
    weekday = (local // DAY + 3) % 7  # 1970-01-01 was a Thursday
    return weekday * 24 + local % DAY // HOUR


def cell(at: int, zone: str) -> int:
    """The hour of the local week of one instant."""
    local = at + offset(at // HOUR, zone)
    return (local // DAY + 3) % 7 * 24 + local % DAY // HOUR
