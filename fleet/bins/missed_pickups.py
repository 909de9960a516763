"""Missed pick-ups: what became of planned stops at bins that their vehicle did not serve, and why.

That the vehicle did not serve a stop is not yet a claim against its crew. The bin may not have been full, or another
vehicle had it, or nobody can know. Only where there is none of these is a stop missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Literal

import msgspec
import numpy as np

from fleet.bins.emptying import CLOCKS, Emptying
from fleet.bins.halts import Halt
from fleet.bins.hours import DAY, HOUR
from fleet.bins.readiness import Thresholds
from fleet.compliance.result import Compliance, Gap, StopResult
from fleet.master.route import Route
from fleet.track import Signal

Outcome = Literal["served", "late", "missed", "not_full", "other_vehicle", "no_data"]
Why = Literal["", "low", "low_then", "other", "passed", "no_truck", "no_positions", "age", "silent", "whose"]

SILENT = 3 * HOUR  #: between two readings; what lies in a longer pause is not known
BRIDGE = 12 * HOUR  #: between two readings, in which a bin that nobody emptied did at least not fall
PLANNED_LATE = 2 * HOUR  #: after its window, within which a stop that the vehicle serves after all counts as late
UNSURE = HOUR // 30  #: about a service, within which the vehicle was there, or was not heard of
SAME = HOUR // 6  #: an emptying so near to a service of the stop is that service


class Seen(msgspec.Struct, frozen=True):
    """What is known of a bin over the shift and a little beyond: its fill, its emptyings, and who was beside it.

    ``halts`` are of the planned vehicle: halts and passings-by. ``tracked`` is whether its positions are known; without
    them nobody can say that it did not come. ``since`` is when the bin was emptied last before the shift, or was
    registered (µs; None: not known).
    """

    fill: Signal
    emptied: Sequence[Emptying] = ()
    halts: Sequence[Halt] = ()
    tracked: bool = True
    since: int | None = None
    limits: Thresholds = Thresholds()


class Pickup(msgspec.Struct, frozen=True):
    """One planned stop in one pass, and what became of it.

    ``planned`` is its window, or the shift (µs); ``at`` when the bin was emptied, ``vehicle`` by whom (None: not
    known), ``proof`` how that is known. ``why`` says what lies behind the outcome. ``fill_pct`` is the level at the end
    of the window, ``most_pct`` the highest within it (until the vehicle came by last, where the outcome hangs on that),
    ``limit_pct`` from which on the bin is to be emptied. ``passed`` is when the vehicle came by last. ``overflow_h`` is
    for how long the bin was at its overflowing threshold, from the window's beginning to the emptying or to the end of
    what counts.
    """

    stop: str
    bin: str
    number: int
    planned: tuple[int, int]
    outcome: Outcome
    why: Why = ""
    at: int | None = None
    vehicle: str | None = None
    proof: str | None = None
    fill_pct: float | None = None
    most_pct: float | None = None
    limit_pct: float | None = None
    passed: Halt | None = None
    overflow_h: float = 0.0
    partial: bool = False


class _Asked(msgspec.Struct, frozen=True):
    """A stop that was not served, with all that its outcome hangs on. An emptying before ``until`` still counts."""

    stop: StopResult
    window: tuple[int, int]
    until: int
    seen: Seen
    vehicle: str
    gaps: Sequence[Gap]
    when_ready: bool


def missed_pickups(judged: Compliance, route: Route, seen: Mapping[str, Seen]) -> tuple[Pickup, ...]:
    """What became of the stops at bins, by stop and pass: those that the judgement calls missed are asked about again.

    ``seen`` is by the bins' ids and should reach two hours beyond the shift; a bin that is not in it is silent. What
    the judgement says of other stops stands, but for a service that only the bin told of while the vehicle was not
    seen there: that was another's if another is known to have emptied it.
    """
    found: list[Pickup] = []
    by_stop = sorted((one for one in judged.stops if one.device), key=lambda one: (one.stop, one.number))
    for _, group in groupby(by_stop, key=lambda one: one.stop):
        found += _of_stop(list(group), judged, route, seen)
    return tuple(found)


def silences(fill: Signal, start: int, end: int) -> list[Gap]:
    """Where a bin said nothing for longer than it may, within ``[start, end)``."""
    inside = fill.at[(fill.at > start - SILENT) & (fill.at < end + SILENT)].tolist()
    edges = [start - SILENT if not inside else min(start, inside[0]), *inside, max(end, inside[-1] if inside else end)]
    pairs = pairwise(edges)
    found = [(max(start, sooner), min(end, later)) for sooner, later in pairs if later - sooner > SILENT]
    return [Gap(sooner, later) for sooner, later in found if later > sooner]


def _of_stop(results: list[StopResult], judged: Compliance, route: Route, seen: Mapping[str, Seen]) -> Iterable[Pickup]:
    """The passes of one stop in their order: what served one of them serves no other."""
    device = results[0].device or ""
    of_bin = seen.get(device, Seen(_nothing()))
    taken = [one.at for one in results if one.at is not None]
    windows = [one.planned or (judged.start, judged.end) for one in results]
    when_ready = route.kind == "collect" and route.collects == "ready"
    for place, (result, window) in enumerate(zip(results, windows, strict=True)):
        if result.state != "missed":
            outcome: Outcome = "served" if result.state == "early" else result.state
            by = None if result.at is None else judged.vehicle
            pickup = Pickup(result.stop, device, result.number, window, outcome, "", result.at, by, result.proof)
            other = _others(result, of_bin, judged.vehicle)
            yield (
                pickup
                if other is None
                else msgspec.structs.replace(
                    pickup, outcome="other_vehicle", why="other", vehicle=other.vehicle, proof=other.proof
                )
            )
            continue
        following = next((later[0] for later in windows[place + 1 :] if later != window), window[1] + PLANNED_LATE)
        until = min(following, window[1] + PLANNED_LATE)
        # Passes of one window come one after the other.
        begin = max([window[0], *(at for at in taken if window[0] <= at < window[1] and result.number > 1)])
        left = [one for one in of_bin.emptied if not any(_same(one, at) for at in taken)]
        before = [at for at in (of_bin.since, *taken, *(one.at for one in of_bin.emptied)) if at is not None]
        since = max((at for at in before if at <= begin), default=None)
        own = msgspec.structs.replace(of_bin, emptied=left, since=since)
        pickup = _asked(_Asked(result, (begin, window[1]), until, own, judged.vehicle, judged.gaps, when_ready), of_bin)
        if pickup.at is not None:
            taken.append(pickup.at)
        yield msgspec.structs.replace(pickup, planned=window)


def unseen(judged: Compliance, result: StopResult) -> bool:
    """Whether a stop counts as served because its bin was emptied while nobody knows where the vehicle was."""
    if result.at is None or result.proof != "emptied":
        return False
    return any(gap.start - UNSURE <= result.at <= gap.end + UNSURE for gap in judged.gaps)


def _others(result: StopResult, seen: Seen, vehicle: str) -> Emptying | None:
    """The emptying by another vehicle that a service turns out to be; None where the vehicle was there itself."""
    at = result.at
    if at is None or result.proof != "emptied" or any(h.start - UNSURE <= at <= h.end + UNSURE for h in seen.halts):
        return None
    by_others = (one for one in seen.emptied if one.vehicle not in (None, vehicle))
    return next((one for one in by_others if abs(one.at - at) <= CLOCKS), None)


def _same(one: Emptying, at: int) -> bool:
    return abs(one.at - at) <= SAME or one.since <= at <= one.until


def _asked(asked: _Asked, of_bin: Seen) -> Pickup:
    """A stop that the vehicle was not seen to serve: who emptied the bin, or else whether that was called for."""
    fill, limits, window = asked.seen.fill, asked.seen.limits, asked.window
    emptied = sorted(asked.seen.emptied, key=lambda one: (one.at, one.since))
    first = next((one for one in emptied if window[0] <= one.at < asked.until), None)
    made = Pickup(
        asked.stop.stop, asked.stop.device or "", asked.stop.number, window, "missed",
        fill_pct=_level(fill, window[1]),
        most_pct=_greatest(fill, *window, of_bin.emptied),
        limit_pct=limits.notice_pct,
        passed=max((one for one in asked.seen.halts if window[0] <= one.end and one.start < window[1]), default=None,
                   key=lambda one: one.end),
        overflow_h=_overflow_h(fill, window[0], asked.until if first is None else first.at, limits.overflow_pct),
    )  # fmt: skip
    if first is not None and _in_time(first, window[1]):
        return _emptied(made, first, asked)
    unserved = _unserved(made, asked, of_bin)
    return unserved if first is None or unserved.outcome != "missed" else _emptied(unserved, first, asked)


def _in_time(one: Emptying, end: int) -> bool:
    """Whether a bin was emptied before its window ended, or may have been: levels alone tell no instant."""
    return one.at < end or (one.proof == "fill" and one.since < end)


def _emptied(made: Pickup, first: Emptying, asked: _Asked) -> Pickup:
    """Who emptied the bin, if the planned vehicle was not seen to do it. What others did too late excuses nobody."""
    made = msgspec.structs.replace(made, at=first.at, vehicle=first.vehicle, proof=first.proof, partial=first.partial)
    if first.vehicle == asked.vehicle:
        return msgspec.structs.replace(made, outcome="served" if first.at < asked.window[1] else "late", why="")
    bracket = first.since - CLOCKS, first.until + CLOCKS
    here = any(bracket[0] <= one.end and one.start < bracket[1] for one in asked.seen.halts)
    if first.vehicle is None and (here or not _tracked(asked, *bracket)):
        # Nobody was seen to do it, and the planned vehicle may have been there: no claim in either direction.
        return msgspec.structs.replace(made, outcome="no_data", why="whose")
    if not _in_time(first, asked.window[1]):
        return made
    return msgspec.structs.replace(made, outcome="other_vehicle", why="other")


def _unserved(made: Pickup, asked: _Asked, of_bin: Seen) -> Pickup:
    """Whether a bin that nobody emptied was to be emptied, and whether the vehicle came.

    Who came left the bin by what was in it then. Where nobody came, it counts whether it was full at any time.
    """
    fill, notice = asked.seen.fill, asked.seen.limits.notice_pct
    why: Why = "passed" if made.passed else "no_truck" if _tracked(asked, *asked.window) else "no_positions"
    missed = msgspec.structs.replace(made, why=why)
    if not asked.when_ready:
        return missed
    last = asked.window[1] if made.passed is None else min(max(made.passed.end, asked.window[0]), asked.window[1])
    span = (asked.window[0], last)
    most = _greatest(fill, *span, of_bin.emptied)
    if most is None or _level(fill, last) is None or silences(fill, *span):
        bridged = _bridged(fill, *span, of_bin.emptied)
        if bridged is None or bridged >= notice:
            # A crew that came saw what the hub does not know. One that stayed away from a full bin, or from one that
            # nobody hears of, cannot have seen anything.
            certain = why == "no_truck" and (most is None or most >= notice)
            return missed if certain else msgspec.structs.replace(made, outcome="no_data", why="silent")
        most = bridged
    if most >= notice:
        return missed
    made = msgspec.structs.replace(made, most_pct=most)
    if _aged(asked.seen, asked.window[1]):
        return msgspec.structs.replace(made, why="age")
    return msgspec.structs.replace(made, outcome="not_full", why="low" if made.passed is None else "low_then")


def _tracked(asked: _Asked, start: int, end: int) -> bool:
    return asked.seen.tracked and not any(gap.start < end and start < gap.end for gap in asked.gaps)


def _aged(seen: Seen, at: int) -> bool:
    """Whether a bin is to be emptied because it was not for so long, however low it is."""
    days = seen.limits.max_days
    return days is not None and seen.since is not None and at - seen.since >= days * DAY


def _level(fill: Signal, at: int) -> float | None:
    place = int(np.searchsorted(fill.at, at, side="right")) - 1
    return float(fill.value[place]) if place >= 0 and at - fill.at[place] <= SILENT else None


def _greatest(fill: Signal, start: int, end: int, emptied: Iterable[Emptying]) -> float | None:
    """The highest level from what held at ``start`` on, of the middle ones of three: one wild reading fills no bin.

    What was before an emptying that came before ``start`` is left out.
    """
    held = int(np.searchsorted(fill.at, start, side="right")) - 1
    fresh = max((one.until for one in emptied if one.at <= start), default=-1)
    first = max(0, held - 1, int(np.searchsorted(fill.at, fresh)))
    until = int(np.searchsorted(fill.at, end, side="right"))
    value = fill.value[first : until + 1]  # one more at both ends, to hold the first and the last against
    value = (
        np.median(np.stack((value[:-2], value[1:-1], value[2:])), axis=0) if len(value) >= 3 else value[: until - first]
    )
    return float(value.max()) if len(value) else None


def _bridged(fill: Signal, start: int, end: int, emptied: Iterable[Emptying]) -> float | None:
    """What a bin was at most, over silences: one that nobody empties is never above its next reading.

    None where that is not known either: with nothing before or after, too long a silence, or an emptying in it.
    """
    held = int(np.searchsorted(fill.at, start, side="right")) - 1
    following = int(np.searchsorted(fill.at, end))
    if held < 0 or following >= len(fill.at):
        return None
    at = fill.at[held : following + 1]
    if (np.diff(at) > BRIDGE).any() or any(one.until > at[0] and one.since < at[-1] for one in emptied):
        return None
    return float(fill.value[held : following + 1].max())


def _overflow_h(fill: Signal, start: int, end: int, overflow_pct: float) -> float:
    """Hours at the threshold or above; a reading holds until the next, and a silence counts for nothing."""
    if not len(fill.at):
        return 0.0
    begins, ends = fill.at, np.append(fill.at[1:], fill.at[-1])
    held = np.minimum(ends, end) - np.maximum(begins, start)
    counts = (fill.value >= overflow_pct) & (held > 0) & (ends - begins <= SILENT)
    return float(held[counts].sum()) / HOUR


def _nothing() -> Signal:
    return Signal(np.empty(0, np.int64), np.empty(0))
