"""A reading beyond a limit: raised once it has stayed there for the hold time, cleared with hysteresis."""

from __future__ import annotations

from math import inf
from typing import Annotated, Literal

import msgspec

from alerts.kind import NOTHING, Calm, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment

SECOND = 1_000_000
Seconds = Annotated[float, msgspec.Meta(ge=0, le=31 * 86_400)]


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``metric`` at or beyond ``limit`` (in the metric's unit) for ``hold_s`` seconds raises.

    It is over when a reading is back at ``clear``; without it, at once when it is within the limit, so that a value
    that sways about it raises again and again. ``clear_hold_s``: only when it has been back for so long.
    """

    metric: str
    limit: float
    when: Literal["above", "below"] = "above"
    clear: float | None = None
    hold_s: Seconds = 0
    clear_hold_s: Seconds = 0


class Level(State, frozen=True, kw_only=True):
    """``active``: raised and not cleared. ``since``: when the value crossed over to the other side (µs).

    A rule that is neither has no state.
    """

    active: bool = False
    since: int | None = None
    value: float = 0.0


def step(params: Threshold, state: Level | None, moment: Moment) -> Step:
    """Take a reading."""
    value = moment.readings[params.metric]
    state = state or _CALM
    if state.active:
        turning, hold = _back(params, value), params.clear_hold_s
    else:
        turning, hold = _beyond(params, value), params.hold_s
    if not turning:
        return (_RAISED if state.active else None), NOTHING
    since = moment.at if state.since is None else state.since
    if hold and moment.at < since + int(hold * SECOND):
        kept = Level(active=state.active, since=since, value=value, due=since + int(hold * SECOND))
        return kept, NOTHING
    return _turned(state, moment.at, value, since)


def wake(params: Threshold, state: Level, at: int) -> Step:
    """The hold time is over, and no reading has said otherwise."""
    return _turned(state, at, state.value, state.since or at)


def _turned(state: Level, at: int, value: float, since: int) -> Step:
    if state.active:
        return None, (Cleared(at, value),)
    return _RAISED, (Raised(at, value, detail={"since": since} if since != at else {}),)


def _beyond(params: Threshold, value: float) -> bool:
    return value >= params.limit if params.when == "above" else value <= params.limit


def _back(params: Threshold, value: float) -> bool:
    if params.clear is None:
        return not _beyond(params, value)
    return value <= params.clear if params.when == "above" else value >= params.clear


def _check(params: Threshold) -> str | None:
    if params.clear is None:
        return None
    if params.clear >= params.limit if params.when == "above" else params.clear <= params.limit:
        side = "below" if params.when == "above" else "above"
        return f"clear: {params.clear:g} must lie {side} the limit {params.limit:g}"
    return None


def _calm(params: Threshold) -> Calm:
    above = params.when == "above"
    return Calm(bounds=((params.metric, -inf if above else params.limit, params.limit if above else inf),))


_CALM = Level()
_RAISED = Level(active=True)

KIND = Kind(
    "threshold",
    "A reading beyond a limit",
    Threshold,
    Level,
    watch=lambda params: Watch(metrics=frozenset((params.metric,))),
    step=step,
    wake=wake,
    check=_check,
    calm=_calm,
)
