"""Lines for maps: a piece of a line by metres, and fewer points where none would see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.reports.document import Point
from fleet.track import Track

_M_PER_DEGREE = 111_195.0
_GAP_US = 300_000_000  #: a track is drawn in pieces where nothing is known for longer

Columns = NDArray[np.float64]


def metres(points: Columns) -> Columns:
    """Metres from the beginning of a line to each of its points (longitude, latitude)."""
    if len(points) < 2:
        return np.zeros(len(points))
    shrink = np.cos(np.radians(points[:, 1].mean()))
    steps = np.diff(points, axis=0) * (_M_PER_DEGREE * shrink, _M_PER_DEGREE)
    return np.concatenate(([0.0], np.hypot(steps[:, 0], steps[:, 1]).cumsum()))


def piece(line: tuple[Point, ...], begin_m: float, end_m: float) -> tuple[Point, ...]:
    """The part of a line between two distances along it."""
    points = np.asarray(line, dtype=float).reshape(-1, 2)
    along = metres(points)
    begin, end = (float(np.clip(one, 0.0, along[-1] if len(along) else 0.0)) for one in (begin_m, end_m))
    if end <= begin:
        return ()
    inside = points[(along > begin) & (along < end)]
    ends = [[np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])] for at in (begin, end)]
    return as_points(np.vstack((ends[:1], inside, ends[1:])))


def track_lines(track: Track, tolerance_m: float = 8.0, gap_us: int = _GAP_US) -> tuple[tuple[Point, ...], ...]:
    """A track as lines, parted at gaps, thinned by Douglas and Peucker's way to what a map of a city can show."""
    if not len(track.at):
        return ()
    points = np.column_stack((track.lon, track.lat))
    cuts = np.flatnonzero(np.diff(track.at) > gap_us) + 1
    return tuple(as_points(thinned(one, tolerance_m)) for one in np.split(points, cuts) if len(one) > 1)


def thinned(points: Columns, tolerance_m: float) -> Columns:
    """Fewer points, no farther than ``tolerance_m`` from the line that they make."""
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    shrink = np.cos(np.radians(points[:, 1].mean()))
    flat = points * (_M_PER_DEGREE * shrink, _M_PER_DEGREE)
    waiting = [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        away = _distances(flat[first + 1 : last], flat[first], flat[last])
        farthest = int(away.argmax())
        if away[farthest] > tolerance_m:
            middle = first + 1 + farthest
            keep[middle] = True
            waiting += [(first, middle), (middle, last)]
    return points[keep]


def _distances(points: Columns, begin: Columns, end: Columns) -> Columns:
    """From points to the piece of line between two others."""
    along = end - begin
    square = float(along @ along)
    share = np.clip((points - begin) @ along / square, 0, 1) if square else np.zeros(len(points))
    gone: Columns = points - (begin + share[:, None] * along)
    return np.hypot(gone[:, 0], gone[:, 1])


def as_points(points: Columns) -> tuple[Point, ...]:
    """Rounded to a decimetre or so: a document holds no more digits than mean something."""
    return tuple((round(float(lon), 6), round(float(lat), 6)) for lon, lat in points)
