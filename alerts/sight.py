"""What of the truth could be seen at all: truths that a rule had to find, and those that nobody can ask for.

A rule sees stored reports and nothing else. Between two reports, during a device's silence, in a tunnel, or where a
sensor is stuck, the best rule is blind; and a device whose clock is off tells its own time. :class:`Sight` holds what
is known of that for one run, from the side of the devices: it never looks at what the hub made of their reports.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from alerts.expectations import Expectation
from alerts.scoring import SECOND, Truth

Span = tuple[int, int]


class Happening(msgspec.Struct, frozen=True):
    """A record of the truth: what befell a device, from ``start`` to ``end`` (µs of true time); None while it lasts."""

    kind: str
    device: str
    start: int
    end: int | None = None
    detail: Mapping[str, Any] = {}


class Reports(msgspec.Struct):
    """The reports that left a device, in order of their true instants (µs), with what each said of being on."""

    at: list[int] = []
    on: list[bool] = []

    def within(self, span: Span) -> int:
        """How many lie in a span, its ends included."""
        return bisect_right(self.at, span[1]) - bisect_left(self.at, span[0])

    def gap(self, begin: int, end: int, over: int) -> tuple[int, int, bool]:
        """From the last report before ``begin`` to the first from ``end`` on, or ``over``; what the former said.

        Before the first report nothing is known of a device, and nothing is a gap.
        """
        before, after = bisect_left(self.at, begin) - 1, bisect_left(self.at, end)
        until = self.at[after] if after < len(self.at) else over
        return (self.at[before], until, self.on[before]) if before >= 0 else (until, until, False)


class Sight:
    """One run of devices from ``begin`` to ``end`` (µs): what happened, what was reported, whose clock was off."""

    def __init__(
        self, happened: Iterable[Happening], reports: Mapping[str, Reports], begin: int, end: int, ahead: int = 60
    ) -> None:
        self.begin, self.end = begin, end
        self._reports = reports
        self._ahead = ahead * SECOND
        self._clock: dict[str, int] = {}
        self._of: dict[tuple[str, str], list[Happening]] = {}
        self._kinds: dict[str, list[Happening]] = {}
        for one in sorted(happened, key=lambda one: (one.start, one.device)):
            self._of.setdefault((one.device, one.kind), []).append(one)
            self._kinds.setdefault(one.kind, []).append(one)
            if one.kind == "fault_skew":
                self._clock[one.device] = int(one.detail["offset_us"])

    def asked(self, expected: Expectation, devices: Container[str]) -> list[Truth]:
        """What befell the ``devices`` that a rule watches, in the time by which each is filed.

        Those count that the rule is asked to find.
        """
        return _sorted(
            {self._seen(expected, one) for one in self._about(expected.kind, devices) if _fits(expected, one)}
        )

    def excuses(self, expected: Expectation, devices: Container[str]) -> list[Truth]:
        """What explains other alerts of the rule."""
        excuses = {
            self._shifted(one.device, one.start, self._until(one), counts=False)
            for kind in (*expected.explained_by, "fault_stuck")
            for one in self._about(kind, devices)
            if kind != "fault_stuck" or one.detail.get("metric") in expected.metrics
        }
        if expected.hint:
            hints = (one for one in self._about(expected.hint, devices) if _fits(expected, one))
            excuses |= {self._shifted(one.device, one.start, self._until(one), counts=False) for one in hints}
        if expected.gap:
            held = (one for one in self._about("fault_backfill", devices) if not self._believed(one.device))
            excuses |= {msgspec.structs.replace(self._silence(expected, one), counts=False) for one in held}
        return _sorted(excuses)

    def _about(self, kind: str, devices: Container[str]) -> Iterator[Happening]:
        return (one for one in self._kinds.get(kind, ()) if one.device in devices)

    def _believed(self, device: str) -> bool:
        """Whether the hub believes a device's clock; if not, what the device held back lost its time."""
        return self._clock.get(device, 0) <= self._ahead

    def clock(self, device: str) -> int:
        """By how much (µs) the instants at which a device is filed lie off the true ones.

        A clock that is more than ``ahead`` seconds fast is not believed: its reports are filed when they come.
        """
        return self._clock.get(device, 0) if self._believed(device) else 0

    def _seen(self, expected: Expectation, one: Happening) -> Truth:
        if expected.gap:
            return self._silence(expected, one)
        end = self._until(one) if expected.until is None else self._next(one, expected.until)
        blind = sorted(self._blind(expected, one.device, one.start, end))
        visible = _longest(one.start, end, blind)
        lasted = visible[1] - visible[0]
        if expected.lasting is not None and expected.lasting in one.detail:
            lasted = min(lasted, int(one.detail[expected.lasting] * SECOND))
        counts = lasted >= int(expected.least_s * SECOND) if end > one.start else not blind
        if expected.reports:
            reports = self._reports.get(one.device, Reports())
            counts = counts and _count(reports, one.start, end, blind) >= expected.reports
        truth = self._shifted(one.device, one.start, end, counts=counts)
        return msgspec.structs.replace(truth, hinted=self._hinted(expected, one))

    def _hinted(self, expected: Expectation, one: Happening) -> int:
        """How long before a truth (µs) its hint began."""
        hints = self._of.get((one.device, expected.hint), ()) if expected.hint else ()
        return next((one.start - hint.start for hint in hints if hint.end == one.start and _fits(expected, hint)), 0)

    def _silence(self, expected: Expectation, one: Happening) -> Truth:
        """A silence as the hub can know it: from the last report before it to the first one after it."""
        reports = self._reports.get(one.device, Reports())
        begin, end, on = reports.gap(one.start, self._until(one), self.end)
        counts = end - begin >= int(expected.least_s * SECOND) and (on or not expected.while_on)
        hidden = any(begin < until and since <= begin for since, until in self._blind(expected, one.device, begin, end))
        return self._shifted(one.device, begin, end, counts=counts and not hidden)

    def _blind(self, expected: Expectation, device: str, begin: int, end: int) -> list[Span]:
        """The spans in which nothing can be seen of what the rule looks at."""
        found = []
        for kind in expected.blind:
            for one in self._of.get((device, kind), ()):
                if kind == "fault_stuck" and one.detail.get("metric") not in expected.metrics:
                    continue
                if kind == "fault_backfill" and self._believed(device):
                    continue  # what is held back comes with its own time
                span = one.start, self._until(one)
                if span[0] <= end and span[1] >= begin:
                    found.append(span)
        return found

    def _until(self, one: Happening) -> int:
        """The end of what happened; what only has an instant ends there."""
        if one.end is not None:
            return one.end
        return self.end if one.detail.get("open") else one.start

    def _next(self, one: Happening, kind: str) -> int:
        """When something of another kind befell the device next, or the end of the run."""
        of = self._of.get((one.device, kind), ())
        return next((other.start for other in of if other.start > one.start), self.end)

    def _shifted(self, device: str, start: int, end: int, *, counts: bool) -> Truth:
        clock = self.clock(device)
        return Truth(device, start + clock, end + clock, counts)


def _sorted(truths: Iterable[Truth]) -> list[Truth]:
    return sorted(truths, key=lambda one: (one.device, one.start, one.end, one.counts))


def _fits(expected: Expectation, one: Happening) -> bool:
    return all(one.detail.get(name) == value for name, value in expected.where.items())


def _longest(begin: int, end: int, blind: Sequence[Span]) -> Span:
    """The longest stretch of a span that is not blind. ``blind`` is sorted."""
    best, since = (begin, begin), begin
    for start, until in (*blind, (end, end)):
        if min(start, end) - since > best[1] - best[0]:
            best = since, min(start, end)
        since = max(since, until)
    return best


def _count(reports: Reports, begin: int, end: int, blind: Sequence[Span]) -> int:
    """The reports in a span that do not lie in what is blind."""
    inside = reports.at[bisect_left(reports.at, begin) : bisect_left(reports.at, end)]
    return sum(not any(start <= at <= until for start, until in blind) for at in inside)
