"""A track without what cannot be: positions at (0, 0), out of the world, or farther away than anybody can drive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.compliance.settings import Settings
from fleet.geometry.plane import plane_at
from fleet.track import Column, Instants, Track

SLACK_M = 15.0
"""What two fixes may be apart from their errors alone."""
PULL = 0.25
"""A quarter of an acceleration of 1 m/s²: standing at both ends, a vehicle comes so far times the time squared."""
FAR_M = 1e9
PATIENCE_S = 120.0
"""After so long without a plausible fix the next one is believed, wherever it is."""
WINDOW = 8
LOOK_BACK = 40
"""Fixes about a leap, and before a fix, that are looked at."""


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
    reach = _reach(track, settings)
    leaps = np.hypot(np.diff(x), np.diff(y)) > np.diff(reach) + SLACK_M
    return picked(track, _followed(track, x, y, reach, leaps)) if leaps.any() else track


def picked(track: Track, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Track:
    """Some of the positions of a track, or all in another order."""
    return Track(track.at[which], track.lat[which], track.lon[which], track.speed_kmh[which], track.heading_deg[which])


def _in_order(track: Track) -> Track:
    if len(track.at) > 1 and not (np.diff(track.at) > 0).all():
        order = np.lexsort((track.speed_kmh, track.lon, track.lat, track.at))
        track = picked(track, order)
        track = picked(track, np.concatenate((np.diff(track.at) > 0, [True])))
    return track


def _reach(track: Track, settings: Settings) -> Column:
    """How far a vehicle can have come by each fix, since the first: a sum over all steps, also of fixes that lie.

    Receivers take the speed from the shift of frequencies, and it is right where the position is not.
    """
    seconds = np.diff(track.at) / 1e6
    fast = np.fmax(track.speed_kmh[:-1], track.speed_kmh[1:]) / 3.6
    told = fast * seconds + PULL * seconds**2
    most = settings.greatest_kmh / 3.6 * seconds
    return np.concatenate(([0.0], np.cumsum(np.where(seconds > PATIENCE_S, FAR_M, np.fmin(told, most)))))


def _followed(track: Track, x: Column, y: Column, reach: Column, leaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the track leaps, keep the fixes that can best have been driven from one to the next; drop the others.

    Leaps are few; about each a window is looked at by itself.
    """
    kept = np.ones(len(x), bool)
    at = np.flatnonzero(leaps)
    for near in np.split(at, np.flatnonzero(np.diff(at) > WINDOW) + 1):
        some = slice(max(0, int(near[0]) - WINDOW), min(len(x), int(near[-1]) + WINDOW + 2))
        kept[some] = _likeliest(track.at[some], x[some], y[some], reach[some])
    return kept


def _likeliest(at: Instants, x: Column, y: Column, reach: Column) -> NDArray[np.bool_]:
    """The chain of fixes, each within reach of the one before, that is longest and strains the reach least."""
    worth = np.ones(len(at))
    before = np.full(len(at), -1)
    for i in range(1, len(at)):
        j = np.arange(max(0, i - LOOK_BACK), i)
        strain = np.hypot(x[i] - x[j], y[i] - y[j]) / (reach[i] - reach[j] + SLACK_M)
        strain[at[i] - at[j] > PATIENCE_S * 1e6] = 0.5
        total = np.where(strain <= 1, worth[j] + 1 - strain**2, -np.inf)
        best = int(np.argmax(total))
        if total[best] > 1:
            worth[i], before[i] = total[best], j[best]
    kept = np.zeros(len(at), bool)
    last = int(np.argmax(worth))
    while last >= 0:
        kept[last] = True
        last = int(before[last])
    return kept
