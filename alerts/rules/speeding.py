"""Driving too fast for what the vehicle is doing: one limit while it works, another in transit.

DOMAIN.md, vehicles: limits differ for working and transit; sweepers work at about 8 km/h, sprinklers at 10 to 15 (S).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from alerts.evidence import CALM, Hold, proofs, take
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from alerts.working import working
from devices.clock import SECOND
from devices.vocabulary import Device

Speed = Annotated[float, msgspec.Meta(gt=0, le=250)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=604_800)]


class Speeding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faster than ``working_kmh`` while any of ``work`` is on, or than ``transit_kmh`` while none is (None: no limit).

    ``working_by_type`` gives the working limit by the device's attribute ``type``. Raised when it lasted ``hold_s``
    seconds or was seen at ``fixes`` moments in a row; over when it was slower than the limit by ``margin_kmh`` for
    ``leave_s``. The limit is that of the moment: starting to work at transit speed counts from then on. What is on is
    known for ``gap_s`` seconds, and a gap of more is no evidence of speed.
    """

    working_kmh: Speed | None = None
    transit_kmh: Speed | None = None
    working_by_type: Mapping[str, Speed] = {}
    work: tuple[str, ...] = ("pto", "brush", "spray", "pump", "lift")
    margin_kmh: Annotated[float, msgspec.Meta(ge=0, le=100)] = 2
    hold_s: Seconds | None = 20
    fixes: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    leave_s: Seconds = 10
    gap_s: Seconds = 120


class Driving(State, frozen=True, kw_only=True):
    """The evidence; what was on, and when that was last said (µs); the greatest speed since the limit was passed."""

    hold: Hold = CALM
    working: tuple[str, ...] = ()
    said: int | None = None
    greatest: float = 0.0


def step(params: Speeding, state: Driving | None, moment: Moment) -> Step:
    """Take what is on, and a speed."""
    state = state or _UNKNOWN
    on, said = _working(params, state, moment)
    speed = _speed(moment)
    if speed is None:
        return Driving(hold=state.hold, working=on, said=said, greatest=state.greatest), NOTHING
    limit = params.working_kmh if on else params.transit_kmh
    shown = limit is not None and speed > limit
    turning: bool | None = shown
    if limit is not None and not shown and speed > limit - params.margin_kmh:
        turning = None
    hold, turned = take(
        state.hold, moment.at, turning, proofs(params.hold_s, params.fixes, params.leave_s), params.gap_s
    )
    greatest = max(state.greatest, speed) if hold.active or hold.since is not None else 0.0
    if turned is None:
        return Driving(hold=hold, working=on, said=said, greatest=greatest), NOTHING
    if hold.active:
        detail = {"since": turned, "limit_kmh": limit, "working": list(on)}
        after = Driving(hold=hold, working=on, said=said, greatest=greatest)
        return after, (Raised(moment.at, greatest, detail=detail),)
    return Driving(hold=hold, working=on, said=said), (Cleared(moment.at, state.greatest),)


def _working(params: Speeding, state: Driving, moment: Moment) -> tuple[tuple[str, ...], int | None]:
    """What works at a moment, and when that was said: by the moment, or else no longer than a gap ago."""
    said, at = state.said, moment.at
    before = state.working if said is not None and at - said <= int(params.gap_s * SECOND) else ()
    if moment.readings.keys().isdisjoint(params.work):
        return before, said
    return working(params.work, moment.readings, before), at


def _speed(moment: Moment) -> float | None:
    if "speed_kmh" in moment.readings:
        return moment.readings["speed_kmh"]
    return None if moment.position is None else moment.position.speed_kmh


def _resolve(params: Speeding, device: Device) -> Speeding:
    limit = params.working_by_type.get(str(device.attributes.get("type", "")))
    return params if limit is None else msgspec.structs.replace(params, working_kmh=limit)


def _check(params: Speeding) -> str | None:
    if params.hold_s is None and params.fixes is None:
        return "hold_s: expected hold_s or fixes, or both"
    if params.working_kmh is None and params.transit_kmh is None and not params.working_by_type:
        return "transit_kmh: expected at least one of working_kmh, working_by_type and transit_kmh"
    return None


_UNKNOWN = Driving()

KIND = Kind(
    "speeding",
    "Too fast for the work",
    Speeding,
    Driving,
    lambda params: Watch(frozenset(("speed_kmh", *params.work)), position=True),
    step,
    check=_check,
    resolve=_resolve,
)
