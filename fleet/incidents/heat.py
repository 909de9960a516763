"""Where and how often: incidents counted over cells of a grid, by area, category, hour and weekday.

The grid is square in metres at the middle of what is counted: a cell's height is ``cell_m`` along the meridian, its
width the same at that latitude, so that the cells of one answer join without gaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from math import cos, floor, radians

import msgspec

M_PER_DEGREE = 111_320.0  #: along a meridian, and along the equator (WGS-84, to a part in a hundred)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Spot(msgspec.Struct, frozen=True):
    """What is counted of an incident."""

    lat: float
    lon: float
    seen_at: int
    category: str
    area: str | None


class Cell(msgspec.Struct, frozen=True):
    """A cell with incidents: its corners (degrees), how many, how many of each category."""

    west: float
    south: float
    east: float
    north: float
    count: int
    categories: Mapping[str, int]


class Heat(msgspec.Struct, frozen=True):
    """Counts; ``hours`` has 24, ``weekdays`` seven (Monday first), both of the local time. Cells: the most first."""

    total: int
    cells: tuple[Cell, ...]
    categories: Mapping[str, int]
    areas: Mapping[str, int]
    hours: tuple[int, ...]
    weekdays: tuple[int, ...]


def count(spots: Iterable[Spot], *, cell_m: float, zone: tzinfo) -> Heat:
    """Count ``spots`` over cells of ``cell_m`` metres. Their order changes nothing."""
    found = sorted(spots, key=lambda spot: (spot.lat, spot.lon, spot.seen_at, spot.category))
    middle = found[len(found) // 2].lat if found else 0.0
    high = cell_m / M_PER_DEGREE
    wide = high / max(cos(radians(middle)), 0.01)
    cells: dict[tuple[int, int], Counter[str]] = {}
    for spot in found:
        cells.setdefault((floor(spot.lon / wide), floor(spot.lat / high)), Counter())[spot.category] += 1
    hours, weekdays = [0] * 24, [0] * 7
    for spot in found:
        local = (_EPOCH + timedelta(microseconds=spot.seen_at)).astimezone(zone)
        hours[local.hour] += 1
        weekdays[local.weekday()] += 1
    made = (
        Cell(x * wide, y * high, (x + 1) * wide, (y + 1) * high, kinds.total(), dict(sorted(kinds.items())))
        for (x, y), kinds in cells.items()
    )
    return Heat(
        len(found),
        tuple(sorted(made, key=lambda cell: (-cell.count, cell.south, cell.west))),
        dict(Counter(spot.category for spot in found).most_common()),
        dict(Counter(spot.area or "" for spot in found).most_common()),
        tuple(hours),
        tuple(weekdays),
    )
