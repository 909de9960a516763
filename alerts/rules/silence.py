"""A device that says nothing for longer than it should.

DOMAIN.md, bins: silent after three intervals (P).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.hours import Hours, fault, later
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment
from devices.clock import SECOND
from devices.vocabulary import Device

Seconds = Annotated[float, msgspec.Meta(gt=0, le=31 * 86_400)]


class Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Silent for ``intervals`` times the interval at which the device is expected to speak; told at that instant.

    The interval is ``interval_s`` where that is given, else the device's attribute ``report_interval_s``, else
    ``default_interval_s``. Time within ``pause`` does not count (a sensor that sleeps at night). With ``while_on``,
    only silence after the named metric (``on_duty``, ``ignition``) was last said to be on counts. It is over when the
    device says anything.
    """

    interval_s: Seconds | None = None
    intervals: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 3
    default_interval_s: Seconds = 600
    pause: Hours | None = None
    while_on: str | None = None

    @property
    def patience(self) -> int:
        """How long it may be silent, µs."""
        interval = self.default_interval_s if self.interval_s is None else self.interval_s
        return int(interval * self.intervals * SECOND)


class Heard(State, frozen=True, kw_only=True):
    """When it was heard (µs), whether it is held to be silent, and whether ``while_on`` was on."""

    at: int
    silent: bool = False
    on: bool = False


def step(params: Silence, state: Heard | None, moment: Moment) -> Step:
    """It speaks."""
    over = (Cleared(moment.at),) if state is not None and state.silent else NOTHING
    if params.while_on is not None:
        before = state is not None and state.on
        on = moment.readings.get(params.while_on, float(before)) >= 0.5
        if not on:
            return Heard(at=moment.at), over
    else:
        on = False
    if params.pause is None:
        due: int | None = moment.at + params.patience
    else:
        due = later(params.pause, moment.at, params.patience)
    return Heard(at=moment.at, on=on, due=due), over


def wake(params: Silence, state: Heard, at: int) -> Step:
    """It has not spoken in time."""
    return Heard(at=state.at, silent=True, on=state.on), (Raised(at, detail={"heard_at": state.at}),)


def _resolve(params: Silence, device: Device) -> Silence:
    if params.interval_s is not None:
        return params
    told = device.attributes.get("report_interval_s")
    if not isinstance(told, int | float) or isinstance(told, bool) or not 0 < told <= 31 * 86_400:
        told = params.default_interval_s
    return msgspec.structs.replace(params, interval_s=float(told))


def _watch(params: Silence) -> Watch:
    return Watch(frozenset(() if params.while_on is None else (params.while_on,)), everything=True)


def _check(params: Silence) -> str | None:
    if params.patience > 366 * 86_400 * SECOND:
        return "intervals: expected a silence of at most 366 days in all"
    found = fault("pause", params.pause)
    if found is None and params.pause is not None and later(params.pause, 0, 1) is None:
        return "pause: expected windows that leave some time free"
    return found


KIND = Kind("silence", "A silent device", Silence, Heard, _watch, step, wake, _check, _resolve)
