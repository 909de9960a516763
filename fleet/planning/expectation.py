"""What bins are expected to hold: by a forecast where there is one, else by what was measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from fleet.planning.demands import BinLevel, straight
from fleet.track import Signal


class Foretold:
    """``fleet.planning.demands.ExpectedFill`` over forecasts by bin: how each goes on if nobody comes.

    Between the instants of a forecast the level rises evenly; before the first and after the last it stands.
    """

    def __init__(self, courses: Mapping[str, Signal]) -> None:
        self._courses = courses

    @property
    def bins(self) -> Collection[str]:
        """The bins that there is a forecast for."""
        return self._courses.keys()

    def __call__(self, level: BinLevel, at: int) -> float:
        """The expected fill at an instant (µs), in percent."""
        course = self._courses.get(level.bin)
        if course is None:
            return straight(level, at)
        return float(np.interp(at, course.at, course.value))
