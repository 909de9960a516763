"""Emptyings of a bin: from its fill in device time, with what trucks did beside it and what the bin itself says.

A fall of the fill (:mod:`fleet.bins.watch`) is an emptying when it is sure, or when it has a witness: a truck that
lifted beside the bin between the last high and the first low reading, or an ``emptied`` event of the device. A witness
also tells the instant within that bracket; without one the emptying is at the first low reading. A device's own event
is an emptying by itself, and one only: with the fall that belongs to it, and however often it is sent.

The same readings give the same emptyings, in whatever order and however often they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from fleet.bins.halts import SECOND, Halt
from fleet.bins.watch import DEFAULT, Fall, Rules, falls
from fleet.track import Column, Instants, Signal

Proof = Literal["device", "lift", "dwell", "fill"]
CLOCKS = 60 * SECOND  #: clocks of a bin and of a truck may differ by so much
TOLD_WITHIN = 15 * 60 * SECOND  #: a device tells of an emptying no farther from the fall than this
LONGEST_DWELL_BRACKET = 3 * 3_600 * SECOND  #: over a longer time, one that merely stood there proves nothing


class Told(NamedTuple):
    """An ``emptied`` event of the device itself; the levels are None where it does not tell them."""

    at: int
    before_pct: float | None = None
    after_pct: float | None = None


class Emptying(msgspec.Struct, frozen=True):
    """A bin was emptied at ``at`` (µs), somewhere in ``(since, until]``; levels in percent, None where not known.

    ``proof`` is the strongest there is: the ``device``'s own word, a truck's ``lift`` or ``dwell`` beside it, or the
    ``fill`` alone. ``partial``: more was left in it than an emptied bin holds.
    """

    bin: str
    at: int
    since: int
    until: int
    before_pct: float | None
    after_pct: float | None
    vehicle: str | None = None
    proof: Proof = "fill"
    partial: bool = False


def series(readings: Iterable[tuple[int, float]]) -> Signal:
    """A bin's readings as a series: ordered, finite, one for each instant (the greatest, as everywhere in the hub)."""
    pairs = np.array(list(readings), dtype=[("at", np.int64), ("fill", np.float64)])
    pairs = np.sort(pairs[np.isfinite(pairs["fill"])], order=("at", "fill"))
    last = np.append(pairs["at"][1:] != pairs["at"][:-1], True)[: len(pairs)]
    return Signal(pairs["at"][last], pairs["fill"][last])


def emptyings(
    device: str, fill: Signal, told: Iterable[Told] = (), halts: Sequence[Halt] = (), rules: Rules = DEFAULT
) -> list[Emptying]:
    """The emptyings of one bin, ordered by time.

    ``fill`` is ordered with strictly ascending instants (:func:`series`), ``halts`` are those beside the bin, by end.
    """
    fallen = falls(zip(fill.at.tolist(), fill.value.tolist(), strict=True), rules)
    own, words = _claimed(fallen, _once(told))
    sure = [fall for fall in fallen if fall.sure or fall in words]
    found = [_made(device, fall, words.get(fall), _witness(fall, halts), rules) for fall in sure]
    # Each witness bears witness to one emptying. What settles after it, and the low before it, are no second one.
    used = {witness for fall in sure if (witness := _witness(fall, halts)) is not None}
    for fall in fallen:
        halt = _witness(fall, halts)
        if fall in sure or halt is None or not halt.lifted or halt in used:
            continue
        if any(one.since < fall.at <= one.at + CLOCKS or one.at == fall.since for one in sure):
            continue
        used.add(halt)
        found.append(_made(device, fall, None, halt, rules))
    found += [_by_word(device, one, fill, halts, rules) for one in own]
    return sorted(found, key=lambda one: (one.at, one.since, one.until))


def _claimed(fallen: Sequence[Fall], told: Sequence[Told]) -> tuple[list[Told], dict[Fall, Told]]:
    """Which word belongs to which fall, the nearest and the sure falls first; and the words that belong to none."""
    own, words = list(told), {}
    for fall in sorted(fallen, key=lambda fall: (not fall.sure, fall.at)):
        patience = TOLD_WITHIN if fall.sure else CLOCKS
        near = [one for one in own if fall.since - CLOCKS <= one.at <= fall.at + patience]
        if near:
            words[fall] = min(near, key=lambda one: (abs(one.at - fall.at), one.at))
            own = [one for one in own if one not in near]
    return own, words


def _once(told: Iterable[Told]) -> list[Told]:
    """What a device says again within the time that one emptying takes is one emptying: the first."""
    kept: list[Told] = []
    for one in sorted(told, key=lambda one: (one.at, str(one))):
        if not kept or one.at - kept[-1].at > TOLD_WITHIN:
            kept.append(one)
    return kept


def _made(device: str, fall: Fall, said: Told | None, halt: Halt | None, rules: Rules) -> Emptying:
    proof: Proof = "device" if said is not None else "fill" if halt is None else "lift" if halt.lifted else "dwell"
    at = fall.at
    if said is not None:
        at = said.at
    elif halt is not None:
        at = min(max(halt.end, fall.since + 1), fall.at)
    vehicle = None if halt is None else halt.vehicle
    partial = fall.after > rules.low + rules.refill_most
    since, until = min(fall.since, at - 1), max(fall.at, at)
    return Emptying(device, at, since, until, fall.before, fall.after, vehicle, proof, partial)


def _by_word(device: str, said: Told, fill: Signal, halts: Sequence[Halt], rules: Rules) -> Emptying:
    """An emptying that the readings do not show: they are missing, or the bin was nearly empty."""
    after = int(np.searchsorted(fill.at, said.at))
    near = _near(fill.at, fill.value, said.at)
    before_pct = said.before_pct if said.before_pct is not None else near[0]
    after_pct = said.after_pct if said.after_pct is not None else near[1]
    since = int(fill.at[after - 1]) if after else said.at - TOLD_WITHIN
    halt = _witness(Fall(max(since, said.at - TOLD_WITHIN), said.at, 0.0, 0.0, sure=True), halts)
    vehicle = None if halt is None else halt.vehicle
    partial = after_pct is not None and after_pct > rules.low + rules.refill_most
    return Emptying(device, said.at, said.at, said.at, before_pct, after_pct, vehicle, "device", partial)


def _near(at: Instants, fill: Column, instant: int) -> tuple[float | None, float | None]:
    """The levels around an instant, of readings within the hour."""
    place = int(np.searchsorted(at, instant))
    hour = 3_600 * SECOND
    before = float(fill[place - 1]) if place and instant - at[place - 1] <= hour else None
    after = float(fill[place]) if place < len(at) and at[place] - instant <= hour else None
    return before, after


def _witness(fall: Fall, halts: Sequence[Halt]) -> Halt | None:
    """Who was beside the bin in the bracket: a lift before a dwell, and of several the last that ended in it."""
    within = [halt for halt in halts if halt.end > fall.since - CLOCKS and halt.start < fall.at + CLOCKS]
    if fall.at - fall.since > LONGEST_DWELL_BRACKET:
        within = [halt for halt in within if halt.lifted]
    if not within:
        return None
    return max(within, key=lambda halt: (halt.lifted, halt.end <= fall.at, -abs(halt.end - fall.at), halt.vehicle))
