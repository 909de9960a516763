"""An engine that runs while the vehicle stands and does not work.

The duration counts from the first moment at which the vehicle stood; the alert is raised when the duration is reached.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.kind import NOTHING, Change, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from alerts.working import working

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
    state = state or _UNKNOWN
    at, readings = moment.at, moment.readings
    ignition = readings["ignition"] >= 0.5 if "ignition" in readings else state.ignition
    speed = _speed(moment, state.speed)
    on = working(params.work, readings, state.working)
    if not ignition or speed is None or speed >= params.speed_kmh or on:
        known = Standing(ignition=ignition, working=on, speed=speed, seen=at)
        return known, (Cleared(at, speed),) if state.active else NOTHING
    broken = state.since is not None and at - state.seen > int(params.gap_s * SECOND)
    since = at if state.since is None or broken else state.since
    active = (state.active and not broken) or at >= since + int(params.after_s * SECOND)
    after = Standing(ignition=ignition, speed=speed, since=since, seen=at, active=active)
    changes: list[Change] = [Cleared(at, speed)] if state.active and broken else []
    if active and (broken or not state.active):
        changes.append(Raised(at, speed, detail={"since": since}))
    return after, tuple(changes)


def _speed(moment: Moment, before: float | None) -> float | None:
    if "speed_kmh" in moment.readings:
        return moment.readings["speed_kmh"]
    if moment.position is not None and moment.position.speed_kmh is not None:
        return moment.position.speed_kmh
    return before


_UNKNOWN = Standing()

KIND = Kind(
    "idle",
    "An engine that idles",
    Idle,
    Standing,
    lambda params: Watch(frozenset(("ignition", "speed_kmh", *params.work)), position=True),
    step,
)
