"""A window of what was driven, in order."""

from __future__ import annotations

import numpy as np

from fleet.compliance.cleaning import picked
from fleet.track import Driven, Signal, in_order


def ordered(driven: Driven) -> Driven:
    """The same in the order of device time, whatever order it came in.

    Of several values of a signal at one instant the greatest counts, as everywhere in the hub.
    """
    track = driven.track
    if len(track.at) > 1 and (np.diff(track.at) < 0).any():
        track = picked(track, np.argsort(track.at, kind="stable"))
    signals = {name: in_order(signal) for name, signal in driven.signals.items()}
    events = tuple(sorted(driven.events, key=lambda one: (one[1], one[0])))
    return driven._replace(track=track, signals=signals, events=events)


def within(driven: Driven, begin: int, end: int) -> Driven:
    """What was driven in [begin, end), of what is in order; of each signal also the last value before."""
    low, high = np.searchsorted(driven.track.at, (begin, end))
    signals = {}
    for name, signal in driven.signals.items():
        first, last = np.searchsorted(signal.at, (begin, end))
        first = max(first - 1, 0)
        signals[name] = Signal(signal.at[first:last], signal.value[first:last])
    events = tuple(one for one in driven.events if begin <= one[1] < end)
    return Driven(driven.device, begin, end, picked(driven.track, slice(low, high)), signals, events)
