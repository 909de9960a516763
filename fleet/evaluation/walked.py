"""Area coverage on foot: which pieces of a post somebody passed on shift, which not, and which nobody can tell.

A piece may have been walked in a gap of the data if the gap is long enough to get there and back; it is missed only
where that cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from fleet.evaluation.duty import Duty, Span
from fleet.evaluation.ground import Ground, Pieces, Points, ground_of
from fleet.track import Instants, Track

SECOND = 1_000_000


class WalkRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece is walked that lies within ``reach_m`` of the way; faster than ``pace_kmh`` nobody works.

    Positions farther apart than ``gap_s`` are not joined to a way.
    """

    reach_m: float = 25.0
    gap_s: float = 180.0
    pace_kmh: float = 6.0


class Missed(msgspec.Struct, frozen=True):
    """Pieces in a row that were not walked: their length, and where (longitude, latitude) they begin and end."""

    length: float
    begin: tuple[float, float]
    end: tuple[float, float]


class Walked(msgspec.Struct, frozen=True):
    """How much of a post was walked in a duty; metres of streets, and for polygons edges of cells.

    ``planned`` = ``walked`` + the missed ones + ``no_data``.
    """

    plan: str
    worker: str
    start: int
    end: int
    planned: float
    walked: float
    no_data: float
    missed: tuple[Missed, ...] = ()
    device: str = ""

    @property
    def share(self) -> float | None:
        """Share of what there is data about; None without any."""
        known = self.planned - self.no_data
        return self.walked / known if known > 0 else None


def walk(
    duty: Duty,
    on_duty: Span,
    track: Track,
    rules: WalkRules | None = None,
    colleagues: Iterable[tuple[Span, Track]] = (),
) -> Walked | None:
    """Judge the span ``on_duty`` of a duty by its positions; None where no post is to be walked.

    ``colleagues`` hold the same post by the same plan: what one of them walks is walked for all.
    """
    if duty.area is None:
        return None
    rules = rules or WalkRules()
    ground = ground_of(duty.area)
    pieces = ground.pieces()
    done, maybe = np.zeros(len(pieces.middle), bool), np.zeros(len(pieces.middle), bool)
    for span, way in ((on_duty, track), *colleagues):
        inside = (way.at >= span[0]) & (way.at < span[1])
        at, points = way.at[inside], ground.plane(way.lon[inside], way.lat[inside])
        done |= _passed(at, points, pieces, rules)
        maybe |= _reachable(at, points, pieces, span, rules)
    unknown = ~done & maybe
    missed = ~done & ~maybe
    lengths = pieces.length
    return Walked(
        duty.plan,
        duty.worker,
        *on_duty,
        planned=round(float(lengths.sum()), 1),
        walked=round(float(lengths[done].sum()), 1),
        no_data=round(float(lengths[unknown].sum()), 1),
        missed=_stretches(ground, pieces, missed),
        device=duty.device or "",
    )


def _passed(at: Instants, points: Points, pieces: Pieces, rules: WalkRules) -> NDArray[np.bool_]:
    done = np.zeros(len(pieces.middle), bool)
    if not at.size:
        return done
    joined = np.diff(at) <= rules.gap_s * SECOND
    legs = np.stack((points[:-1], points[1:]), axis=1)[joined]
    way = [*shapely.points(points), *(shapely.linestrings(legs) if len(legs) else ())]
    tree = shapely.STRtree(way)
    done[tree.query(shapely.points(pieces.middle), predicate="dwithin", distance=rules.reach_m)[0]] = True
    return done


def _reachable(at: Instants, points: Points, pieces: Pieces, span: Span, rules: WalkRules) -> NDArray[np.bool_]:
    """Pieces that could have been walked in one of the gaps."""
    found = np.zeros(len(pieces.middle), bool)
    if not at.size:
        return ~found
    pace = rules.pace_kmh / 3.6
    times = np.concatenate(([span[0]], at, [span[1]]))
    for place in np.flatnonzero(np.diff(times) > rules.gap_s * SECOND).tolist():
        within = float(times[place + 1] - times[place]) / SECOND * pace + 2 * rules.reach_m
        ends = [points[end] for end in (place - 1, place) if 0 <= end < at.size]
        found |= sum(np.hypot(*(pieces.middle - end).T) for end in ends) <= within
    return found


def _stretches(ground: Ground, pieces: Pieces, missed: NDArray[np.bool_]) -> tuple[Missed, ...]:
    """Missed pieces that follow one another along the lines, as one each; cells in the order of the grid."""
    places = np.flatnonzero(missed)
    if not places.size:
        return ()
    steps = np.hypot(*np.diff(pieces.middle[places], axis=0).T)
    apart = (np.diff(places) > 1) | (steps > 2.0 * np.maximum(pieces.length[places][1:], pieces.length[places][:-1]))
    return tuple(
        Missed(
            round(float(pieces.length[run].sum()), 1),
            ground.degrees(*pieces.middle[run[0]].tolist()),
            ground.degrees(*pieces.middle[run[-1]].tolist()),
        )
        for run in np.split(places, np.flatnonzero(apart) + 1)
    )
