"""A bin that will be full before long, by the rate at which it filled in the last hours.

The rate is a robust one: the median of the slopes between the readings of a bounded window (Theil and Sen), which a
quarter of wild readings cannot move far. DOMAIN.md, bins: prediction by the fill rate; emptying is a sustained drop of
at least 25 points over two readings.
"""

from __future__ import annotations

from statistics import median
from typing import Annotated

import msgspec

from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND

PARTS = 16
HOUR = 3_600 * SECOND

Seconds = Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)]


class PredictedFull(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``metric`` will reach ``full`` within ``lead_s`` seconds, at the rate of the last ``window_s``.

    Nothing is said before the window holds ``samples`` parts with readings over at least half of it, nor while it rose
    by less than ``least_rise`` in the window, which noise could do as well. It is over when the lead grows beyond one
    and a half times ``lead_s``, and when the bin was emptied: a drop of ``drop`` or more that a second reading
    confirms, after which the window begins anew. Above ``full`` nothing is predicted, and nothing is over.
    """

    metric: str = "fill_pct"
    full: float = 85
    lead_s: Seconds = 14_400
    window_s: Seconds = 21_600
    samples: Annotated[int, msgspec.Meta(ge=3, le=PARTS)] = 6
    least_rise: Annotated[float, msgspec.Meta(gt=0)] = 5
    drop: Annotated[float, msgspec.Meta(gt=0)] = 25


class Filling(State, frozen=True, kw_only=True):
    """The last reading of each part of the window, as (instant µs, value), oldest first, at most :data:`PARTS` and one.

    ``low``: a reading that would be an emptying, if the next one confirms it.
    """

    points: tuple[tuple[int, float], ...] = ()
    low: tuple[int, float] | None = None
    active: bool = False


def step(params: PredictedFull, state: Filling | None, moment: Moment) -> Step:
    """Take a reading."""
    state = state or Filling()
    point = moment.at, moment.readings[params.metric]
    if state.points and point[1] <= state.points[-1][1] - params.drop:
        if state.low is None:
            return msgspec.structs.replace(state, low=point), NOTHING
        emptied = Filling(points=(state.low, point))
        return emptied, (Cleared(point[0], point[1]),) if state.active else NOTHING
    width = max(1, int(params.window_s * SECOND) // PARTS)
    last = state.points[-1][0] // width if state.points else None
    if last == point[0] // width:
        # Within a part the last reading counts, and nothing is judged: the rate has not changed much.
        return Filling(points=(*state.points[:-1], point), active=state.active), NOTHING
    points = tuple(one for one in state.points if one[0] > point[0] - width * PARTS)
    points = (*points, point)[-PARTS - 1 :]
    after = Filling(points=points, active=state.active)
    found = _forecast(params, points, width)
    return (after, NOTHING) if found is None else _judged(params, after, point, *found)


def _judged(params: PredictedFull, state: Filling, point: tuple[int, float], rate: float, level: float) -> Step:
    """What a rate (units a µs) and a level mean for the alert."""
    if point[1] >= params.full:
        return state, NOTHING
    rising = rate * int(params.window_s * SECOND) >= params.least_rise
    left = (params.full - level) / rate if rising else None
    if not state.active and left is not None and left <= int(params.lead_s * SECOND):
        detail = {"full_at": point[0] + max(0, int(left)), "rate_per_h": round(rate * HOUR, 3)}
        raised = Raised(point[0], round(level, 2), detail=detail)
        return msgspec.structs.replace(state, active=True), (raised,)
    if state.active and (left is None or left > 1.5 * int(params.lead_s * SECOND)):
        return msgspec.structs.replace(state, active=False), (Cleared(point[0], round(level, 2)),)
    return state, NOTHING


def _forecast(params: PredictedFull, points: tuple[tuple[int, float], ...], width: int) -> tuple[float, float] | None:
    """The rate in units a µs and the level now; None where the window holds too little."""
    if len(points) < params.samples or points[-1][0] - points[0][0] < width * PARTS // 2:
        return None
    now = points[-1][0]
    rate = median(
        (later[1] - sooner[1]) / (later[0] - sooner[0])
        for place, sooner in enumerate(points)
        for later in points[place + 1 :]
    )
    return rate, median(value + rate * (now - at) for at, value in points)


KIND = Kind(
    "predicted_full",
    "Full before long",
    PredictedFull,
    Filling,
    lambda params: Watch(metrics=frozenset((params.metric,))),
    step,
)
