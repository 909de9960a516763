"""Falls of a bin's fill, one reading at a time: what may be an emptying, and what is noise, compaction or an outlier.

The rules (DOMAIN.md, bins: a sustained drop of at least 25 points to 30 % or less over two readings):

* A *fall* is a reading at least ``fall`` points below the level before it, which a second reading confirms: it lies
  nearer to the low than to the level before. A single wild reading is thereby none, for the next one is back. A second
  reading that comes later than half an hour need only be ``confirm`` points below, for the bin fills again.
* It is *sure* when it is confirmed, ``drop`` points deep, and ends at ``low`` or less. Every other fall (a compaction,
  a half emptying, a low that nothing confirms) counts only with a witness, which :mod:`fleet.bins.emptying` knows.
* The level before is the newest reading, unless that one stands ``fall`` points above its predecessor after a rise
  that no bin makes (``quick_pct_h``): then it is the predecessor. What falls back to where a sudden rise of ``drop``
  points began had something on the sensor, and is no sure fall, unless that was near the floor.
* The bracket is from the newest high reading to the first low one. A sensor that said the very same for
  ``flat_readings`` was stuck, so the bracket then begins where that began, at most six hours before.
* Low, high, low within three readings leaves open which of them was wild; the bracket then holds both lows.
* ``low`` grows with the bracket (``refill_pct_h``, at most by ``refill_most``): after two hours a bin is no longer
  empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

HOUR = 3_600_000_000
FLOOR_PCT = 15.0  #: a rise that began below this cannot be told from an emptied bin by its level
RAIL_PCT = 99.5  #: an overfull bin says 100 for hours and is not stuck
BACK_PCT = 5.0
SOON = HOUR // 2
JUMP_LASTS = 12 * HOUR
FLAT_LASTS = 6 * HOUR  #: so that a fall depends on the readings of half a day, and on nothing before


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as a fall, in points of fill; see the module."""

    drop: float = 25.0
    low: float = 30.0
    fall: float = 10.0
    confirm: float = 12.0
    quick_pct_h: float = 60.0
    refill_pct_h: float = 10.0
    refill_most: float = 20.0
    flat_readings: int = 6


class Level(NamedTuple):
    """A reading: instant (µs) and fill (%)."""

    at: int
    fill: float


class Low(NamedTuple):
    """A fall that waits for its second reading."""

    since: int
    at: int
    before: float
    after: float


class Fall(NamedTuple):
    """The level fell from ``before`` to ``after`` (%), after ``since`` and at ``at`` at the latest (µs).

    ``sure``: it needs no witness.
    """

    since: int
    at: int
    before: float
    after: float
    sure: bool


class BinState(msgspec.Struct, frozen=True):
    """What is remembered of a bin between two readings; msgspec packs it.

    ``last`` and ``prior`` are the newest levels that hold, ``flat`` since when and how often ``last`` has been said,
    ``jump`` where and from what level a sudden rise began, ``refused`` a low that ``last`` has not confirmed.
    """

    last: Level | None = None
    prior: Level | None = None
    flat: tuple[int, int] = (0, 0)
    jump: Level | None = None
    low: Low | None = None
    refused: Low | None = None


EMPTY = BinState()
DEFAULT = Rules()


def advance(state: BinState, at: int, fill: float, rules: Rules = DEFAULT) -> tuple[BinState, tuple[Fall, ...]]:
    """Take the next reading of a bin, in the order of device time; one that is not newer changes nothing."""
    if state.last is None:
        return BinState(Level(at, fill), flat=(at, 1)), ()
    if at <= (state.low.at if state.low else state.last.at):
        return state, ()
    if state.low is not None:
        return _confirmed(state, state.low, Level(at, fill), rules)
    return _taken(state, state.last, Level(at, fill), rules)


def falls(levels: Iterable[tuple[int, float]], rules: Rules = DEFAULT) -> list[Fall]:
    """The falls in a history: instants strictly ascending. The last may still wait for its second reading."""
    state = EMPTY
    found: list[Fall] = []
    for at, fill in levels:
        state, fallen = advance(state, at, fill, rules)
        found += fallen
    if state.low is not None:
        found.append(Fall(*state.low, sure=False))
    return found


def _taken(state: BinState, last: Level, new: Level, rules: Rules) -> tuple[BinState, tuple[Fall, ...]]:
    """A reading while no fall is waiting."""
    if new.fill > last.fill - rules.fall:
        return _risen(state, last, new, rules), ()
    before = _reference(state, last, rules)
    if new.fill > before.fill - rules.fall:
        # The newest was a spike: it never was.
        return BinState(new, before, (new.at, 1)), ()
    if state.refused is not None:
        low = Low(state.refused.since, new.at, state.refused.before, new.fill)
        return msgspec.structs.replace(state, low=low, refused=None), ()
    stuck = before is last and state.flat[1] >= rules.flat_readings and last.fill < RAIL_PCT
    since = max(state.flat[0], last.at - FLAT_LASTS) if stuck else last.at
    return msgspec.structs.replace(state, low=Low(since, new.at, before.fill, new.fill)), ()


def _risen(state: BinState, last: Level, new: Level, rules: Rules) -> BinState:
    """An ordinary reading: the same as before or higher, give or take noise."""
    flat = (state.flat[0], state.flat[1] + 1) if new.fill == last.fill else (new.at, 1)
    jump = state.jump
    if new.fill - last.fill > rules.drop and _sudden(last, new, rules):
        jump = last
    elif jump is not None and new.at - jump.at > JUMP_LASTS:
        jump = None
    return BinState(new, last, flat, jump)


def _confirmed(state: BinState, low: Low, new: Level, rules: Rules) -> tuple[BinState, tuple[Fall, ...]]:
    """The reading after a low: it falls further, confirms it, or shows that it was none."""
    deep = _deep(low, rules)
    if not deep and new.fill <= low.after - rules.fall:
        return msgspec.structs.replace(state, low=Low(low.since, new.at, low.before, new.fill)), ()
    half = (low.before - low.after) / 2
    if new.fill <= low.before - (half if new.at - low.at <= SOON else min(rules.confirm, half)):
        obstructed = (
            state.jump is not None
            and low.at - state.jump.at <= JUMP_LASTS
            and state.jump.fill > FLOOR_PCT
            and low.after >= state.jump.fill - BACK_PCT
        )
        fallen = Fall(*low, sure=deep and not obstructed)
        return BinState(new, Level(low.at, low.after), (new.at, 1)), (fallen,)
    calm = msgspec.structs.replace(state, low=None)
    assert state.last is not None
    after, more = _taken(calm, state.last, new, rules)
    if after.low is None:
        after = msgspec.structs.replace(after, refused=low)
    return after, (Fall(*low, sure=False), *more)


def _deep(low: Low, rules: Rules) -> bool:
    refilled = min(rules.refill_most, rules.refill_pct_h * (low.at - low.since) / HOUR)
    return low.before - low.after >= rules.drop and low.after <= rules.low + refilled


def _reference(state: BinState, last: Level, rules: Rules) -> Level:
    """The level that a fall is measured from."""
    return state.prior if state.prior is not None and _sudden(state.prior, last, rules) else last


def _sudden(sooner: Level, later: Level, rules: Rules) -> bool:
    """Whether the level rose by more than a bin does."""
    rise = later.fill - sooner.fill
    return rise > rules.fall and rise * HOUR > rules.quick_pct_h * (later.at - sooner.at)


def held(state: BinState, rules: Rules = DEFAULT) -> Level | None:
    """The level that a bin is at by what is known: neither a spike nor, while it is not confirmed, a rise.

    A low that waits for its second reading counts: bins tell of their emptying sooner than of anything else.
    """
    if state.low is not None:
        return Level(state.low.at, state.low.after)
    return None if state.last is None else _reference(state, state.last, rules)
