"""The course of a tour on the map: the line that is to be driven, and where along it each of its sites lies."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence

import shapely
from shapely.ops import substring

from fleet.master.route import Line, LonLat
from fleet.planning.distance import Spot, Streets, crow_travel


def course(sites: Sequence[LonLat], streets: Streets | None = None) -> tuple[Line, tuple[float, ...]]:
    """The line through the sites in their order, and metres along it to each; straight lines without streets.

    Between two sites it is the quickest way, the same whose length :meth:`Streets.travel` tells.
    """
    line: list[LonLat] = []
    along = [0.0]
    for piece in _legs(sites, streets):
        line += piece if not line or line[-1] != piece[0] else piece[1:]
        along.append(along[-1] + _length(piece))
    return tuple(line), tuple(round(one, 1) for one in along)


def _legs(sites: Sequence[LonLat], streets: Streets | None) -> list[list[LonLat]]:
    pairs = list(itertools.pairwise(sites))
    if streets is None:
        return [[a, b] for a, b in pairs]
    spots = streets.snap(sites)
    return [_leg(streets, a, b) or list(pair) for a, b, pair in zip(spots, spots[1:], pairs, strict=False)]


def _leg(streets: Streets, a: Spot, b: Spot) -> list[LonLat]:
    """The quickest way between two spots; nothing where there is none."""
    one_way = not streets.arcs[a.arc][4]
    tail, head, _, seconds, both = streets.arcs[b.arc]
    direct = abs(b.share - a.share) * seconds if a.arc == b.arc and (both or b.share >= a.share) else math.inf
    begin = streets.arcs[a.arc]
    starts = [((1 - a.share) * begin[3], begin[1])] + ([] if one_way else [(a.share * begin[3], begin[0])])
    goals = {tail: b.share * seconds} | ({head: min((1 - b.share) * seconds, math.inf)} if both else {})
    reached, last, via = _search(streets, starts, goals)
    if last is None or direct <= reached:
        return _part(streets, a.arc, a.share, b.share) if direct < math.inf else []
    way: list[int] = [last]
    arcs: list[int] = []
    while way[-1] in via:
        node, arc = via[way[-1]]
        way.append(node)
        arcs.append(arc)
    way.reverse()
    arcs.reverse()
    ahead = way[0] == begin[1] and (begin[0] != begin[1] or one_way or a.share >= 0.5)  # of a loop the nearer end
    line = _part(streets, a.arc, a.share, 1.0 if ahead else 0.0)
    for node, arc in zip(way, arcs, strict=False):
        forward = streets.arcs[arc][0] == node
        line += _part(streets, arc, 0.0 if forward else 1.0, 1.0 if forward else 0.0)[1:]
    return line + _part(streets, b.arc, 0.0 if last == tail else 1.0, b.share)[1:]


def _search(
    streets: Streets, starts: Sequence[tuple[float, int]], goals: dict[int, float]
) -> tuple[float, int | None, dict[int, tuple[int, int]]]:
    """Seconds, the last crossing, and for each crossing the one before it with the arc between (Dijkstra)."""
    best: dict[int, float] = {}
    via: dict[int, tuple[int, int]] = {}
    done: set[int] = set()
    for at, node in starts:
        best[node] = min(at, best.get(node, math.inf))
    queue = [(at, node) for node, at in best.items()]
    heapq.heapify(queue)
    found, last = math.inf, None
    while queue:
        at, node = heapq.heappop(queue)
        if at >= found:
            break
        if node in done:
            continue
        done.add(node)
        if node in goals and at + goals[node] < found:
            found, last = at + goals[node], node
        for onward, more, _, arc in streets.leaving[node]:
            if at + more < best.get(onward, math.inf):
                best[onward] = at + more
                via[onward] = node, arc
                heapq.heappush(queue, (at + more, onward))
    return found, last, via


def _part(streets: Streets, arc: int, begin: float, end: float) -> list[LonLat]:
    """A piece of a street, in the direction from ``begin`` to ``end`` (shares of its length)."""
    line = shapely.LineString(streets.flat(streets.shapes[arc]))
    piece = substring(line, begin, end, normalized=True)
    return [streets.unscaled(point) for point in piece.coords]


def _length(line: Sequence[LonLat]) -> float:
    return sum(float(crow_travel(pair, detour=1.0).metres[0, 1]) for pair in itertools.pairwise(line))
