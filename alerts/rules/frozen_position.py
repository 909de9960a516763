"""A receiver that repeats an old position: the vehicle drives, and the position stays where it was."""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.areas import metres
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND


class FrozenPosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least ``fixes`` positions over ``after_s`` seconds within ``within_m`` metres of the first, while it drives.

    It drives when the engine is on and the speed above ``speed_kmh``.
    The speed is that of the position or the reading ``speed_kmh``; a position without either, or one at which the
    vehicle stands, ends the run, for a vehicle that stands is where it was. A gap of more than ``gap_s`` begins a new
    one. It is over with the first position elsewhere.
    """

    after_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 120
    fixes: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 5
    within_m: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1
    speed_kmh: Annotated[float, msgspec.Meta(ge=0, le=250)] = 10
    gap_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300


class Frozen(State, frozen=True, kw_only=True):
    """The place of the run, its first and last instant (µs), the number of positions; the last known engine."""

    ignition: bool = False
    lat: float = 0.0
    lon: float = 0.0
    since: int | None = None
    seen: int = 0
    count: int = 0
    active: bool = False


def step(params: FrozenPosition, state: Frozen | None, moment: Moment) -> Step:
    """Take the engine, and a position with a speed."""
    state = state or _UNKNOWN
    position, at, readings = moment.position, moment.at, moment.readings
    ignition = readings["ignition"] >= 0.5 if "ignition" in readings else state.ignition
    if position is None:
        return (state if ignition is state.ignition else msgspec.structs.replace(state, ignition=ignition)), NOTHING
    speed = readings.get("speed_kmh", position.speed_kmh)
    driving = ignition and speed is not None and speed > params.speed_kmh
    same = state.since is not None and metres(state.lat, state.lon, position.lat, position.lon) <= params.within_m
    if state.active and same:
        return msgspec.structs.replace(state, ignition=ignition, seen=at), NOTHING
    over = (Cleared(at),) if state.active else NOTHING
    if not driving:
        return (_ON if ignition else _UNKNOWN), over
    if state.since is None or not same or at - state.seen > int(params.gap_s * SECOND):
        return Frozen(ignition=True, lat=position.lat, lon=position.lon, since=at, seen=at, count=1), over
    count = min(state.count + 1, params.fixes)
    active = count >= params.fixes and at - state.since >= int(params.after_s * SECOND)
    after = msgspec.structs.replace(state, ignition=ignition, seen=at, count=count, active=active)
    return after, (Raised(at, speed, detail={"since": state.since}),) if active else NOTHING


_UNKNOWN = Frozen()
_ON = Frozen(ignition=True)

KIND = Kind(
    "frozen_position",
    "A position that is stuck",
    FrozenPosition,
    Frozen,
    lambda _: Watch(frozenset(("ignition",)), position=True),
    step,
)
