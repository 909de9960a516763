"""Driving too fast for what the vehicle is doing: one limit while it works, another in transit.

DOMAIN.md, vehicles: limits differ for working and transit; sweepers work at about 8 km/h, sprinklers at 10 to 15 (S).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from alerts.evidence import CALM, Hold, Proof, take
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
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
    state = state or Driving()
    known = _known(params, state, moment)
    speed = _speed(moment)
    limit = params.working_kmh if known.working else params.transit_kmh
    if speed is None:
        return known, NOTHING
    shown = limit is not None and speed > limit
    turning: bool | None = shown
    if limit is not None and not shown and speed > limit - params.margin_kmh:
        turning = None
    proofs = Proof(params.hold_s, params.fixes), Proof(params.leave_s)
    hold, turned = take(state.hold, moment.at, turning, proofs, params.gap_s)
    greatest = max(state.greatest, speed) if hold.active or hold.since is not None else 0.0
    after = Driving(hold=hold, working=known.working, said=known.said, greatest=greatest)
    if turned is None:
        return after, NOTHING
    if hold.active:
        detail = {"since": turned, "limit_kmh": limit, "working": list(known.working)}
        return after, (Raised(moment.at, greatest, detail=detail),)
    return msgspec.structs.replace(after, greatest=0.0), (Cleared(moment.at, state.greatest),)


def _known(params: Speeding, state: Driving, moment: Moment) -> Driving:
    """What is known of the work at a moment: what it says, else what was said no longer than a gap ago."""
    readings = moment.readings
    fresh = state.said is not None and moment.at - state.said <= int(params.gap_s * 1_000_000)
    before = state.working if fresh else ()
    if params.work and not readings.keys().isdisjoint(params.work):
        working = tuple(name for name in params.work if readings.get(name, float(name in before)) >= 0.5)
        return Driving(hold=state.hold, working=working, said=moment.at, greatest=state.greatest)
    return Driving(hold=state.hold, working=before, said=state.said, greatest=state.greatest)


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
