"""Where on the lines a vehicle drove: runs along the measure, from pairs of fixes that agree with a line.

A fix alone says nothing about direction, and near a crossing nothing about the street. Two fixes do: of all places of
the lines near the first and near the second, those belong together that are as far apart along the lines as the
vehicle drove. That holds round corners, in both directions of a street, and when fixes between were lost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.compliance.course import Course
from fleet.compliance.steps import LEAST_M, Flags, Steps
from fleet.geometry.nearness import Indices, offsets
from fleet.geometry.plane import Metres
from fleet.master.route import Route
from fleet.track import Column, Instants

SHORTER, SHORTER_M = 0.7, 8.0
"""Along the lines it is hardly shorter than straight: a share of it, less what two receivers may err."""
LONGER, LONGER_M = 1.45, 12.0
"""Round one right angle it is 1.41 times as far as straight."""
TOLD = 1.3
"""How much farther than by its reported speeds."""
STRAY = 2
"""So many fixes in a row beside the line are passed over: three begin a deviation."""

FASTER = 1.05
"""A mean speed above the bound by more than this was too fast, though both fixes say that it was not."""
BRUSH_M = 25.0
"""A drive along a line that is shorter, and leads nowhere, is none."""


class Runs(NamedTuple):
    """Drives along the lines, each from measure ``begin`` to ``end`` (``begin`` < ``end``) in ``direction`` (1, -1).

    ``known``: the work was on; else nobody knows whether it was. Run r has the ``points`` (along, at) from
    ``starts[r]`` to ``starts[r + 1]``, by which the instant of any place between is found.
    """

    begin: Metres
    end: Metres
    direction: NDArray[np.int64]
    known: Flags
    starts: Indices
    along: Metres
    at: Instants

    def when(self, run: int, along: float) -> int:
        """When a run passed a measure (µs)."""
        some = slice(int(self.starts[run]), int(self.starts[run + 1]))
        measures, at = self.along[some], self.at[some]
        if self.direction[run] < 0:
            measures, at = measures[::-1], at[::-1]
        return int(np.interp(along, measures, at.astype(float)))


class Matched(NamedTuple):
    """The runs, and what each fix lies on: candidates ``place`` (a measure) of ``fix``, ascending by fix."""

    runs: Runs
    fix: Indices
    place: Metres


class _Pairs(NamedTuple):
    """Candidates ``a`` and ``b`` of two anchors, and the step shares that count."""

    a: Indices
    b: Indices
    direction: NDArray[np.int64]
    first: Column
    last: Column
    known: Flags


def match(made: Steps, course: Course, route: Route) -> Matched:
    """Match all steps in which the work was on, or may have been."""
    none = Matched(_no_runs(), np.empty(0, np.int64), np.empty(0))
    if len(made.at) < 2:
        return none
    maybe = ~made.gap & ((made.worked > 0) | ~made.known)
    touched = np.zeros(len(made.at), bool)
    touched[:-1] |= maybe
    touched[1:] |= maybe
    anchors, arrival, x, y = _anchors(made, touched)
    near = course.grid.near(x, y)
    along = course.lines.along[near.segment] + near.share * course.lines.length[near.segment]
    # Both segments at a vertex tell the same place.
    new = np.ones(len(along), bool)
    new[1:] = (np.diff(near.point) > 0) | (np.abs(np.diff(along)) > 1e-6)
    point, along = near.point[new], along[new]
    if not len(point):
        return none
    pairs = _paired(made, anchors, arrival, (x, y), point, along, route)
    runs = _runs(pairs, point, along, anchors, arrival, made.at)
    return Matched(_long(runs, course) if len(runs.begin) else runs, anchors[point], along)


def _anchors(made: Steps, touched: Flags) -> tuple[Indices, Indices, Metres, Metres]:
    """The fixes to be matched: where it stood, one for the whole halt, at the mean of its positions.

    Returns for each the last and the first fix of it (which differ in a halt) and its position.
    """
    fixes = np.flatnonzero(touched)
    new = np.ones(len(fixes), bool)
    new[1:] = (np.diff(fixes) > 1) | made.moving[fixes[1:] - 1] | made.gap[fixes[1:] - 1]
    group = np.cumsum(new) - 1
    count = np.bincount(group)
    x = np.bincount(group, made.x[fixes]) / count
    y = np.bincount(group, made.y[fixes]) / count
    first = fixes[new]
    return first + count - 1, first, x, y


def _paired(
    made: Steps,
    leaving: Indices,
    arrival: Indices,
    position: tuple[Metres, Metres],
    point: Indices,
    along: Metres,
    route: Route,
) -> _Pairs:
    """The candidates of anchors that follow one another and agree with what was driven between."""
    starts = np.searchsorted(point, np.arange(len(leaving) + 1))
    counts = np.diff(starts)
    held = np.flatnonzero(counts > 0)
    left, right = held[:-1], held[1:]
    # Neither a gap nor a drive without work may lie between.
    broken = np.concatenate(([0], np.cumsum(made.gap | (made.known & made.moving & (made.worked == 0)))))
    begin, end = leaving[left], arrival[right]
    sound = (right - left <= STRAY + 1) & (broken[end] == broken[begin])
    left, right, begin, end = left[sound], right[sound], begin[sound], end[sound]
    chord = np.hypot(position[0][right] - position[0][left], position[1][right] - position[1][left])
    seconds = (made.at[end] - made.at[begin]) / 1e6
    speed = np.nan_to_num((made.speed[begin] + made.speed[end]) / 7.2, nan=0.0)
    told = speed * seconds
    driven = np.concatenate(([0.0], np.cumsum(made.length)))
    longest = np.maximum(LONGER * np.maximum(chord, driven[end] - driven[begin]), TOLD * told) + LONGER_M
    shortest = np.maximum(SHORTER * chord - SHORTER_M, 0.0)
    went = (chord >= LEAST_M) | (told >= LEAST_M)
    combos = np.where(went, counts[left] * counts[right], 0)
    pair = np.repeat(np.arange(len(left)), combos)
    place = offsets(np.zeros(len(left), np.int64), combos)
    wide = counts[right][pair]
    a, b = starts[left][pair] + place // wide, starts[right][pair] + place % wide
    forth = along[b] - along[a]
    far = np.abs(forth)
    fits = (far >= shortest[pair]) & (far <= longest[pair]) & (far > 0)
    if route.direction == "forward":
        fits &= forth > 0
    pair, a, b, forth = pair[fits], a[fits], b[fits], forth[fits]
    first, last, known = _shares(made, begin, end, route)
    found = _Pairs(a, b, np.sign(forth).astype(np.int64), first[pair], last[pair], known[pair])
    return _picked(found, found.last > found.first)


def _picked(pairs: _Pairs, which: Flags | Indices) -> _Pairs:
    return _Pairs(
        pairs.a[which],
        pairs.b[which],
        pairs.direction[which],
        pairs.first[which],
        pairs.last[which],
        pairs.known[which],
    )


def _shares(made: Steps, begin: Indices, end: Indices, route: Route) -> tuple[Column, Column, Flags]:
    """Between which shares of the way from anchor to anchor the work counts: on, and at a speed that is allowed.

    Where several steps lie between, the first and the last decide about the ends.
    """
    first, last = made.worked_from[begin].copy(), made.worked_until[end - 1].copy()
    several = end - begin > 1
    on = np.concatenate(([0], np.cumsum(made.worked > 0)))
    first = np.where(several & (made.worked[begin] == 0), 0.5, first)
    last = np.where(several & (made.worked[end - 1] == 0), 0.5, last)
    unknown = np.concatenate(([0], np.cumsum(~made.known)))
    known = unknown[end] == unknown[begin]
    first, last = np.where(known, first, 0.0), np.where(known, last, 1.0)
    idle = known & (on[end] == on[begin])
    v0, v1 = np.nan_to_num(made.speed[begin]), np.nan_to_num(made.speed[end])
    top = route.work_max_kmh
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (top - v0) / (v1 - v0)
    first = np.where((v0 > top) & (v1 <= top), np.maximum(first, crossing), first)
    last = np.where((v0 <= top) & (v1 > top), np.minimum(last, crossing), last)
    driven = np.concatenate(([0.0], np.cumsum(made.length)))
    mean = (driven[end] - driven[begin]) / np.maximum((made.at[end] - made.at[begin]) / 3.6e6, 1e-9)
    slow = np.maximum(np.maximum(v0, v1), mean) < route.work_min_kmh
    fast = ((v0 > top) & (v1 > top)) | ((v0 <= top) & (v1 <= top) & (mean > FASTER * top))
    none = idle | fast | slow | (last <= first)
    return np.where(none, 1.0, first), np.where(none, 0.0, last), known


def _runs(pairs: _Pairs, point: Indices, along: Metres, leaving: Indices, arrival: Indices, instants: Instants) -> Runs:
    """Pairs that follow one another, the second from where the first ends, are one run."""
    count = len(pairs.a)
    if not count:
        return _no_runs()
    order = np.lexsort((pairs.b, pairs.a))
    pairs = _picked(pairs, order)
    key = _key(pairs.a, pairs, len(along))
    first_of = np.full(4 * len(along), -1)
    open_ends = np.flatnonzero(pairs.first == 0)[::-1]
    first_of[key[open_ends]] = open_ends
    following = np.where(pairs.last == 1, first_of[_key(pairs.b, pairs, len(along))], -1)
    root = np.arange(count)
    # Of several that lead to one pair the first is its predecessor; a following pair is always a later one.
    led = np.flatnonzero(following >= 0)[::-1]
    root[following[led]] = led
    while True:
        further = root[root]
        if (further == root).all():
            break
        root = further
    a, b = along[pairs.a], along[pairs.b]
    left = a + pairs.first * (b - a)
    right = a + pairs.last * (b - a)
    t0, t1 = instants[leaving[point[pairs.a]]], instants[arrival[point[pairs.b]]]
    span = t1 - t0
    begun, ended = t0 + (pairs.first * span).astype(np.int64), t0 + (pairs.last * span).astype(np.int64)
    return _gathered(root, pairs, left, right, begun, ended)


def _key(candidate: Indices, pairs: _Pairs, count: int) -> Indices:
    return np.asarray(candidate + count * ((pairs.direction < 0) + 2 * pairs.known))


def _gathered(root: Indices, pairs: _Pairs, left: Metres, right: Metres, begun: Instants, ended: Instants) -> Runs:
    order = np.lexsort((begun, root))
    run = np.unique(root[order], return_inverse=True)[1]
    points = np.concatenate((left[order], right[order]))
    times = np.concatenate((begun[order], ended[order]))
    runs = np.concatenate((run, run))
    direction = pairs.direction[order][np.searchsorted(run, np.arange(run[-1] + 1))]
    known = pairs.known[order][np.searchsorted(run, np.arange(run[-1] + 1))]
    sorted_ = np.lexsort((times, points * direction[runs], runs))
    starts = np.searchsorted(runs[sorted_], np.arange(run[-1] + 2))
    measures = points[sorted_]
    ends = np.stack((measures[starts[:-1]], measures[starts[1:] - 1]))
    return Runs(ends.min(axis=0), ends.max(axis=0), direction, known, starts, measures, times[sorted_])


def _long(runs: Runs, course: Course) -> Runs:
    """The runs that are no mere brush with a line, such as one street has with another at a crossing."""
    chain = np.searchsorted(course.lines.chain_begins, runs.begin, "right") - 1
    whole = course.lines.chain_ends[chain] - course.lines.chain_begins[chain]
    kept = runs.end - runs.begin >= np.minimum(BRUSH_M, whole / 2)
    counts = np.diff(runs.starts)
    points = np.repeat(kept, counts)
    starts = np.concatenate(([0], np.cumsum(counts[kept])))
    return Runs(
        runs.begin[kept],
        runs.end[kept],
        runs.direction[kept],
        runs.known[kept],
        starts,
        runs.along[points],
        runs.at[points],
    )


def _no_runs() -> Runs:
    none = np.empty(0)
    whole = np.empty(0, np.int64)
    return Runs(none, none, whole, np.empty(0, bool), np.zeros(1, np.int64), none, whole)
