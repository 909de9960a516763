"""Each step from a fix to the next: how long, how far, with what running; and where the data has gaps.

Everything that is judged is a sum over steps. A step is either known (driving, working, idle, off) or "no data".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.compliance.result import Gap
from fleet.compliance.settings import Settings
from fleet.geometry.plane import Metres
from fleet.track import Column, Driven, Instants, Signal, Track

Flags = NDArray[np.bool_]
LEAST_M = 6.0
"""A step that is shorter may be the receiver's error alone."""
FRESH_US = 1_000_000
FINE_M = 20.0
"""An odometer that counts in larger steps says nothing about a single step."""


class Steps(NamedTuple):
    """``n`` fixes on the plane and the ``n - 1`` steps between them.

    ``gap``: no data. ``known``: the signals are fresh. ``worked_from`` and ``worked_until`` are the shares (0..1) of
    the step between which the work was on; equal where it was not. ``off``: engine off. ``moving``: it went somewhere.
    ``length`` is what was driven, corners included; ``measured``: a fine odometer vouches for it.
    """

    at: Instants
    x: Metres
    y: Metres
    speed: Column
    heading: Column
    seconds: Column
    chord: Metres
    length: Metres
    measured: Flags
    gap: Flags
    known: Flags
    worked_from: Column
    worked_until: Column
    off: Flags
    moving: Flags

    @property
    def worked(self) -> Column:
        """The share of each step in which the work was on."""
        return self.worked_until - self.worked_from


def steps(track: Track, x: Metres, y: Metres, driven: Driven, work: Iterable[str], settings: Settings) -> Steps:
    """The steps of a clean track. ``x`` and ``y`` are its positions on the plane."""
    seconds = np.diff(track.at) / 1e6
    chord = np.hypot(np.diff(x), np.diff(y))
    slow = np.nan_to_num(track.speed_kmh, nan=99.0) < settings.standing_kmh
    still = slow[:-1] & (slow[1:] | (chord < LEAST_M)) & (chord < np.maximum(2 * LEAST_M, 0.3 * seconds))
    # Without reported speeds a step says itself whether it moved.
    silent = np.isnan(track.speed_kmh)
    still |= (silent[:-1] | silent[1:]) & (chord < np.maximum(LEAST_M, settings.standing_kmh / 3.6 * seconds))
    counted, measured = _counted(driven.signals.get("mileage_km"), track.at, chord, seconds, settings)
    still &= ~(counted > 2 * LEAST_M)
    length = np.where(still, 0.0, np.fmax(_length(chord, x, y, track), counted))
    ignition = _value(driven.signals.get("ignition"), track.at, settings)
    on, changed = _work(driven, tuple(work), track.at, settings)
    off = (ignition[:-1] < 0.5) & ~(ignition[1:] >= 0.5)
    on = np.where(ignition < 0.5, 0.0, on)  # whatever the other signals say, or do not say
    gap = seconds > _patience(seconds, still, settings)
    known = ~np.isnan(on[:-1]) & ~np.isnan(on[1:]) & ~gap
    begin, end = _worked(on, changed, track.at, slow)
    begin, end = np.where(known, begin, 0.0), np.where(known, end, 0.0)
    return Steps(
        track.at,
        x,
        y,
        track.speed_kmh,
        track.heading_deg,
        seconds,
        chord,
        length,
        measured,
        gap,
        known,
        begin,
        end,
        off,
        ~still,
    )


def gaps(made: Steps, begin: int, end: int, settings: Settings) -> tuple[Gap, ...]:
    """The gaps of a span, those before the first fix and after the last included."""
    if not len(made.at):
        return (Gap(begin, end),) if end > begin else ()
    least = int(_usual(made.seconds, ~made.moving, settings) * 1e6)
    found = []
    if made.at[0] - begin > least:
        found.append(Gap(begin, int(made.at[0])))
    found += [Gap(int(made.at[one]), int(made.at[one + 1])) for one in np.flatnonzero(made.gap)]
    if end - made.at[-1] > least:
        found.append(Gap(int(made.at[-1]), end))
    return tuple(found)


def _usual(seconds: Column, which: Flags, settings: Settings) -> float:
    some = seconds[which]
    return max(settings.gap_times * float(np.median(some)) if len(some) else 0.0, settings.gap_least_s)


def _patience(seconds: Column, still: Flags, settings: Settings) -> Column:
    """How long a step may be: devices report less often while they stand, so each has its own usual interval."""
    return np.where(still, _usual(seconds, still, settings), _usual(seconds, ~still, settings))


def _length(chord: Metres, x: Metres, y: Metres, track: Track) -> Metres:
    """What was driven in each step: round a corner along both streets, else straight.

    The corner is where the headings of both fixes meet; the law of sines gives both legs.
    """
    ahead = np.arctan2(np.diff(x), np.diff(y))
    first = _turned(ahead - np.radians(track.heading_deg[:-1]))
    second = _turned(np.radians(track.heading_deg[1:]) - ahead)
    turn = np.abs(first + second)
    corner = (first * second > 0) & (turn > np.radians(25)) & (turn < np.radians(150)) & (chord > LEAST_M)
    with np.errstate(divide="ignore", invalid="ignore"):
        legs = chord * (np.abs(np.sin(first)) + np.abs(np.sin(second))) / np.abs(np.sin(first + second))
    # There and back within a step: nothing but the speeds tells how far that was.
    turned = turn >= np.radians(150)
    told = (track.speed_kmh[:-1] + track.speed_kmh[1:]) / 7.2 * np.diff(track.at) / 1e6
    length = np.where(corner, np.clip(legs, chord, 1.6 * chord), chord)
    return np.where(turned & (told > length), np.minimum(told, length + 100.0), length)


def _counted(
    mileage: Signal | None, at: Instants, chord: Metres, seconds: Column, settings: Settings
) -> tuple[Metres, Flags]:
    """What a fine odometer says was driven in each step, where that is clearly more than straight; else NaN.

    And of which steps it says anything.
    """
    if mileage is None or len(mileage.at) < 2:
        return np.full(len(chord), np.nan), np.zeros(len(chord), np.bool_)
    unit = _unit_m(mileage)
    told = np.diff(_value(mileage, at, settings)) * 1_000
    # Only where it was read with both fixes: a reading of a minute ago says nothing about ten seconds.
    age = at - mileage.at[np.maximum(np.searchsorted(mileage.at, at, "right") - 1, 0)]
    told[(age[:-1] > FRESH_US) | (age[1:] > FRESH_US)] = np.nan
    measured = (unit <= FINE_M) & (told >= 0) & (told <= settings.greatest_kmh / 3.6 * seconds)
    return np.where(measured & (told > chord + 1.5 * unit), told - unit / 2, np.nan), measured


def _unit_m(mileage: Signal) -> float:
    """The step in which an odometer counts, in metres: what all that it counted is a multiple of."""
    counts = np.rint(np.diff(mileage.value) * 1_000).astype(np.int64)
    return float(np.gcd.reduce(counts[counts > 0], initial=0) or 1_000)


def _turned(angle: Column) -> Column:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _value(signal: Signal | None, at: Instants, settings: Settings) -> Column:
    """What a signal says at each instant; NaN before its first value and when that is too old."""
    if signal is None or not len(signal.at):
        return np.full(len(at), np.nan)
    place = np.searchsorted(signal.at, at, "right") - 1
    found = np.maximum(place, 0)
    fresh = (place >= 0) & (at - signal.at[found] <= settings.signal_age_s * 1e6)
    return np.where(fresh, signal.value[found], np.nan)


def _work(driven: Driven, work: tuple[str, ...], at: Instants, settings: Settings) -> tuple[Column, Instants]:
    """1, 0 or NaN (unknown) at each fix, and for each step when a work signal was heard last in it (-1: never)."""
    if not work:
        return np.ones(len(at)), np.full(max(0, len(at) - 1), -1)
    on = np.full(len(at), np.nan)
    changed = np.full(max(0, len(at) - 1), -1)
    for name in work:
        signal = driven.signals.get(name)
        on = np.fmax(on, _value(signal, at, settings))
        if signal is None or len(signal.at) < 2:
            continue
        switched = signal.at[1:][np.diff(signal.value) != 0]
        place = np.searchsorted(at, switched, "left") - 1
        inside = (place >= 0) & (place < len(changed))
        np.maximum.at(changed, place[inside], switched[inside])
    return np.where(np.isnan(on), on, (on >= 0.5).astype(float)), changed


def _worked(on: Column, changed: Instants, at: Instants, slow: Flags) -> tuple[Column, Column]:
    """Between which shares of each step the work was on.

    Where it changes within the step at an instant of its own, that instant counts. Where it is told with the fix, it
    changed some time before: at rest, if one of the two fixes was at rest, else halfway.
    """
    first, second = on[:-1] == 1, on[1:] == 1
    span = np.maximum(np.diff(at), 1)
    share = np.where((changed > at[:-1]) & (changed < at[1:]), (changed - at[:-1]) / span, 0.5)
    told = (changed <= at[:-1]) | (changed >= at[1:])
    began = np.where(told & slow[:-1], 0.0, share)
    ended = np.where(told & slow[1:], 1.0, share)
    begin = np.where(first, 0.0, np.where(second, began, 0.0))
    end = np.where(second, 1.0, np.where(first, ended, 0.0))
    return begin, end


def odometer(driven: Driven, made: Steps, first: int, last: int, length_m: float) -> tuple[float, float]:
    """What was driven from one fix to another, corrected by the odometer as far as that is exact, and its error.

    ``mileage_km`` counts in steps of its own (10 or 100 m); within one the sum of the steps is the better figure.
    Without an odometer the speeds are the other witness: where they tell of another length than the positions, one
    of them is wrong by so much.
    """
    signal = driven.signals.get("mileage_km")
    doubt = _doubt(made, first, last)
    if signal is None or len(signal.at) < 2 or last <= first:
        return length_m, doubt
    low, high = np.searchsorted(signal.at, (made.at[first], made.at[last]), "right") - 1
    near = 30_000_000
    if low < 0 or made.at[first] - signal.at[low] > near or made.at[last] - signal.at[high] > near:
        return length_m, doubt
    told = float(signal.value[high] - signal.value[low]) * 1_000
    least = _unit_m(signal)
    return (min(max(length_m, told - least), told + least), least) if told >= 0 else (length_m, doubt)


def _doubt(made: Steps, first: int, last: int) -> float:
    """By how much positions, headings and speeds differ on the way between two fixes; each step errs on its own."""
    seconds, length = made.seconds[first:last], made.length[first:last]
    told = (made.speed[first:last] + made.speed[first + 1 : last + 1]) / 7.2 * seconds
    off = np.fmax(np.abs(told - length), length - made.chord[first:last])
    return float(np.sqrt((np.where(made.moving[first:last], off, 0.0) ** 2).sum()))


def spans(flags: Flags) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[begin, end) of each run of true flags."""
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
