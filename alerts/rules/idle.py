"""An engine that runs while the vehicle stands and does not work.

The duration counts from the first moment at which the vehicle stood; the alert is raised when the duration is reached.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment

SECOND = 1_000_000
Seconds = Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)]


class Idle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Engine on and slower than ``speed_kmh`` for ``after_s`` seconds, with none of ``work`` on.

    A gap of more than ``gap_s`` between moments is no evidence of standing: the time counts anew behind it.
    """

    after_s: Seconds = 300
    speed_kmh: Annotated[float, msgspec.Meta(gt=0, le=250)] = 5
    work: tuple[str, ...] = ("pto", "brush", "spray", "pump", "lift")
    gap_s: Seconds = 300


class Standing(State, frozen=True, kw_only=True):
    """The last known engine, work and speed; ``since`` when it stands (µs); ``seen`` the last moment (µs)."""

    ignition: bool | None = None
    working: tuple[str, ...] = ()
    speed: float | None = None
    since: int | None = None
    seen: int = 0
    active: bool = False


def step(params: Idle, state: Standing | None, moment: Moment) -> Step:
    """Take what is known of engine, work and speed."""
    state = state or Standing()
    readings = moment.readings
    ignition = readings["ignition"] >= 0.5 if "ignition" in readings else state.ignition
    speed = _speed(moment, state.speed)
    working = tuple(name for name in params.work if readings.get(name, float(name in state.working)) >= 0.5)
    idle = bool(ignition) and speed is not None and speed < params.speed_kmh and not working
    broken = state.since is not None and moment.at - state.seen > int(params.gap_s * SECOND)
    known = Standing(ignition=ignition, working=working, speed=speed, seen=moment.at)
    if not idle:
        return known, (Cleared(moment.at, speed),) if state.active else NOTHING
    if state.active and not broken:
        return _with(known, state.since, None, True), NOTHING
    since = moment.at if state.since is None or broken else state.since
    due = since + int(params.after_s * SECOND)
    changes: tuple[Raised | Cleared, ...] = (Cleared(moment.at, speed),) if state.active else NOTHING
    if moment.at >= due:
        return _with(known, since, None, True), (*changes, Raised(moment.at, speed, detail={"since": since}))
    return _with(known, since, None, False), changes


def _with(known: Standing, since: int | None, due: int | None, active: bool) -> Standing:
    return msgspec.structs.replace(known, since=since, due=due, active=active)


def _speed(moment: Moment, before: float | None) -> float | None:
    if "speed_kmh" in moment.readings:
        return moment.readings["speed_kmh"]
    if moment.position is not None and moment.position.speed_kmh is not None:
        return moment.position.speed_kmh
    return before


KIND = Kind(
    "idle",
    "An engine that idles",
    Idle,
    Standing,
    lambda params: Watch(frozenset(("ignition", "speed_kmh", *params.work)), position=True),
    step,
)
