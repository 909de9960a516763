"""What went on when: the time of a shift as spells of work, transit, idling, engine off and no data, in order.

The same steps as the sums of :mod:`fleet.compliance.way`, so that the spells of a state add up to its figure.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fleet.compliance.result import DOINGS, Gap, Spell
from fleet.compliance.steps import Steps
from fleet.track import Instants

WORK, TRANSIT, IDLE, OFF, NO_DATA = (np.int8(code) for code in range(5))

_Codes = NDArray[np.int8]


def spells(made: Steps, gaps: tuple[Gap, ...]) -> tuple[Spell, ...]:
    """The spells; neighbours differ. ``gaps`` are all of the shift, its edges included."""
    if len(made.at) < 2:
        return _merged([Spell(gap.start, gap.end, "no_data") for gap in gaps])
    at, state = _cut(made, _rest(made))
    firsts = np.append(0, np.flatnonzero(state[1:] != state[:-1]) + 1)
    edges = [*at[firsts].tolist(), int(at[-1])]
    inner = [
        Spell(start, end, DOINGS[code])
        for (start, end), code in zip(pairwise(edges), state[firsts].tolist(), strict=True)
        if end > start
    ]
    before = [Spell(gap.start, gap.end, "no_data") for gap in gaps if gap.end <= edges[0]]
    after = [Spell(gap.start, gap.end, "no_data") for gap in gaps if gap.start >= edges[-1]]
    return _merged([*before, *inner, *after])


def _rest(made: Steps) -> _Codes:
    """What each step was, but for the work in it."""
    code: _Codes = np.where(made.moving, TRANSIT, np.where(made.off, OFF, IDLE))
    code[~made.known] = NO_DATA
    return code


def _cut(made: Steps, rest: _Codes) -> tuple[Instants, _Codes]:
    """Instants, and what it was between them: steps in which the work began or ended are cut there."""
    whole = made.worked >= 1.0
    state = np.where(whole, WORK, rest)
    some = np.flatnonzero((made.worked > 0.0) & ~whole)
    if not len(some):
        return made.at, state
    begin, span = made.at[some], made.at[some + 1] - made.at[some]
    cuts = [begin + np.rint(share[some] * span).astype(np.int64) for share in (made.worked_from, made.worked_until)]
    places = np.repeat(some + 1, 2)
    parts = np.column_stack((np.full(len(some), WORK), rest[some]))
    return np.insert(made.at, places, np.column_stack(cuts).ravel()), np.insert(state, places, parts.ravel())


def _merged(found: list[Spell]) -> tuple[Spell, ...]:
    """Spells of one state that touch, as one."""
    kept: list[Spell] = []
    for one in found:
        if kept and kept[-1].doing == one.doing and kept[-1].end == one.start:
            kept[-1] = Spell(kept[-1].start, one.end, one.doing)
        else:
            kept.append(one)
    return tuple(kept)
