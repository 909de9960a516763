"""Lines as columns of straight segments, with one measure along all of them.

Lines that follow one another end to begin are one chain: along a chain the measure runs on, so that where a line is
split changes nothing. Between chains the measure leaps, and no vehicle can seem to drive across.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.geometry.plane import Metres, Plane
from fleet.master.route import Line

JOINED_M = 1.0
"""An end and a beginning that are nearer than this are one place."""
LEAP_M = 1_000_000.0


class Polylines(NamedTuple):
    """Segments from (x0, y0) to (x1, y1) of ``length`` metres each; ``along`` is the measure of their beginning.

    ``line`` says of which line a segment is. ``begins`` and ``ends`` are measures of the lines, ``chain_begins`` and
    ``chain_ends`` those of the chains.
    """

    x0: Metres
    y0: Metres
    x1: Metres
    y1: Metres
    length: Metres
    along: Metres
    line: NDArray[np.int64]
    begins: Metres
    ends: Metres
    chain_begins: Metres
    chain_ends: Metres

    @property
    def total_m(self) -> float:
        """Metres of all lines."""
        return float(self.length.sum())

    def point(self, along: float) -> tuple[float, float]:
        """The point of the plane at a measure; the nearest end for one that is on no line."""
        at = max(0, int(np.searchsorted(self.along, along, "right")) - 1)
        share = min(1.0, max(0.0, (along - self.along[at]) / self.length[at]))
        x = self.x0[at] + share * (self.x1[at] - self.x0[at])
        return float(x), float(self.y0[at] + share * (self.y1[at] - self.y0[at]))

    def measure(self, driven_m: float) -> float:
        """The measure so many metres from the beginning, all lines driven one after another."""
        lengths = self.ends - self.begins
        before = np.concatenate(([0.0], np.cumsum(lengths)))
        line = int(np.clip(np.searchsorted(before, driven_m, "right") - 1, 0, len(lengths) - 1))
        return float(self.begins[line] + min(driven_m - before[line], lengths[line]))


def polylines(lines: Sequence[Line], plane: Plane) -> Polylines:
    """The lines on a plane. Points that lie on one another are one; a line without length has no segment."""
    parts: list[tuple[Metres, Metres, Metres, Metres]] = []
    numbers, alongs, begins, ends = [], [], [], []
    chain_begins: list[float] = []
    chain_ends: list[float] = []
    measure, last = 0.0, None
    for number, line in enumerate(lines):
        x, y = plane.metres(np.array([p[0] for p in line]), np.array([p[1] for p in line]))
        kept = np.concatenate(([True], np.hypot(np.diff(x), np.diff(y)) > 0)) if len(x) else np.empty(0, bool)
        x, y = x[kept], y[kept]
        length = np.hypot(np.diff(x), np.diff(y))
        joined = last is not None and len(x) and np.hypot(x[0] - last[0], y[0] - last[1]) < JOINED_M
        if len(length) and not joined:
            if last is not None:
                chain_ends.append(measure)
                measure += LEAP_M
            chain_begins.append(measure)
        begins.append(measure)
        if len(length):
            alongs.append(measure + np.concatenate(([0.0], np.cumsum(length)[:-1])))
            parts.append((x[:-1], y[:-1], x[1:], y[1:]))
            numbers.append(np.full(len(length), number))
            measure += float(length.sum())
            last = (float(x[-1]), float(y[-1]))
        ends.append(measure)
    if last is not None:
        chain_ends.append(measure)
    x0, y0, x1, y1 = (np.concatenate([part[i] for part in parts]) if parts else np.empty(0) for i in range(4))
    return Polylines(
        x0,
        y0,
        x1,
        y1,
        np.hypot(x1 - x0, y1 - y0),
        np.concatenate(alongs) if alongs else np.empty(0),
        np.concatenate(numbers) if numbers else np.empty(0, np.int64),
        np.array(begins),
        np.array(ends),
        np.array(chain_begins),
        np.array(chain_ends),
    )
