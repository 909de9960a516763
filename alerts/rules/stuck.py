"""A sensor that says the same for so long that it must be stuck.

A fault of the sensor, not of the world: the metrics should be ones that vary by themselves, if only by their noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from alerts.kind import Change, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND

MOST_METRICS = 50


class Stuck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run of readings within ``eps`` of its first, over ``after_s`` seconds and at least ``samples`` readings.

    Each of ``metrics`` is judged by itself; the scope of the alert is its name. ``except_values`` are readings
    at which it may rest (a bin empty at 0 or full at 100): they end a run. ``while_on`` names a metric that must be on
    meanwhile (0 or 1), such as the ignition. A gap of more than ``gap_s`` begins a new run. It is over with the first
    reading that differs, or that may rest.
    """

    metrics: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_METRICS)]
    after_s: Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)] = 21_600
    samples: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 10
    eps: Annotated[float, msgspec.Meta(ge=0)] = 0
    except_values: tuple[float, ...] = ()
    while_on: str | None = None
    gap_s: Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)] = 7_200


class Run(msgspec.Struct, frozen=True):
    """A run of readings that are the same: their value, its first and last instant (µs), their number."""

    value: float
    since: int
    seen: int
    count: int = 1
    active: bool = False


class Runs(State, frozen=True, kw_only=True):
    """The run of each metric, and whether ``while_on`` is."""

    runs: Mapping[str, Run] = {}
    on: bool = False


def step(params: Stuck, state: Runs | None, moment: Moment) -> Step:
    """Take the readings of the moment."""
    state = state or Runs()
    on = state.on
    if params.while_on is not None and params.while_on in moment.readings:
        on = moment.readings[params.while_on] >= 0.5
    runs, changes = dict(state.runs), list[Change]()
    for metric in params.metrics:
        value = moment.readings.get(metric)
        if value is None:
            continue
        before = runs.pop(metric, None)
        counts = (params.while_on is None or on) and value not in params.except_values
        run = _longer(params, before, moment.at, value) if counts else None
        if run is not None:
            runs[metric] = run
        was, now = before is not None and before.active, run is not None and run.active
        if was and not now:
            changes.append(Cleared(moment.at, value, metric))
        elif now and not was and run is not None:
            changes.append(Raised(moment.at, value, metric, {"since": run.since, "samples": run.count}))
    return Runs(runs=runs, on=on), tuple(changes)


def _longer(params: Stuck, before: Run | None, at: int, value: float) -> Run:
    if before is None or abs(value - before.value) > params.eps:
        return Run(value, at, at)
    if at - before.seen > int(params.gap_s * SECOND):
        # What is believed stays believed: the sensor says the same as before the gap.
        return Run(before.value, before.since, at, before.count, True) if before.active else Run(value, at, at)
    count = min(before.count + 1, params.samples)
    lasted = at - before.since >= int(params.after_s * SECOND)
    return Run(before.value, before.since, at, count, before.active or (lasted and count >= params.samples))


def _check(params: Stuck) -> str | None:
    if len(set(params.metrics)) < len(params.metrics):
        return "metrics: expected each only once"
    return None


def _watch(params: Stuck) -> Watch:
    return Watch(metrics=frozenset((*params.metrics, *((params.while_on,) if params.while_on else ()))))


KIND = Kind("stuck", "A sensor that is stuck", Stuck, Runs, _watch, step, check=_check)
