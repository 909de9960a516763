"""Something that is not allowed at certain hours, or in certain places at certain hours.

DOMAIN.md, vehicles: banned hours such as 07–10 and 17–20 (S); sprinklers and washers are kept off the rush hours.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from alerts.areas import Area, faults, within
from alerts.evidence import CALM, Hold, proofs, take
from alerts.hours import Hours, fault, holds, turn
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from alerts.working import working

Seconds = Annotated[float, msgspec.Meta(ge=0, le=604_800)]


class ForbiddenHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``activity`` within ``hours``, and with ``zones`` only there, by the position of the moment.

    It is ``working`` (any of ``work`` on), ``moving`` (faster than ``speed_kmh``), or being ``present`` in a zone.
    Raised when it was seen for ``hold_s`` seconds within the hours; over when it was not seen for ``leave_s``, or when
    the hours end, which is told at their end without new data. A gap of more than ``gap_s`` is no evidence.
    """

    hours: Hours
    activity: Literal["working", "moving", "present"] = "working"
    zones: tuple[Area, ...] = ()
    work: tuple[str, ...] = ("pto", "brush", "spray", "pump", "lift")
    speed_kmh: Annotated[float, msgspec.Meta(ge=0, le=250)] = 5
    hold_s: Seconds = 60
    leave_s: Seconds = 60
    gap_s: Seconds = 300


class Forbidden(State, frozen=True, kw_only=True):
    """The evidence, and what was on."""

    hold: Hold = CALM
    working: tuple[str, ...] = ()


def step(params: ForbiddenHours, state: Forbidden | None, moment: Moment) -> Step:
    """Take what the device does, and where."""
    state = state or Forbidden()
    on = working(params.work, moment.readings, state.working)
    if not holds(params.hours, moment.at):
        return Forbidden(working=on), (Cleared(moment.at),) if state.hold.active else NOTHING
    shown = _does(params, on, moment)
    if shown is None:
        return msgspec.structs.replace(state, working=on), NOTHING
    needed = proofs(params.hold_s, None, params.leave_s)
    hold, turned = take(state.hold, moment.at, shown, needed, params.gap_s)
    if turned is None:
        return Forbidden(hold=hold, working=on, due=state.due), NOTHING
    if hold.active:
        after = Forbidden(hold=hold, working=on, due=turn(params.hours, moment.at))
        return after, (Raised(moment.at, detail={"since": turned, "activity": params.activity}),)
    return Forbidden(hold=hold, working=on), (Cleared(moment.at),)


def wake(params: ForbiddenHours, state: Forbidden, at: int) -> Step:
    """The hours are over."""
    if holds(params.hours, at):
        return msgspec.structs.replace(state, due=turn(params.hours, at)), NOTHING
    return Forbidden(working=state.working), (Cleared(at),)


def _does(params: ForbiddenHours, on: tuple[str, ...], moment: Moment) -> bool | None:
    """Whether the moment shows it; None where it does not tell."""
    position = moment.position
    if params.zones:
        if position is None:
            return None
        if not within(params.zones, position.lat, position.lon):
            return False
    if params.activity == "present":
        return True
    if params.activity == "working":
        return bool(on)
    speed = moment.readings.get("speed_kmh", None if position is None else position.speed_kmh)
    return None if speed is None else speed > params.speed_kmh


def _check(params: ForbiddenHours) -> str | None:
    if params.activity == "present" and not params.zones:
        return "zones: expected at least one, for presence is forbidden somewhere"
    return fault("hours", params.hours) or faults("zones", params.zones)


KIND = Kind(
    "forbidden_hours",
    "Not allowed at this hour",
    ForbiddenHours,
    Forbidden,
    lambda params: Watch(frozenset(("speed_kmh", *params.work)), position=True),
    step,
    wake,
    _check,
)
