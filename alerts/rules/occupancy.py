"""A stall that has been occupied for so long that somebody should look.

DOMAIN.md, toilets: a stall over 30 minutes is a welfare check, not a fault of anybody (P).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class Occupancy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``metric`` above zero and without any change for ``after_s`` seconds from the first reading that said so.

    A change of the value (one of several stalls was left, or taken) and an event of ``door_events`` begin anew. A
    sensor that reports regularly must go on saying so: a gap of more than ``gap_s`` is no evidence, and the time begins
    behind it. One that reports changes only has ``gap_s: null``, and the time runs out without new data. It is over
    with the next change or door.
    """

    metric: str = "stall_occupied"
    after_s: Seconds = 1_800
    gap_s: Seconds | None = 300
    door_events: tuple[str, ...] = ("door_opened", "door_closed", "door")


class Stay(State, frozen=True, kw_only=True):
    """The value, since when it has stood (µs), and when it was said last (µs)."""

    value: float = 0.0
    since: int | None = None
    seen: int = 0
    active: bool = False


def step(params: Occupancy, state: Stay | None, moment: Moment) -> Step:
    """Take a reading, or a door."""
    before = state or Stay()
    at, value = moment.at, moment.readings.get(params.metric)
    door = any(kind in params.door_events for kind, _ in moment.events)
    if value is None and not door:
        return before, NOTHING
    if door or before.since is None or value != before.value:
        return _begun(params, at, value or 0.0), (Cleared(at, value),) if before.active else NOTHING
    if not before.active:
        if params.gap_s is not None and at - before.seen > int(params.gap_s * SECOND):
            return _begun(params, at, before.value), NOTHING
        if at - before.since >= int(params.after_s * SECOND):
            return _believed(before, at)
    return msgspec.structs.replace(before, seen=at), NOTHING


def wake(params: Occupancy, state: Stay, at: int) -> Step:
    """The time is over, and the sensor, which reports changes only, has told of none."""
    return _believed(state, at)


def _begun(params: Occupancy, at: int, value: float) -> Stay:
    if value <= 0:
        return Stay()
    due = at + int(params.after_s * SECOND) if params.gap_s is None else None
    return Stay(value=value, since=at, seen=at, due=due)


def _believed(state: Stay, at: int) -> Step:
    after = Stay(value=state.value, since=state.since, seen=at, active=True)
    return after, (Raised(at, state.value, detail={"since": state.since}),)


KIND = Kind(
    "occupancy",
    "Occupied for long",
    Occupancy,
    Stay,
    lambda params: Watch(metrics=frozenset((params.metric,)), events=frozenset(params.door_events)),
    step,
    wake,
)
