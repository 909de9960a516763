"""Scoring alerts against a known truth: precision, recall and delay, for each kind of fault.

A truth is an episode (a vehicle idled from here to there) or an instant (a bin crossed 85 %). An alert *finds* a truth
of its device if it is raised from ``early_s`` before its beginning to ``late_s`` after its end; each finds at most one,
and each truth is found by at most one. What is too short to be a fault under the rule is no truth to be found, and an
alert that finds it is not wrong either: it is *excused*. An excuse may serve several alerts. A further alert within a
truth that was found is wrong, unless the truth is one that comes and goes: then the rule told it *again*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import quantiles

import msgspec

SECOND = 1_000_000


class Truth(msgspec.Struct, frozen=True):
    """What happened to a device, from ``start`` to ``end`` (µs); ``counts`` is False for what need not be found.

    ``hinted`` is how long before its beginning (µs) a sensor's noise may have told it already.
    """

    device: str
    start: int
    end: int
    counts: bool = True
    hinted: int = 0


class Told(msgspec.Struct, frozen=True):
    """An alert: raised for a device at an instant (µs)."""

    device: str
    raised_at: int


class Tolerance(msgspec.Struct, frozen=True):
    """How far an alert may lie from what it finds, in seconds.

    ``again``: what it finds may seem to be over in between, and be told more than once.
    """

    early_s: float = 60
    late_s: float = 600
    again: bool = False


class Score(msgspec.Struct, frozen=True):
    """What a rule found. ``delays_s`` are of the truths that were found: from their beginning to the alert.

    ``excused`` are the alerts that were neither right nor wrong, ``again`` those that told a truth once more.
    """

    found: int
    missed: tuple[Truth, ...]
    wrong: tuple[Told, ...]
    delays_s: tuple[float, ...]
    excused: int = 0
    again: int = 0

    @property
    def precision(self) -> float | None:
        """The share of alerts that were right; None without alerts."""
        told = self.found + len(self.wrong)
        return None if not told else self.found / told

    @property
    def recall(self) -> float | None:
        """The share of truths that were found; None without truths."""
        real = self.found + len(self.missed)
        return None if not real else self.found / real

    def delay_s(self, percent: int) -> float | None:
        """A percentile of the delays; None where nothing was found."""
        if len(self.delays_s) < 2:
            return self.delays_s[0] if self.delays_s else None
        return quantiles(self.delays_s, n=100, method="inclusive")[percent - 1]


def score(told: Iterable[Told], truths: Iterable[Truth], tolerance: Tolerance) -> Score:
    """Match alerts with truths, device by device, the nearest first."""
    alerts, real = _by_device(told), _by_device(truths)
    found, excused, again, delays = 0, 0, 0, list[float]()
    missed: list[Truth] = []
    wrong: list[Told] = []
    for device in {**alerts, **real}:
        pairs = _pairs(alerts.get(device, ()), real.get(device, ()), tolerance)
        free_alerts, free_truths = set(range(len(alerts.get(device, ())))), set(range(len(real.get(device, ()))))
        for _, i, j in pairs:
            if i in free_alerts and j in free_truths:
                free_alerts.discard(i)
                alert, truth = alerts[device][i], real[device][j]
                if truth.counts:
                    free_truths.discard(j)
                    found += 1
                    delays.append((alert.raised_at - truth.start) / SECOND)
                else:
                    excused += 1
        if tolerance.again:
            told_again = {i for _, i, j in pairs if i in free_alerts and j not in free_truths}
            free_alerts -= told_again
            again += len(told_again)
        missed += [real[device][j] for j in sorted(free_truths) if real[device][j].counts]
        wrong += [alerts[device][i] for i in sorted(free_alerts)]
    return Score(found, tuple(missed), tuple(wrong), tuple(sorted(delays)), excused, again)


def joined(scores: Sequence[Score]) -> Score:
    """Several runs as one."""
    return Score(
        sum(one.found for one in scores),
        tuple(truth for one in scores for truth in one.missed),
        tuple(alert for one in scores for alert in one.wrong),
        tuple(sorted(delay for one in scores for delay in one.delays_s)),
        sum(one.excused for one in scores),
        sum(one.again for one in scores),
    )


def _pairs(alerts: Sequence[Told], truths: Sequence[Truth], tolerance: Tolerance) -> list[tuple[int, int, int]]:
    """Pairs that may belong together, the nearest first; real faults before what need not be found."""
    early, late = int(tolerance.early_s * SECOND), int(tolerance.late_s * SECOND)
    found = [
        ((not truth.counts, abs(alert.raised_at - truth.start)), i, j)
        for i, alert in enumerate(alerts)
        for j, truth in enumerate(truths)
        if truth.start - truth.hinted - early <= alert.raised_at <= truth.end + late
    ]
    return [(0, i, j) for _, i, j in sorted(found)]


def _by_device(items: Iterable[Told] | Iterable[Truth]) -> Mapping[str, list]:  # type: ignore[type-arg]
    grouped: dict[str, list] = {}  # type: ignore[type-arg]
    for item in items:
        grouped.setdefault(item.device, []).append(item)
    return grouped
