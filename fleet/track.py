"""What was driven, as columns: positions and readings of a device over a span, in the order of device time.

Columns, because a month of a fleet is ten million positions. Instants are int64, microseconds since 1970 UTC; positions
WGS-84 degrees; what is not known is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Instants = NDArray[np.int64]
Column = NDArray[np.float64]


class Track(NamedTuple):
    """Valid positions, strictly ascending in ``at``: one for each instant, the one with the greatest ``seq``."""

    at: Instants
    lat: Column
    lon: Column
    speed_kmh: Column
    heading_deg: Column


class Signal(NamedTuple):
    """Readings of one metric, ascending in ``at``. A value holds until the next one."""

    at: Instants
    value: Column


class Driven(NamedTuple):
    """A device over ``[start, end)``: its track, its signals by metric, and its events (kind, at, attributes).

    Of each signal the last value before ``start`` is included, at its own instant.
    """

    device: str
    start: int
    end: int
    track: Track
    signals: Mapping[str, Signal]
    events: tuple[tuple[str, int, Mapping[str, object]], ...] = ()


def empty_track() -> Track:
    """No positions."""
    none = np.empty(0)
    return Track(np.empty(0, np.int64), none, none, none, none)


def in_order(signal: Signal) -> Signal:
    """A signal in the order of its instants; of several values at one instant the greatest, as in the whole hub."""
    at, value = signal
    if len(at) > 1 and not (np.diff(at) > 0).all():
        order = np.lexsort((value, at))
        order = order[np.append(np.diff(at[order]) > 0, True)]
        at, value = at[order], value[order]
    return Signal(at, value)
