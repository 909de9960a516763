"""A reading that rises fast, or is high at all: fire.

DOMAIN.md, bins: fire at 60 °C, or 10 °C in 10 minutes (P).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND

PARTS = 32


class Rise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``metric`` at least ``rise`` above its least value of the last ``window_s`` seconds, or at ``limit``.

    A value as old as the window still counts. A rise must be seen at ``readings`` readings in a row, ``limit`` once. It
    is over when the reading is below ``clear`` (without it, below ``limit``) and less than half of ``rise`` above the
    least value of the window. What is older than the window is no evidence: after a gap the rise counts anew.
    """

    metric: str
    rise: Annotated[float, msgspec.Meta(gt=0)] = 10
    window_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 600
    limit: float | None = None
    clear: float | None = None
    readings: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class Rising(State, frozen=True, kw_only=True):
    """``least``: of each part of the window the least reading, as (instant µs, value), oldest first.

    They are at most two more than :data:`PARTS`. ``count``: risen readings in a row.
    """

    least: tuple[tuple[int, float], ...] = ()
    count: int = 0
    active: bool = False


def step(params: Rise, state: Rising | None, moment: Moment) -> Step:
    """Take a reading."""
    value = moment.readings[params.metric]
    state = state or Rising()
    window = int(params.window_s * SECOND)
    least = _noted(state.least, moment.at, value, window)
    base = min(low for _, low in least)
    hot = params.limit is not None and value >= params.limit
    count = min(state.count + 1, params.readings) if value - base >= params.rise else 0
    if not state.active:
        if not hot and count < params.readings:
            return Rising(least=least, count=count), NOTHING
        detail = {"cause": "limit" if hot else "rise", "rise": round(value - base, 3)}
        return Rising(least=least, count=count, active=True), (Raised(moment.at, value, detail=detail),)
    bound = params.clear if params.clear is not None else params.limit
    if value - base < params.rise / 2 and (bound is None or value < bound):
        return Rising(least=least), (Cleared(moment.at, value),)
    return Rising(least=least, count=count, active=True), NOTHING


def _noted(least: tuple[tuple[int, float], ...], at: int, value: float, window: int) -> tuple[tuple[int, float], ...]:
    """The least readings with one more. Within a part the earlier of two equal ones goes, which is sooner forgotten."""
    part = max(1, window // PARTS)
    kept = [(then, low) for then, low in least if at - then <= window]
    if kept and kept[-1][0] // part == at // part:
        if kept[-1][1] >= value:
            kept[-1] = (at, value)
    else:
        kept.append((at, value))
    return tuple(kept)


def _check(params: Rise) -> str | None:
    if params.clear is not None and params.limit is None:
        return "clear: expected only beside a limit"
    if params.clear is not None and params.limit is not None and params.clear > params.limit:
        return f"clear: {params.clear:g} must not lie above the limit {params.limit:g}"
    return None


KIND = Kind(
    "rise",
    "A fast rise",
    Rise,
    Rising,
    lambda params: Watch(metrics=frozenset((params.metric,))),
    step,
    check=_check,
)
