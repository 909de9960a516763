"""What of the lines was worked, how often, and what nobody can know.

A pass n counts a piece the n-th time that it is worked. Between the ends of all runs the count does not change, so
that a route falls into few pieces, and where its lines are split makes none more or less.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.compliance.course import Course
from fleet.compliance.matching import Runs
from fleet.compliance.result import Covered, PassCoverage, Stretch
from fleet.compliance.settings import Settings
from fleet.compliance.steps import spans
from fleet.geometry.nearness import Indices
from fleet.geometry.plane import Metres
from fleet.master.route import Route
from fleet.track import Instants

_STATES: tuple[Covered, ...] = ("missed", "no_data", "covered")
MISSED, NO_DATA, COVERED = range(3)


class Possible(NamedTuple):
    """What may have been worked unseen: measures from ``begin`` to ``end``, ``times`` over, in any direction."""

    begin: Metres
    end: Metres
    times: Indices


class _Pieces(NamedTuple):
    """Pieces of the measure; ``visits`` how often each was worked, ``at`` when (ascending, a row each pass)."""

    begin: Metres
    end: Metres
    visits: Indices
    maybe: Indices
    at: NDArray[np.int64]


def covered(
    runs: Runs, possible: Possible, course: Course, route: Route, settings: Settings
) -> tuple[tuple[PassCoverage, ...], tuple[Stretch, ...]]:
    """The coverage of each pass, and the stretches that it is made of."""
    sides = {"forward": (1,), "both": (1, -1), "any": (0,)}[route.direction]
    figures = np.zeros((route.passes, 3))
    stretches: list[Stretch] = []
    for side in sides:
        pieces = _pieces(runs, possible, course, route, side, settings)
        for number in range(1, route.passes + 1):
            state, at = _judged(pieces, number, course, settings)
            length = pieces.end - pieces.begin
            figures[number - 1] += np.bincount(state, length, minlength=3)
            stretches += _stretches(pieces, state, at, number, "backward" if side < 0 else "forward", course)
    passes = tuple(
        PassCoverage(number, float(row.sum()), float(row[COVERED]), float(row[MISSED]), float(row[NO_DATA]))
        for number, row in enumerate(figures, 1)
    )
    return passes, tuple(stretches)


def _pieces(runs: Runs, possible: Possible, course: Course, route: Route, side: int, settings: Settings) -> _Pieces:
    """The pieces of all chains in one direction (0: either)."""
    ours = np.flatnonzero((runs.direction == side) | (side == 0))
    lines = course.lines
    marks = np.unique(
        np.concatenate(
            (runs.begin[ours], runs.end[ours], possible.begin, possible.end, lines.chain_begins, lines.chain_ends)
        )
    )
    begin, end = marks[:-1], marks[1:]
    middle = (begin + end) / 2
    chain = np.searchsorted(lines.chain_begins, middle, "right") - 1
    planned = (chain >= 0) & (middle < lines.chain_ends[np.maximum(chain, 0)]) if len(chain) else np.empty(0, bool)
    begin, end, middle = begin[planned], end[planned], middle[planned]
    maybe = np.zeros(len(begin), np.int64)
    for low, high, times in zip(*possible, strict=True):
        maybe[(middle > low) & (middle < high)] += times
    piece, at = _visits(runs, ours[runs.known[ours]], middle)
    visits, rows = _counted(piece, at, len(middle), route.passes, settings)
    unsure, unsure_at = _visits(runs, ours[~runs.known[ours]], middle)
    maybe += _counted(unsure, unsure_at, len(middle), route.passes, settings)[0]
    return _Pieces(begin, end, visits, maybe, rows)


def _visits(runs: Runs, which: Indices, middle: Metres) -> tuple[Indices, Instants]:
    """(piece, instant) of each run over each piece."""
    pieces, instants = [], []
    lows, highs = np.searchsorted(middle, runs.begin[which]), np.searchsorted(middle, runs.end[which])
    for run, low, high in zip(which.tolist(), lows.tolist(), highs.tolist(), strict=True):
        if high > low:
            some = slice(int(runs.starts[run]), int(runs.starts[run + 1]))
            way = runs.direction[run]
            at = np.interp(middle[low:high] * way, runs.along[some] * way, runs.at[some])
            pieces.append(np.arange(low, high))
            instants.append(at.astype(np.int64))
    if not pieces:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(pieces), np.concatenate(instants)


def _counted(
    piece: Indices, at: Instants, count: int, passes: int, settings: Settings
) -> tuple[Indices, NDArray[np.int64]]:
    """How often each piece was visited, visits soon after one another being one, and when first for each pass."""
    rows = np.zeros((passes, count), np.int64)
    order = np.lexsort((at, piece))
    piece, at = piece[order], at[order]
    new = np.ones(len(piece), bool)
    new[1:] = (np.diff(piece) > 0) | (np.diff(at) > settings.separation_s * 1e6)
    piece, at = piece[new], at[new]
    visits = np.bincount(piece, minlength=count)
    number = np.arange(len(piece)) - np.repeat(np.cumsum(visits) - visits, visits)
    wanted = number < passes
    rows[number[wanted], piece[wanted]] = at[wanted]
    return visits, rows


def _judged(pieces: _Pieces, number: int, course: Course, settings: Settings) -> tuple[Indices, Instants]:
    """The state of each piece in a pass, and when it was worked (0: never)."""
    state = np.where(pieces.visits >= number, COVERED, MISSED)
    state = np.where((state == MISSED) & (pieces.visits + pieces.maybe >= number), NO_DATA, state)
    at = np.where(state == COVERED, pieces.at[number - 1], 0)
    # Holes that are shorter than positions are exact, between two pieces that were covered, are covered too.
    begins, ends = spans(state == COVERED)
    for left, right in zip(ends[:-1], begins[1:], strict=True):
        near = pieces.begin[right] - pieces.end[left - 1] <= settings.hole_m
        if near and pieces.end[right - 1] == pieces.begin[right]:
            state[left:right] = COVERED
            at[left:right] = at[left - 1]
    return state, at


def _stretches(
    pieces: _Pieces,
    state: Indices,
    at: Instants,
    number: int,
    direction: Literal["forward", "backward"],
    course: Course,
) -> list[Stretch]:
    """Pieces of one state that touch, as stretches of the lines on which they lie."""
    if not len(state):
        return []
    new = np.ones(len(state), bool)
    new[1:] = (np.diff(state) != 0) | (pieces.begin[1:] != pieces.end[:-1])
    firsts = np.flatnonzero(new)
    lasts = np.concatenate((firsts[1:], [len(state)])) - 1
    found = []
    for first, last in zip(firsts, lasts, strict=True):
        begin, end = float(pieces.begin[first]), float(pieces.end[last])
        some = at[first : last + 1]
        when = int(some[some > 0].min()) if (some > 0).any() else None
        for line in np.flatnonzero((course.lines.begins < end) & (course.lines.ends > begin)):
            low, high = float(course.lines.begins[line]), float(course.lines.ends[line])
            found.append(
                Stretch(
                    int(line),
                    direction,
                    number,
                    max(begin, low) - low,
                    min(end, high) - low,
                    _STATES[state[first]],
                    when,
                )
            )
    return found
