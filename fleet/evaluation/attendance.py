"""Attendance: when a worker came and left, from what the badge says on shift.

Signs are the metric ``on_duty`` (1 and 0) and the events ``check_in`` and ``check_out``; where a device says neither,
its positions are signs of being there. Nobody is late or absent because data is missing: lateness needs a sign of being
off duty before the first sign of duty, and leaving early one after the last. What lies in between unseen is unknown.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from fleet.evaluation.duty import LEAD_IN_US, Duty, Span, joined, length_s, without
from fleet.track import Driven, Instants

State = Literal["present", "absent", "no_data"]
Signs = tuple[Instants, NDArray[np.bool_]]
SECOND = 1_000_000


class AttendanceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``gap_s``: silence on duty beyond this is no data. ``silence_s``: the same off duty, where badges report seldom.

    A sign of duty within ``edge_s`` of the shift's beginning or end is enough to have been there then.
    A span of being off duty within the shift and its first and last sign of duty counts as away from ``away_s`` on.
    Absent is who is seen to be off duty over at least the share ``absent_share`` of the shift.
    """

    gap_s: float = 300.0
    edge_s: float = 120.0
    silence_s: float = 900.0
    away_s: float = 600.0
    absent_share: float = 0.7


class Presence(msgspec.Struct, frozen=True):
    """What became of a planned shift.

    ``arrived`` and ``left`` lie within it; None where they are not known. ``late_s`` and ``early_s`` are what is
    proven: where an end is not known, up to the last sign of being off duty before, or from the first one after.
    ``known_s`` is how much of the shift there is data about, ``gaps`` are the rest. ``away`` are spans off duty between
    arriving and leaving, without those that are breaks.
    """

    plan: str
    worker: str
    start: int
    end: int
    state: State
    arrived: int | None = None
    left: int | None = None
    late_s: float = 0.0
    early_s: float = 0.0
    known_s: float = 0.0
    gaps: tuple[Span, ...] = ()
    away: tuple[Span, ...] = ()
    device: str = ""

    @property
    def completeness(self) -> float:
        """Share of the shift that there is data about."""
        return min(1.0, self.known_s * SECOND / (self.end - self.start))

    def on_duty(self) -> Span | None:
        """From arriving to leaving; unknown ends are the shift's. None for who was not there."""
        if self.state != "present":
            return None
        return self.start if self.arrived is None else self.arrived, self.end if self.left is None else self.left


def attend(duty: Duty, driven: Driven | None, rules: AttendanceRules | None = None) -> Presence:
    """Judge a duty by the records of the worker's device; None: there is no device.

    Records outside the shift are not looked at, except the last ``on_duty`` before it.
    """
    rules = rules or AttendanceRules()
    at, on = _signs(duty, driven)
    known = _known(duty, at, on, rules)
    gaps = _gaps(duty, known)
    told = Presence(
        *(duty.plan, duty.worker, duty.start, duty.end, "no_data"),
        known_s=length_s(known),
        gaps=gaps,
        device=duty.device or "",
    )
    there = np.flatnonzero(on & (at >= duty.start))
    if not there.size:
        state: State = "absent" if told.completeness >= rules.absent_share else "no_data"
        return msgspec.structs.replace(told, state=state)
    arrived, left = _arrived(duty, at, on, int(there[0]), rules), _left(duty, at, int(there[-1]), rules)
    return msgspec.structs.replace(
        told,
        state="present",
        arrived=arrived,
        left=left,
        late_s=max(0.0, _proven(duty.start, arrived, at[: there[0]][-1:])),
        early_s=max(0.0, -_proven(duty.end, left, at[there[-1] + 1 :][:1])),
        away=_away(duty, at, there, rules),
    )


def _proven(planned: int, found: int | None, off: Instants) -> float:
    """Seconds from the planned end of a shift to the one that was found, else to a sign of being off duty within it."""
    if found is None:
        found = int(off[0]) if off.size else planned
    return (found - planned) / SECOND


def _signs(duty: Duty, driven: Driven | None) -> Signs:
    """Signs of being on duty or not, ascending, one for each instant; of two at one instant, being there wins."""
    nothing = np.empty(0, np.int64), np.empty(0, bool)
    if driven is None:
        return nothing
    stated: list[tuple[int, bool]] = [
        (at, kind == "check_in")
        for kind, at, _ in driven.events
        if kind in ("check_in", "check_out") and duty.start <= at < duty.end
    ]
    if (signal := driven.signals.get("on_duty")) is not None:
        inside = (signal.at >= duty.start - LEAD_IN_US) & (signal.at < duty.end) & ~np.isnan(signal.value)
        at, value = signal.at[inside], signal.value[inside] >= 0.5
        before = np.flatnonzero(at < duty.start)
        first = before[-1] if before.size else 0
        stated += zip(at[first:].tolist(), value[first:].tolist(), strict=True)
    if not stated:
        fixed = driven.track.at
        fixed = np.unique(fixed[(fixed >= duty.start) & (fixed < duty.end)])
        return fixed, np.ones(fixed.size, bool)
    latest: dict[int, bool] = {}
    for instant, there in stated:
        latest[instant] = there or latest.get(instant, False)
    order = sorted(latest)
    return np.array(order, np.int64), np.array([latest[instant] for instant in order], bool)


def _known(duty: Duty, at: Instants, on: NDArray[np.bool_], rules: AttendanceRules) -> tuple[Span, ...]:
    """Spans of the shift between signs near enough to one another, and the edges where a sign is near them."""
    if not at.size:
        return ()
    reach = (np.where(on, rules.gap_s, rules.silence_s) * SECOND).astype(np.int64)
    ends = np.append(at[1:], duty.end)
    spans = [(int(a), int(b)) for a, b, most in zip(at, ends, reach, strict=True) if b - a <= most]
    if duty.start < at[0] <= duty.start + rules.gap_s * SECOND:
        spans.append((duty.start, int(at[0])))
    return joined((max(a, duty.start), min(b, duty.end)) for a, b in spans)


def _gaps(duty: Duty, known: tuple[Span, ...]) -> tuple[Span, ...]:
    edges = [duty.start, *(edge for span in known for edge in span), duty.end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple((start, end) for start, end in pairs if end > start)


def _arrived(duty: Duty, at: Instants, on: NDArray[np.bool_], first: int, rules: AttendanceRules) -> int | None:
    """The first sign of duty, if a sign of being off duty shortly before it, or the shift's beginning, bears it out."""
    instant = int(at[first])
    if first == 0:
        return instant if instant - duty.start <= rules.edge_s * SECOND else None
    if on[first - 1]:  # on duty already when the shift began
        return duty.start if instant - duty.start <= rules.gap_s * SECOND else None
    return instant if instant - at[first - 1] <= rules.silence_s * SECOND else None


def _left(duty: Duty, at: Instants, last: int, rules: AttendanceRules) -> int | None:
    """The last sign of duty, if a sign of being off duty shortly after it, or the shift's end, bears it out.

    A badge on duty that falls silent near the end of the shift was there until the end.
    """
    instant = int(at[last])
    if last == at.size - 1:
        return duty.end if duty.end - instant <= rules.edge_s * SECOND else None
    return instant if at[last + 1] - instant <= rules.gap_s * SECOND else None


def _away(duty: Duty, at: Instants, there: NDArray[np.intp], rules: AttendanceRules) -> tuple[Span, ...]:
    """Spans off duty between the first and the last sign of duty, without the breaks in them.

    A gap on either side does not count: such a span ends with the last sign of being off duty.
    """
    spans = []
    for begin, end in pairwise(there.tolist()):
        if end - begin > 1:
            seen = at[end] - at[end - 1] <= rules.silence_s * SECOND
            span = int(at[begin + 1]), int(at[end] if seen else at[end - 1])
            if length_s(without((span,), duty.breaks)) >= rules.away_s:
                spans.append(span)
    return tuple(spans)
