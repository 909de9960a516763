"""What a counter counted, out of its readings: people through a door, water, power.

A counter rises, or begins anew at zero, or rolls over. Devices do worse: two counters stand under one name and
interleave, a value is garbage, a counter is put back to what it once was. Each step back that is taken for a counter
that began anew then counts thousands, so that a rise has to be one that can be: no more than so many in a minute.

Readings are laid out into *strands*: values that one counter can have told one after the other. Where values go to and
fro, a reading belongs to the strand whose last value it is the least above. One that belongs to none opens a strand of
its own: it may be the counter that began anew or rolled over, and counts from zero, if so many can have come
meanwhile and the strand before it is not gone on with. Every step from a reading to the next that is not counted as
it stands is *refused*, and told.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.track import Instants, Signal, in_order

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
STRAND_US = 60 * MINUTE
"""A strand that was silent for longer, and than three usual intervals, is over: a counter alternates with another from
a reading to the next, and one that began anew takes long to pass where it was."""
STRANDS = 16  #: that are followed at once; the ones that were silent longest are given up
NEAR = 8
"""Readings before and after one, among which two falls mean that values go to and fro; a counter that begins anew
falls once."""
MODULI = (10_000.0, 65_536.0, 100_000.0, 1_000_000.0, 16_777_216.0, 4_294_967_296.0)
"""Where counters roll over: displays of four to six digits, registers of 16, 24 and 32 bits."""


class Counted(NamedTuple):
    """What was counted within a span: ``steps`` with their instants ``at``, and how many steps were ``refused``."""

    at: Instants
    steps: NDArray[np.float64]
    refused: int


class _Strand:
    """Values of one counter: the last and its instant, and whether there are several.

    ``opened`` is the place of the reading with which it began anew after the strand ``before``; -1 if it did not.
    """

    __slots__ = ("at", "before", "opened", "several", "value")

    def __init__(self, at: int, value: float, opened: int = -1, before: _Strand | None = None) -> None:
        self.at, self.value, self.opened, self.before, self.several = at, value, opened, before, False


def counted(signal: Signal, start: int, end: int, most_per_min: float) -> Counted:
    """What a counter counted in ``[start, end)``; the reading before tells from where.

    ``most_per_min`` is the most that it can rise in a minute. Readings closer together than that have a minute's worth.
    The order of the readings and what is there twice change nothing; of several values at one instant the greatest
    counts, as everywhere in the hub.
    """
    at, value = in_order(signal)
    rises = np.diff(value, prepend=value[:1])
    most = np.maximum(np.diff(at, prepend=at[:1]), MINUTE) / MINUTE * most_per_min
    sound = (rises >= 0) & (rises <= most)
    refused = np.zeros(len(at), bool)
    if not sound.all():
        rises, refused = _stranded(at, value, most_per_min)
    inside = (at >= start) & (at < end)
    return Counted(at[inside], rises[inside], int(refused[inside].sum()))


def summed(signal: Signal, start: int, end: int, most_per_min: float) -> Counted:
    """The sum of what came in each period; a period began with the reading before, the first an hour before its end.

    Of what is more than can have come, and more than a day brings, nothing counts.
    """
    at, value = in_order(signal)
    periods = np.diff(at, prepend=at[:1] - 60 * MINUTE)
    most = np.clip(periods, MINUTE, DAY) / MINUTE * most_per_min
    sound = (value >= 0) & (value <= most)
    inside = (at >= start) & (at < end)
    return Counted(at[inside], np.where(sound, value, 0.0)[inside], int((~sound[inside]).sum()))


def _stranded(
    at: Instants, value: NDArray[np.float64], most_per_min: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The rises of readings in order, and which steps are refused; one after the other, for they are few."""
    steps, refused = np.zeros(len(at)), np.zeros(len(at), bool)
    patience = max(STRAND_US, 3 * int(np.median(np.diff(at))))
    swaying = _swaying(value)
    last = _Strand(int(at[0]), float(value[0]))
    strands = [last]
    for place, (now, count) in enumerate(zip(at[1:].tolist(), value[1:].tolist(), strict=True), start=1):
        strands = [one for one in strands[-STRANDS:] if one is last or now - one.at <= patience]
        able = [one for one in strands if 0 <= count - one.value <= _most(one.at, now, most_per_min)]
        if not able:
            credit = _anew(last, now, count, most_per_min)
            last = _Strand(now, count, -1 if credit is None else place, last)
            steps[place], refused[place] = credit or 0.0, credit is None
        else:
            staying = last in able and last.several and not swaying[place]
            own = last if staying else max(able, key=lambda one: (one.value, one.at))
            steps[place], refused[place] = count - own.value, own is not last
            _revoke(strands, own, steps, refused)
            strands.remove(own)
            own.at, own.value, own.several, last = now, count, True, own
        strands.append(last)
    return steps, refused


def _swaying(value: NDArray[np.float64]) -> list[bool]:
    """Where values go to and fro."""
    falls = np.concatenate(([0], np.cumsum(np.diff(value, prepend=value[:1]) < 0)))
    places = np.arange(len(value))
    near = falls[np.minimum(places + NEAR + 1, len(value))] - falls[np.maximum(places - NEAR, 0)]
    found: list[bool] = (near > 1).tolist()
    return found


def _most(since: int, now: int, most_per_min: float) -> float:
    return max(now - since, MINUTE) / MINUTE * most_per_min


def _anew(last: _Strand, now: int, count: float, most_per_min: float) -> float | None:
    """What a counter that fell counted meanwhile, rolled over or begun anew; None if so many cannot have come."""
    most = _most(last.at, now, most_per_min)
    if count > last.value:
        return None
    for modulus in MODULI:
        if last.value < modulus and modulus - last.value + count <= most:
            return modulus - last.value + count
    return count if count <= most else None


def _revoke(strands: list[_Strand], own: _Strand, steps: NDArray[np.float64], refused: NDArray[np.bool_]) -> None:
    """A strand goes on, so that what was opened after it was no counter that began anew."""
    for one in strands:
        if one.before is own and one.opened >= 0:
            steps[one.opened], refused[one.opened] = 0.0, True
            one.opened, one.before = -1, None
