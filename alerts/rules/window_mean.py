"""A mean over time that is beyond a limit: the air of a toilet.

DOMAIN.md, toilets: judge air on a 10-minute mean with hysteresis, close after a cleaner's check-in (P); limits by class
of toilet from the older GB/T 17217-1998 (S).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND
from devices.vocabulary import Device

PARTS = 20

Seconds = Annotated[float, msgspec.Meta(ge=20, le=86_400)]


class WindowMean(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mean of ``metric`` over the last ``window_s`` seconds at or above ``limit``.

    It is over at or below ``clear`` (without it, nine tenths of the limit). It is a mean over time: a reading counts
    until the next one, but for ``gap_s`` at most, so that ten readings of one minute weigh no more than the one of the
    next. Nothing is judged while less than ``known`` of the window is covered; the window moves in twentieths.
    ``limit_by_class`` gives the limit by the device's attribute ``odour_class``. An event of ``close_events`` ends the
    alert, and a new window begins ``settle_s`` after it: air needs its time to follow the mop.
    """

    metric: str
    limit: float
    clear: float | None = None
    window_s: Seconds = 600
    gap_s: Seconds = 180
    known: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.6
    limit_by_class: Mapping[str, float] = {}
    close_events: tuple[str, ...] = ("cleaned", "check_in")
    settle_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 900


class Air(State, frozen=True, kw_only=True):
    """Of each part of the window: its number, the µs that are known of it, and the readings weighed by them.

    ``last``: the last reading, as (instant µs, value). ``closed``: when an event ended what was (µs).
    """

    parts: tuple[tuple[int, int, float], ...] = ()
    last: tuple[int, float] | None = None
    closed: int | None = None
    active: bool = False


def step(params: WindowMean, state: Air | None, moment: Moment) -> Step:
    """Take a reading, or the word that somebody has cleaned."""
    state = state or Air()
    value = moment.readings.get(params.metric)
    if any(kind in params.close_events for kind, _ in moment.events):
        over = (Cleared(moment.at, value),) if state.active else NOTHING
        begun = None if value is None or params.settle_s else (moment.at, value)
        return Air(last=begun, closed=moment.at), over
    if value is None or (state.closed is not None and moment.at - state.closed < int(params.settle_s * SECOND)):
        return state, NOTHING
    last = moment.at, value
    width = int(params.window_s * SECOND) // PARTS
    parts = _weighed(params, state, moment.at, width)
    after = Air(parts=parts, last=last, active=state.active)
    known = sum(part[1] for part in parts)
    if known < params.known * width * PARTS:
        return after, NOTHING
    mean = round(sum(part[2] for part in parts) / known, 6)
    if not state.active and mean >= params.limit:
        return msgspec.structs.replace(after, active=True), (Raised(moment.at, mean, detail={"limit": params.limit}),)
    if state.active and mean <= (0.9 * params.limit if params.clear is None else params.clear):
        return msgspec.structs.replace(after, active=False), (Cleared(moment.at, mean),)
    return after, NOTHING


def _weighed(params: WindowMean, state: Air, at: int, width: int) -> tuple[tuple[int, int, float], ...]:
    """The parts of the window with the time from the last reading up to now; the oldest go."""
    newest = at // width
    parts = {number: (known, weight) for number, known, weight in state.parts if number > newest - PARTS}
    if state.last is not None:
        begin, value = state.last
        end = min(at, begin + int(params.gap_s * SECOND))
        for number in range(max(begin // width, newest - PARTS + 1), (end - 1) // width + 1):
            span = min(end, (number + 1) * width) - max(begin, number * width)
            known, weight = parts.get(number, (0, 0.0))
            parts[number] = known + span, weight + span * value
    return tuple((number, *parts[number]) for number in sorted(parts))


def _resolve(params: WindowMean, device: Device) -> WindowMean:
    limit = params.limit_by_class.get(str(device.attributes.get("odour_class", "")))
    return params if limit is None else msgspec.structs.replace(params, limit=limit)


def _check(params: WindowMean) -> str | None:
    limits = [params.limit, *params.limit_by_class.values()]
    if params.clear is not None and params.clear >= min(limits):
        return f"clear: {params.clear:g} must lie below the limit {min(limits):g}"
    return None


KIND = Kind(
    "window_mean",
    "A mean beyond a limit",
    WindowMean,
    Air,
    lambda params: Watch(metrics=frozenset((params.metric,)), events=frozenset(params.close_events)),
    step,
    check=_check,
    resolve=_resolve,
)
