"""Missed pick-ups: what became of each planned stop at a bin, and why it was not served.

A stop is held against the emptyings of its bin within its window. Only where there is neither an emptying nor an excuse
is it missed: a bin that was not full is left standing by every crew, and where the bin was silent nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from fleet.bins.emptying import Emptying
from fleet.bins.halts import Halt
from fleet.bins.hours import HOUR
from fleet.bins.readiness import Thresholds
from fleet.compliance.result import Gap
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop
from fleet.track import Signal

Outcome = Literal["served", "late", "missed", "not_full", "no_data"]
Why = Literal["", "bin not full", "truck passed without lift", "no truck came", "data missing", "another vehicle"]

MINUTE = 60_000_000
SILENT = 3 * HOUR  #: between two readings; what lies in a longer pause is not known
PLANNED_LATE = 2 * HOUR  #: after its window, within which a stop that is served counts as late


class Seen(msgspec.Struct, frozen=True):
    """What is known of a bin over the shift and a little beyond: its fill, its emptyings, and who stood beside it.

    ``tracked`` is whether the planned vehicle's positions are known; without them nobody can say that it did not come.
    """

    fill: Signal
    emptied: Sequence[Emptying] = ()
    halts: Sequence[Halt] = ()
    tracked: bool = True


class Pickup(msgspec.Struct, frozen=True):
    """One planned stop and what became of it.

    ``planned`` is its window (µs), ``at`` when the bin was emptied, ``vehicle`` by whom. ``why`` says what lies behind
    an outcome that is not served in time. ``fill_pct`` is the level at the end of the window, ``overflow_h`` how long
    the bin was at its overflowing threshold from the window's beginning to the emptying, or to the end of what is seen.
    """

    stop: str
    bin: str | None
    planned: tuple[int, int]
    outcome: Outcome
    why: Why = ""
    at: int | None = None
    vehicle: str | None = None
    proof: str | None = None
    fill_pct: float | None = None
    overflow_h: float = 0.0
    partial: bool = False


class PickupReport(msgspec.Struct, frozen=True):
    """The stops of a plan. Those without a known bin are not among them. ``gaps`` are silences of bins, by bin."""

    plan: str
    route: str
    route_version: int
    vehicle: str | None
    start: int
    end: int
    pickups: tuple[Pickup, ...]
    gaps: tuple[tuple[str, Gap], ...] = ()

    def count(self, outcome: Outcome) -> int:
        """How many stops came to that."""
        return sum(one.outcome == outcome for one in self.pickups)

    @property
    def missed_per_10000(self) -> float | None:
        """Missed stops per 10,000 about which there are data; None without any."""
        known = sum(one.outcome != "no_data" for one in self.pickups)
        return 10_000 * self.count("missed") / known if known else None

    @property
    def overflow_h(self) -> float:
        """Hours that bins overflowed, all together."""
        return sum(one.overflow_h for one in self.pickups)


def missed_pickups(
    plan: Plan, route: Route, shift: Shift, seen: dict[str, Seen], limits: dict[str, Thresholds] | None = None
) -> PickupReport:
    """What became of the stops of a plan. ``seen`` and ``limits`` are by the bins' ids; a bin not among them is silent.

    ``seen`` should reach two hours beyond the shift, for what was served late.
    """
    start, end = shift_span(plan, shift)
    pickups, gaps = [], []
    for stop in route.stops:
        if stop.device is None:
            continue
        of_bin = seen.get(stop.device, Seen(_nothing()))
        limit = (limits or {}).get(stop.device, Thresholds())
        windows = stop_windows(stop, plan.on, shift)
        for place, window in enumerate(windows):
            until = windows[place + 1][0] if place + 1 < len(windows) else window[1] + PLANNED_LATE
            pickups.append(_pickup(stop, window, min(until, window[1] + PLANNED_LATE), of_bin, plan.vehicle, limit))
        gaps += [(stop.device, gap) for gap in silences(of_bin.fill, start, end)]
    return PickupReport(plan.id, route.id, route.version, plan.vehicle, start, end, tuple(pickups), tuple(gaps))


def shift_span(plan: Plan, shift: Shift) -> tuple[int, int]:
    """When the shift of a plan begins and ends (µs); local minutes, so that a night with a clock change is right."""
    return local_minute(plan.on, shift.start, shift.zone), local_minute(plan.on, shift.start + shift.length, shift.zone)


def stop_windows(stop: Stop, on: date, shift: Shift) -> list[tuple[int, int]]:
    """When a stop is to be served on a service date (µs): its windows, or else the whole shift."""
    pairs = [(window.start, window.end) for window in stop.windows] or [(shift.start, shift.start + shift.length)]
    return sorted((local_minute(on, first, shift.zone), local_minute(on, last, shift.zone)) for first, last in pairs)


def local_minute(on: date, minute: int, zone: str) -> int:
    """The instant (µs) at which the wall clock of ``zone`` shows so many minutes of the service day."""
    day = on + timedelta(days=minute // 1_440)
    clock = datetime.combine(day, time(minute % 1_440 // 60, minute % 60), ZoneInfo(zone))
    return int(clock.timestamp()) * 1_000_000


def silences(fill: Signal, start: int, end: int) -> list[Gap]:
    """Where a bin said nothing for longer than it may, within ``[start, end)``."""
    inside = fill.at[(fill.at > start - SILENT) & (fill.at < end + SILENT)].tolist()
    edges = [start - SILENT if not inside else min(start, inside[0]), *inside, max(end, inside[-1] if inside else end)]
    pairs = pairwise(edges)
    found = [(max(start, sooner), min(end, later)) for sooner, later in pairs if later - sooner > SILENT]
    return [Gap(sooner, later) for sooner, later in found if later > sooner]


def _pickup(
    stop: Stop, window: tuple[int, int], until: int, seen: Seen, vehicle: str | None, limit: Thresholds
) -> Pickup:
    """What became of one stop in one window; an emptying before ``until`` still counts, as late."""
    assert stop.device is not None
    first = next((one for one in sorted(seen.emptied, key=lambda e: e.at) if window[0] <= one.at < until), None)
    level = _level(seen.fill, window[1])
    over = _overflow_h(seen.fill, window[0], until if first is None else first.at, limit.overflow_pct)
    made = Pickup(stop.id, stop.device, window, "missed", fill_pct=level, overflow_h=over)
    if first is not None:
        why: Why = "another vehicle" if vehicle and first.vehicle and first.vehicle != vehicle else ""
        return msgspec.structs.replace(
            made,
            outcome="served" if first.at < window[1] else "late",
            why=why,
            at=first.at,
            vehicle=first.vehicle,
            proof=first.proof,
            partial=first.partial,
        )
    if level is None or silences(seen.fill, *window):
        return msgspec.structs.replace(made, outcome="no_data", why="data missing")
    if _greatest(seen.fill, *window) < limit.notice_pct:
        return msgspec.structs.replace(made, outcome="not_full", why="bin not full")
    came = any(window[0] <= halt.end and halt.start < window[1] for halt in seen.halts)
    if came:
        return msgspec.structs.replace(made, why="truck passed without lift")
    return msgspec.structs.replace(made, why="no truck came" if seen.tracked else "data missing")


def _level(fill: Signal, at: int) -> float | None:
    place = int(np.searchsorted(fill.at, at, side="right")) - 1
    return float(fill.value[place]) if place >= 0 and at - fill.at[place] <= SILENT else None


def _greatest(fill: Signal, start: int, end: int) -> float:
    """The highest level in a span, of the middle ones of three: a single wild reading makes no bin full."""
    inside = fill.value[(fill.at >= start - SILENT) & (fill.at <= end)]
    if len(inside) >= 3:
        inside = np.median(np.stack((inside[:-2], inside[1:-1], inside[2:])), axis=0)
    return float(inside.max()) if len(inside) else 0.0


def _overflow_h(fill: Signal, start: int, end: int, overflow_pct: float) -> float:
    """Hours at the threshold or above; a reading holds until the next, and a silence counts for nothing."""
    if not len(fill.at):
        return 0.0
    begins, ends = fill.at, np.append(fill.at[1:], fill.at[-1])
    held = np.minimum(ends, end) - np.maximum(begins, start)
    counts = (fill.value >= overflow_pct) & (held > 0) & (ends - begins <= SILENT)
    return float(held[counts].sum()) / HOUR


def overflows(fills: Iterable[Signal], start: int, end: int, overflow_pct: float = 95.0) -> float:
    """Hours that bins overflowed in a span, all together: what a plan is judged by."""
    return sum(_overflow_h(fill, start, end, overflow_pct) for fill in fills)


def _nothing() -> Signal:
    return Signal(np.empty(0, np.int64), np.empty(0))
