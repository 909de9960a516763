"""A meter that counts too fast, or that never rests: water that runs, power that is drawn.

DOMAIN.md, toilets: water and power anomalies (S); the figures are proposals (P).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from alerts.hours import Hours, fault, holds
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND

PARTS = 30
HOUR = 3_600 * SECOND

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class Consumption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The counter ``metric`` (m³, kWh) runs at ``rate_per_h`` units an hour or more over ``window_s`` seconds.

    It is over when it runs at ``clear_per_h`` or less (without it, half the rate). ``of: mean`` takes the mean rate of
    the window, ``of: least`` the least of its thirty parts: use that comes and goes leaves parts at rest, a leak does
    not. With ``hours`` (the night), readings outside of them begin the window anew and end the alert. A
    counter that falls (replaced, overflown), one that jumps by more than ``most_per_h`` allows, and a gap of more than
    ``gap_s`` begin the window anew: none of them is evidence.
    """

    metric: str
    rate_per_h: Annotated[float, msgspec.Meta(gt=0)]
    clear_per_h: Annotated[float, msgspec.Meta(ge=0)] | None = None
    of: Literal["mean", "least"] = "mean"
    window_s: Seconds = 1_800
    hours: Hours | None = None
    most_per_h: Annotated[float, msgspec.Meta(gt=0)] | None = None
    gap_s: Seconds = 600


class Metered(State, frozen=True, kw_only=True):
    """The counter at the first reading of each part of the window and at the last, as (instant µs, value)."""

    points: tuple[tuple[int, float], ...] = ()
    active: bool = False


def step(params: Consumption, state: Metered | None, moment: Moment) -> Step:
    """Take the counter."""
    state = state or Metered()
    point = moment.at, moment.readings[params.metric]
    if params.hours is not None and not holds(params.hours, moment.at):
        return Metered(), (Cleared(moment.at),) if state.active else NOTHING
    if not state.points or not _follows(params, state.points[-1], point):
        return Metered(points=(point,), active=state.active), NOTHING
    window = int(params.window_s * SECOND)
    points = _with(state.points, point, window)
    after = Metered(points=points, active=state.active)
    if point[0] - points[0][0] < window:
        return after, NOTHING
    rate = round(_rate(params, points, window), 6)
    clear = params.rate_per_h / 2 if params.clear_per_h is None else params.clear_per_h
    if not state.active and rate >= params.rate_per_h:
        raised = Raised(moment.at, rate, detail={"since": points[0][0]})
        return msgspec.structs.replace(after, active=True), (raised,)
    if state.active and rate <= clear:
        return msgspec.structs.replace(after, active=False), (Cleared(moment.at, rate),)
    return after, NOTHING


def _follows(params: Consumption, last: tuple[int, float], point: tuple[int, float]) -> bool:
    """Whether a counter can have gone on from one reading to the next."""
    passed, used = point[0] - last[0], point[1] - last[1]
    if used < 0 or passed > int(params.gap_s * SECOND):
        return False
    return params.most_per_h is None or used <= params.most_per_h * passed / HOUR


def _with(
    points: tuple[tuple[int, float], ...], point: tuple[int, float], window: int
) -> tuple[tuple[int, float], ...]:
    """The points with one more. The last one gives way where the one before is of the same part.

    Of those that are a window old or older only the newest stays, from which the window is measured.
    """
    width = max(1, window // PARTS)
    kept = [*points]
    if len(kept) > 1 and kept[-1][0] // width == kept[-2][0] // width:
        kept.pop()
    kept.append(point)
    while len(kept) > 2 and point[0] - kept[1][0] >= window:
        kept.pop(0)
    return tuple(kept)


def _rate(params: Consumption, points: tuple[tuple[int, float], ...], window: int) -> float:
    """Units an hour: of all the window, or of the part of it that used least."""
    (first, begin), (last, end) = points[0], points[-1]
    if params.of == "mean":
        return (end - begin) * HOUR / (last - first)
    width, least = max(1, window // PARTS), None
    mark = points[0]
    for point in points[1:]:
        if point[0] - mark[0] >= width:
            rate = (point[1] - mark[1]) * HOUR / (point[0] - mark[0])
            least = rate if least is None else min(least, rate)
            mark = point
    return 0.0 if least is None else least


def _check(params: Consumption) -> str | None:
    if params.clear_per_h is not None and params.clear_per_h >= params.rate_per_h:
        return f"clear_per_h: {params.clear_per_h:g} must lie below rate_per_h {params.rate_per_h:g}"
    if params.most_per_h is not None and params.most_per_h <= params.rate_per_h:
        return f"most_per_h: {params.most_per_h:g} must lie above rate_per_h {params.rate_per_h:g}"
    return fault("hours", params.hours)


KIND = Kind(
    "consumption",
    "A meter that runs too fast",
    Consumption,
    Metered,
    lambda params: Watch(metrics=frozenset((params.metric,))),
    step,
    check=_check,
)
