"""Time on post: how long a worker was at the post that is to be held, and the episodes away from it.

A position holds until the next, if that comes soon enough; what lies between two farther apart is no data. Leaving and
coming back have thresholds of their own, so that a receiver's noise at the border makes no episodes. Breaks and rest
zones count as neither. Standing still for long is noted for the worker's welfare; here it costs nothing.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from fleet.evaluation.duty import Duty, Span, joined, length_s, without
from fleet.evaluation.ground import Points, ground_of
from fleet.track import Instants, Track

SECOND = 1_000_000


class PostRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``enter_m`` and ``leave_m`` beyond the post's border begin and end an episode of at least ``hold_s``.

    ``gap_s``: positions farther apart tell nothing of the time between. Standing is to stay within ``still_m`` for
    ``still_s`` (20 minutes, DOMAIN.md).
    """

    enter_m: float = 15.0
    leave_m: float = 5.0
    hold_s: float = 120.0
    gap_s: float = 300.0
    still_m: float = 25.0
    still_s: float = 1_200.0


class Episode(msgspec.Struct, frozen=True):
    """Away from the post, with the greatest distance from its border; or standing still (distance 0).

    ``off_s`` is how long, seconds, without the breaks in it.
    """

    start: int
    end: int
    off_s: float
    greatest_m: float = 0.0


class PostTime(msgspec.Struct, frozen=True):
    """A duty's time, seconds: ``required_s`` (on duty, without breaks) = on post + off post + rest + no data."""

    plan: str
    worker: str
    start: int
    end: int
    required_s: float
    on_s: float
    off_s: float
    rest_s: float
    no_data_s: float
    episodes: tuple[Episode, ...] = ()
    standings: tuple[Episode, ...] = ()
    device: str = ""


def hold_post(duty: Duty, on_duty: Span, track: Track, rules: PostRules | None = None) -> PostTime | None:
    """Judge the span ``on_duty`` of a duty by its positions; None where no post is to be held.

    Positions outside the span are not looked at.
    """
    if duty.area is None:
        return None
    rules = rules or PostRules()
    required = without((on_duty,), duty.breaks)
    inside = (track.at >= on_duty[0]) & (track.at < on_duty[1])
    at = track.at[inside]
    points = ground_of(duty.area).plane(track.lon[inside], track.lat[inside])
    distance = ground_of(duty.area).outside_m(points)
    resting = _resting(duty, track.lon[inside], track.lat[inside])
    ends = _holds(at, on_duty[1], rules.gap_s)
    known = _spans(at, ends, np.ones(at.size, bool))
    away = _away(at, ends, distance, resting, duty.breaks, rules)
    off = without(((one.start, one.end) for one in away), duty.breaks)
    rest = without(_spans(at, ends, resting), (*off, *duty.breaks))
    off_s, rest_s = length_s(off), length_s(rest)
    known_s = length_s(without(known, duty.breaks))
    return PostTime(
        duty.plan,
        duty.worker,
        *on_duty,
        required_s=length_s(required),
        on_s=known_s - off_s - rest_s,
        off_s=off_s,
        rest_s=rest_s,
        no_data_s=length_s(required) - known_s,
        episodes=tuple(one for one in away if one.off_s > 0),
        standings=_standings(at, ends, points, resting, duty.breaks, rules),
        device=duty.device or "",
    )


def _holds(at: Instants, end: int, gap_s: float) -> Instants:
    """Until when each position holds: the next one, or itself where that is too far off; the last to the end."""
    following = np.append(at[1:], end) if at.size else at
    return np.where(following - at <= gap_s * SECOND, following, at)


def _spans(at: Instants, ends: Instants, chosen: NDArray[np.bool_]) -> tuple[Span, ...]:
    return joined(zip(at[chosen].tolist(), ends[chosen].tolist(), strict=True))


def _resting(duty: Duty, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    found = np.zeros(lon.size, bool)
    for zone in duty.rest:
        ground = ground_of(zone)
        found |= ground.outside_m(ground.plane(lon, lat)) <= 0
    return found


def _away(
    at: Instants,
    ends: Instants,
    distance: NDArray[np.float64],
    resting: NDArray[np.bool_],
    breaks: tuple[Span, ...],
    rules: PostRules,
) -> list[Episode]:
    """Runs of positions beyond the border: from the first beyond ``enter_m`` to the first back within ``leave_m``."""
    beyond = (distance > rules.enter_m) & ~resting
    back = (distance <= rules.leave_m) | resting
    states = np.where(beyond, 1, np.where(back, 0, -1))
    latest = np.maximum.accumulate(np.where(states >= 0, np.arange(states.size), 0)) if states.size else states
    off = states[latest] == 1
    found: list[Episode] = []
    for begin, end in _runs(off, at, ends):
        span = int(at[begin]), int(ends[end])
        if span[1] - span[0] >= rules.hold_s * SECOND and end > begin:
            greatest = round(float(distance[begin : end + 1].max()), 1)
            found.append(Episode(*span, length_s(without((span,), breaks)), greatest))
    return found


def _runs(chosen: NDArray[np.bool_], at: Instants, ends: Instants) -> list[tuple[int, int]]:
    """First and last place of each run of chosen positions that no gap interrupts."""
    if not chosen.any():
        return []
    linked = chosen[:-1] & chosen[1:] & (ends[:-1] == at[1:])
    places = np.flatnonzero(chosen)
    first = places[~np.append(False, linked)[places]]
    last = places[~np.append(linked, False)[places]]
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _standings(
    at: Instants, ends: Instants, points: Points, resting: NDArray[np.bool_], breaks: tuple[Span, ...], rules: PostRules
) -> tuple[Episode, ...]:
    """Longest spans within a circle about their first position; rest zones, breaks and gaps end them."""
    free = ~resting
    for start, end in breaks:
        free &= (ends <= start) | (at >= end)
    needed = np.searchsorted(ends, at + round(rules.still_s * SECOND))
    hopeful = _hopeful(points, needed, rules.still_m)
    found: list[Episode] = []
    for begin, last in _runs(free, at, ends):
        over = begin
        for place in (begin + np.flatnonzero(hopeful[begin : last + 1])).tolist():
            if place < over or needed[place] > last:
                continue
            if _first_off(points, place, int(needed[place]), rules.still_m) > needed[place]:
                over = _first_off(points, place, last, rules.still_m)
                span = int(at[place]), int(ends[over - 1])
                found.append(Episode(*span, length_s((span,))))
    return tuple(found)


def _hopeful(points: Points, needed: NDArray[np.intp], still_m: float) -> NDArray[np.bool_]:
    """Positions from which somebody may have stood still: half a span and a span later they are still near."""
    here = np.arange(len(points))
    hopeful = needed < here.size
    for later in ((here + needed) // 2, needed):
        hopeful &= np.hypot(*(points[np.minimum(later, here.size - 1)] - points).T) <= still_m
    return hopeful


def _first_off(points: Points, place: int, last: int, still_m: float) -> int:
    """The first position after ``place`` that is farther from it; ``last`` + 1 where none is."""
    off = np.hypot(*(points[place : last + 1] - points[place]).T) > still_m
    return place + int(off.argmax()) if off.any() else last + 1
