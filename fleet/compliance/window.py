"""A window of what was driven."""

from __future__ import annotations

import numpy as np

from fleet.compliance.cleaning import picked
from fleet.track import Driven, Signal


def within(driven: Driven, begin: int, end: int) -> Driven:
    """What was driven in [begin, end); of each signal also the last value before. In order, whatever came in.

    Of several values of a signal at one instant the greatest counts, as everywhere in the hub.
    """
    at = driven.track.at
    if len(at) > 1 and (np.diff(at) < 0).any():
        order = np.argsort(at, kind="stable")
        track = picked(driven.track, order)
    else:
        track = driven.track
    low, high = np.searchsorted(track.at, (begin, end))
    track = picked(track, slice(low, high))
    signals = {name: _within(signal, begin, end) for name, signal in driven.signals.items()}
    events = tuple(sorted((one for one in driven.events if begin <= one[1] < end), key=lambda one: (one[1], one[0])))
    return Driven(driven.device, begin, end, track, signals, events)


def _within(signal: Signal, begin: int, end: int) -> Signal:
    at, value = signal
    if len(at) > 1 and not (np.diff(at) > 0).all():
        order = np.lexsort((value, at))
        at, value = at[order], value[order]
        last = np.concatenate((np.diff(at) > 0, [True]))
        at, value = at[last], value[last]
    low, high = np.searchsorted(at, (begin, end))
    return Signal(at[max(low - 1, 0) : high], value[max(low - 1, 0) : high])
