"""Signals as functions of time: each value holds until the next one, but for so long at most; then there is no data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.track import Signal


class Held(NamedTuple):
    """A signal as a function of time: what it sums to, and how much of the time is known, up to each node."""

    at: NDArray[np.float64]
    sum: NDArray[np.float64]
    known: NDArray[np.float64]

    def between(self, edges: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum and known µs between neighbouring edges."""
        if not len(self.at):
            zeros = np.zeros(len(edges) - 1)
            return zeros, zeros
        return np.diff(np.interp(edges, self.at, self.sum)), np.diff(np.interp(edges, self.at, self.known))


def held(signal: Signal, start: int, end: int, hold_us: int) -> Held:
    """The signal within a span, each value held until the next one or for ``hold_us``."""
    if not len(signal.at):
        return Held(*(np.empty(0),) * 3)
    begin = signal.at.astype(np.float64)
    until = np.minimum(np.append(begin[1:], end), begin + hold_us)
    begin, until = np.clip(begin, start, end), np.clip(until, start, end)
    length = np.maximum(until - begin, 0.0)
    at = np.column_stack((begin, np.maximum(until, begin))).ravel()
    steps = np.column_stack((np.zeros(len(length)), length)).ravel()
    worth = np.column_stack((np.zeros(len(length)), length * signal.value)).ravel()
    return Held(at, worth.cumsum(), steps.cumsum())


def bounds(start: int, end: int, width: int) -> NDArray[np.float64]:
    """The bounds of pieces of a span, ``width`` µs each; the last may be shorter."""
    return np.append(np.arange(start, end, width, dtype=np.float64), float(end))
