"""Fences on the ground: a device that enters, leaves, or is where it must not be.

A fence has an edge and a margin outside of it: inside is up to the edge, outside begins beyond the margin, and between
them nothing changes, so that a position that wanders about the edge does not flap. A side is believed when it was seen
for ``dwell_s`` seconds, or at ``fixes`` positions in a row. Thresholds are a proposal of this project (P).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from alerts.areas import Area, distance, faults
from alerts.evidence import CALM, Hold, Proof, take
from alerts.hours import Hours, holds, turn
from alerts.hours import fault as hours_fault
from alerts.kind import NOTHING, Change, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment

Mode = Literal["enter", "exit", "must_be_inside", "must_be_outside"]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=604_800)]
MOST_FENCES = 200


class Geofence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``fences`` by ``mode``; the scope of an alert is the fence's name.

    ``enter`` raises when the device was seen outside and then inside, ``exit`` the other way round; ``must_be_inside``
    and ``must_be_outside`` raise wherever it was before. The alert is over when the device is back. With ``hours``,
    only positions within them are looked at, each time anew, and their end ends the alert. ``margin_m`` is the
    hysteresis; positions with a dilution beyond ``max_hdop`` do not count; a gap of more than ``gap_s`` is no evidence.
    """

    fences: Annotated[tuple[Area, ...], msgspec.Meta(min_length=1, max_length=MOST_FENCES)]
    mode: Mode = "must_be_inside"
    margin_m: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 30
    dwell_s: Seconds | None = 60
    fixes: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = 3
    gap_s: Seconds = 300
    max_hdop: Annotated[float, msgspec.Meta(gt=0)] = 5
    hours: Hours | None = None


class Side(msgspec.Struct, frozen=True):
    """Of one fence: the evidence, and whether the good side was seen before, which enter and exit ask for."""

    hold: Hold = CALM
    armed: bool = False


class Sides(State, frozen=True, kw_only=True):
    """What is known of each fence, by its name."""

    sides: Mapping[str, Side] = {}


_UNSEEN = Side()


def step(params: Geofence, state: Sides | None, moment: Moment) -> Step:
    """Take a position."""
    before = state or Sides()
    if params.hours is not None and not holds(params.hours, moment.at):
        return _over(before, moment.at)
    position = moment.position
    if position is None or (position.hdop is not None and position.hdop > params.max_hdop):
        return before, NOTHING
    sides: dict[str, Side] = {}
    changes: list[Change] = []
    for fence in params.fences:
        away = distance(fence, position.lat, position.lon)
        side, change = _look(params, fence.name, before.sides.get(fence.name, _UNSEEN), moment.at, away)
        sides[fence.name] = side
        changes += () if change is None else (change,)
    active = any(side.hold.active for side in sides.values())
    due = turn(params.hours, moment.at) if active and params.hours is not None else None
    return Sides(sides=sides, due=due), tuple(changes)


def wake(params: Geofence, state: Sides, at: int) -> Step:
    """The hours are over."""
    if params.hours is not None and holds(params.hours, at):
        return msgspec.structs.replace(state, due=turn(params.hours, at)), NOTHING
    return _over(state, at)


def _over(state: Sides, at: int) -> Step:
    """Outside of the hours nothing is asked, and nothing is remembered."""
    return Sides(), tuple(Cleared(at, scope=name) for name, side in state.sides.items() if side.hold.active)


def _look(params: Geofence, name: str, side: Side, at: int, away: float) -> tuple[Side, Change | None]:
    """What a distance from the fence's edge (m, negative inside) makes of what is known."""
    inside = True if away <= 0 else False if away > params.margin_m else None
    wrong_inside = params.mode in ("enter", "must_be_outside")
    shown = None if inside is None else inside is wrong_inside
    armed = side.armed or shown is False
    if shown and not armed and params.mode in ("enter", "exit"):
        return side, None
    proof = Proof(params.dwell_s, params.fixes)
    hold, turned = take(side.hold, at, shown, (proof, proof), params.gap_s)
    if turned is None:
        return Side(hold, armed), None
    if hold.active:
        return Side(hold, armed), Raised(at, round(away, 1), name, {"since": turned})
    return Side(hold, armed), Cleared(at, round(away, 1), name)


def _check(params: Geofence) -> str | None:
    if params.dwell_s is None and params.fixes is None:
        return "dwell_s: expected dwell_s or fixes, or both"
    return faults("fences", params.fences) or hours_fault("hours", params.hours)


KIND = Kind("geofence", "Geofence", Geofence, Sides, lambda _: Watch(position=True), step, wake, _check)
