"""A track without what cannot be: positions at (0, 0), out of the world, or farther away than anybody can drive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.compliance.settings import Settings
from fleet.geometry.plane import plane_at
from fleet.track import Column, Instants, Track

SLACK_M = 25.0
"""What two fixes may be apart from their errors alone."""
PULL = 0.3
"""m/s²: how much farther than its reported speeds a vehicle may come; a quarter of its acceleration, there and back."""
PATIENCE_S = 120.0
"""After so long without a plausible fix the next one is believed, wherever it is."""


def clean(track: Track, settings: Settings) -> Track:
    """The plausible part of a track, in order of time; of several fixes at one instant the last.

    Order does not matter, and what is there twice is there once. A fix is implausible when it is farther from the last
    plausible one than both reported speeds allow for (or ``greatest_kmh``, where there are none).
    """
    track = _in_order(track)
    sound = (np.abs(track.lat) <= 90) & (np.abs(track.lon) <= 180)
    sound &= (np.abs(track.lat) > 1e-6) | (np.abs(track.lon) > 1e-6)
    if not sound.all():
        track = picked(track, sound)
    if len(track.at) < 2:
        return track
    x, y = plane_at(float(track.lon[0]), float(track.lat[0])).metres(track.lon, track.lat)
    leaps = _too_far(track.at, x, y, track.speed_kmh, settings)
    return picked(track, _followed(track, x, y, leaps, settings)) if leaps.any() else track


def picked(track: Track, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Track:
    """Some of the positions of a track, or all in another order."""
    return Track(track.at[which], track.lat[which], track.lon[which], track.speed_kmh[which], track.heading_deg[which])


def _in_order(track: Track) -> Track:
    if len(track.at) > 1 and not (np.diff(track.at) > 0).all():
        order = np.lexsort((track.speed_kmh, track.lon, track.lat, track.at))
        track = picked(track, order)
        track = picked(track, np.concatenate((np.diff(track.at) > 0, [True])))
    return track


def _too_far(at: Instants, x: Column, y: Column, speed_kmh: Column, settings: Settings) -> NDArray[np.bool_]:
    """For each step whether it is longer than can be driven."""
    seconds = np.diff(at) / 1e6
    fast = np.fmax(speed_kmh[:-1], speed_kmh[1:])
    allowed = _allowed(seconds, fast, settings)
    return np.asarray(np.hypot(np.diff(x), np.diff(y)) > allowed)


def _allowed(seconds: Column, fast_kmh: Column, settings: Settings) -> Column:
    most = settings.greatest_kmh / 3.6 * seconds + SLACK_M
    told = fast_kmh / 3.6 * seconds + PULL * seconds**2 + SLACK_M
    return np.fmin(most, told)


def _followed(track: Track, x: Column, y: Column, leaps: NDArray[np.bool_], settings: Settings) -> NDArray[np.bool_]:
    """Follow the track where it leaps, from the last plausible fix on; leaps are few, so this may be a loop."""
    kept = np.ones(len(x), bool)
    leaping = np.flatnonzero(leaps) + 1
    done = 0
    for begin in leaping.tolist():
        if begin < done:
            continue
        last = begin - 1
        at = begin
        while at < len(x):
            seconds = (track.at[at] - track.at[last]) / 1e6
            fast = np.fmax(track.speed_kmh[at], track.speed_kmh[last])
            far = np.hypot(x[at] - x[last], y[at] - y[last])
            if seconds > PATIENCE_S or far <= _allowed(seconds, fast, settings):
                break
            kept[at] = False
            at += 1
        done = at + 1
    return kept
