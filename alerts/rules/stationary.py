"""Somebody on duty who has not moved for long: a reason to ask how they are.

DOMAIN.md, workers: standing still is sensitive. This is a welfare event for a supervisor, without points, with rest
zones, and never off shift (S).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.areas import Area, faults, metres, within
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND
from devices.vocabulary import Position

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class Stationary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Positions within ``radius_m`` metres of the first of them for ``after_s`` seconds, while ``while_on`` is on.

    Positions in a rest zone (``exempt``) end the run. Those with a dilution beyond ``max_hdop`` do not count. A gap of
    more than ``gap_s`` is no evidence and begins anew. It is over with the first position elsewhere, and off duty.
    """

    after_s: Seconds = 1_200
    radius_m: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 25
    while_on: str | None = "on_duty"
    gap_s: Seconds = 300
    max_hdop: Annotated[float, msgspec.Meta(gt=0)] = 5
    exempt: tuple[Area, ...] = ()


class Place(State, frozen=True, kw_only=True):
    """Where the run began, its first and last instant (µs); whether ``while_on`` is on."""

    on: bool = False
    lat: float = 0.0
    lon: float = 0.0
    since: int | None = None
    seen: int = 0
    active: bool = False


def step(params: Stationary, state: Place | None, moment: Moment) -> Step:
    """Take the word that somebody is on duty, and a position."""
    state, at, position = state or _UNKNOWN, moment.at, moment.position
    on = params.while_on is None or moment.readings.get(params.while_on, float(state.on)) >= 0.5
    over = (Cleared(at),) if state.active else NOTHING
    if not on:
        return _UNKNOWN, over
    if position is None or (position.hdop is not None and position.hdop > params.max_hdop):
        return msgspec.structs.replace(state, on=on), NOTHING
    if params.exempt and within(params.exempt, position.lat, position.lon):
        return Place(on=on), over
    if state.since is None or metres(state.lat, state.lon, position.lat, position.lon) > params.radius_m:
        return _begun(at, position), over
    if not state.active and at - state.seen > int(params.gap_s * SECOND):
        return _begun(at, position), NOTHING
    active = state.active or at - state.since >= int(params.after_s * SECOND)
    after = Place(on=on, lat=state.lat, lon=state.lon, since=state.since, seen=at, active=active)
    raised = active and not state.active
    return after, (Raised(at, detail={"since": state.since}),) if raised else NOTHING


def _begun(at: int, position: Position) -> Place:
    return Place(on=True, lat=position.lat, lon=position.lon, since=at, seen=at)


_UNKNOWN = Place()


def _watch(params: Stationary) -> Watch:
    return Watch(frozenset(() if params.while_on is None else (params.while_on,)), position=True)


KIND = Kind(
    "stationary",
    "Not moving",
    Stationary,
    Place,
    _watch,
    step,
    check=lambda params: faults("exempt", params.exempt),
)
