"""What may have been worked while there was no data: which pieces of the lines, and how often.

"Missed" is a claim against somebody, and has to be certain: a piece is missed only where the vehicle is known to have
been elsewhere, or could not have been there. What it could have done in a gap follows from where it vanished and where
it appeared: it drove no faster than ``reach_kmh``; and if it vanished and appeared on the lines, it did not get
farther along them, and came no other way, than the time between allows.
"""

from __future__ import annotations

import numpy as np

from fleet.compliance.course import Course
from fleet.compliance.coverage import Possible
from fleet.compliance.matching import Matched
from fleet.compliance.result import Gap
from fleet.compliance.settings import Settings
from fleet.compliance.steps import Steps
from fleet.geometry.plane import Metres
from fleet.master.route import Route

PIECE_M = 25.0
"""The lines are looked at in pieces of about so many metres."""
SHORT_S = 600.0
NO_SPARE = 0.7
"""Who got as far along the lines as this share of his usual pace had no time to be elsewhere."""
HALT_US = 120_000_000
"""How long before or after a gap a vehicle on the lines may have halted."""
STAYED_M = 50.0
"""Who is found within so many metres of where he vanished, in less than ten minutes, stood there."""


def possible(
    gaps: tuple[Gap, ...], made: Steps, matched: Matched, course: Course, route: Route, settings: Settings
) -> Possible:
    """The pieces that may have been worked in the gaps."""
    begins, ends, times = [], [], []
    if gaps and len(course.lines.x0):
        pieces, pace = _pieces(course), _pace(matched)
        low, high = pieces[:2]
        for gap in gaps:
            reached = _reached(gap, made, matched, pieces, pace, route, settings)
            edges = np.diff(np.concatenate(([0], reached.astype(np.int8), [0])))
            first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
            begins.append(low[first])
            ends.append(high[last])
            often = 1 + int(_way((gap.end - gap.start) / 1e6, route, settings) / max(course.lines.total_m, 1.0))
            times.append(np.full(len(first), often))
    if not begins:
        return Possible(np.empty(0), np.empty(0), np.empty(0, np.int64))
    return Possible(np.concatenate(begins), np.concatenate(ends), np.concatenate(times))


def _vanished(matched: Matched, at: int) -> float | None:
    """Where on the lines it was driving last before an instant; None if it was elsewhere."""
    runs = matched.runs
    ends = runs.at[runs.starts[1:] - 1]
    some = np.flatnonzero((ends <= at) & (ends >= at - HALT_US) & (runs.direction > 0))
    return float(runs.end[some[np.argmax((runs.end - runs.begin)[some])]]) if len(some) else None


def _appeared(matched: Matched, at: int) -> float | None:
    """Where on the lines it was driving first after an instant; None if it was elsewhere."""
    runs = matched.runs
    begins = runs.at[runs.starts[:-1]]
    some = np.flatnonzero((begins >= at) & (begins <= at + HALT_US) & (runs.direction > 0))
    return float(runs.begin[some[np.argmax((runs.end - runs.begin)[some])]]) if len(some) else None


def _way(seconds: float, route: Route, settings: Settings) -> float:
    """How far along the lines it can have got."""
    return min(route.work_max_kmh, settings.reach_kmh) / 3.6 * seconds + route.tolerance_m


def _pace(matched: Matched) -> float:
    """How fast this vehicle got on along the lines in this shift, halts included (m/s)."""
    runs = matched.runs
    if not len(runs.begin):
        return 0.0
    seconds = (runs.at[runs.starts[1:] - 1] - runs.at[runs.starts[:-1]]) / 1e6
    return float((runs.end - runs.begin).sum() / max(seconds.sum(), 1.0))


def _pieces(course: Course) -> tuple[Metres, Metres, Metres, Metres]:
    """Begin, end (measures) and middle (x, y) of pieces of all segments, in the order of the measure."""
    lines = course.lines
    counts = np.maximum(1, np.ceil(lines.length / PIECE_M)).astype(np.int64)
    segment = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (place + 0.5) / counts[segment]
    low = lines.along[segment] + place / counts[segment] * lines.length[segment]
    high = lines.along[segment] + (place + 1) / counts[segment] * lines.length[segment]
    x = lines.x0[segment] + share * (lines.x1 - lines.x0)[segment]
    y = lines.y0[segment] + share * (lines.y1 - lines.y0)[segment]
    # Exactly where the next piece begins, so that neighbours touch.
    high[:-1] = np.where(np.abs(low[1:] - high[:-1]) < 1e-6, low[1:], high[:-1])
    return low, high, x, y


def _reached(
    gap: Gap,
    made: Steps,
    matched: Matched,
    pieces: tuple[Metres, Metres, Metres, Metres],
    pace: float,
    route: Route,
    settings: Settings,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    low, high, x, y = pieces
    seconds = (gap.end - gap.start) / 1e6
    before = int(np.searchsorted(made.at, gap.start, "right")) - 1
    after = int(np.searchsorted(made.at, gap.end, "left"))
    reach = settings.reach_kmh / 3.6 * seconds + route.tolerance_m
    there = np.hypot(x - made.x[before], y - made.y[before]) if before >= 0 else np.zeros(len(x))
    back = np.hypot(x - made.x[after], y - made.y[after]) if after < len(made.at) else np.zeros(len(x))
    reached: np.ndarray[tuple[int], np.dtype[np.bool_]] = there + back <= reach
    if before < 0 or after >= len(made.at):
        # At the edge of the shift: whoever stood at the one end that is known, stood for some minutes more.
        stood = len(made.moving) and not made.moving[0 if before < 0 else -1]
        return np.zeros(len(x), bool) if stood and seconds < SHORT_S else reached
    apart = float(np.hypot(made.x[after] - made.x[before], made.y[after] - made.y[before]))
    if apart < STAYED_M and seconds < SHORT_S:
        return np.zeros(len(x), bool)
    own, others = _vanished(matched, int(made.at[before])), _appeared(matched, int(made.at[after]))
    if own is None or others is None:
        return reached
    forth = others - own
    least = 0.0 if seconds < SHORT_S else NO_SPARE * pace * seconds
    if least < forth <= _way(seconds, route, settings):
        # It went on along the lines, and there was no time for anything else.
        reached &= (high > own) & (low < others)
    return reached
