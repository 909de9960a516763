"""Emptyings scored: what is found in the reports of a simulated city against when bins were really emptied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

import msgspec
import numpy as np

from fleet.bins.emptying import Emptying, emptyings, series
from fleet.bins.revision import revised, span_around
from fleet.track import Signal
from hub.bench.bins.city import DAY, BinCity, BinReport, Emptied, TruckReport, halts, told

SECOND = 1_000_000
TOLERANCE = 60 * SECOND  #: an emptying is the right one when the truth lies in its bracket, give or take the clocks

Report = TypeVar("Report", BinReport, TruckReport)


class Row(msgspec.Struct):
    """One way of looking at one kind of disturbance, over all seeds; errors of the instant in seconds.

    ``edge`` are truths before the first or after the last but one report of their bin, about which nobody can know yet;
    they are not asked for.
    ``vehicles_right`` is the share of the emptyings found whose vehicle is the right one; None where trucks are unseen.
    """

    disturbed: str
    witnesses: str
    truths: int
    edge: int
    found: int
    wrong: int
    precision: float
    recall: float
    error_p50_s: float
    error_p95_s: float
    vehicles_right: float | None


class Scores(msgspec.Struct):
    """All that was scored. ``late_equal``: with the second half late, every bin ended in the undisturbed emptyings."""

    seeds: list[int]
    days: float
    bins: int
    readings: int
    compactions: int
    outliers: int
    rows: list[Row]
    late_equal: bool


class _Tally:
    def __init__(self) -> None:
        self.truths = self.edge = self.found = self.wrong = self.right = 0
        self.errors: list[float] = []

    def add(self, found: Sequence[Emptying], truths: Sequence[Emptied], reports: Sequence[BinReport]) -> None:
        """Each truth is found once, each emptying finds one truth or is wrong."""
        left = list(truths)
        for one in found:
            hit = next((t for t in left if one.since - TOLERANCE <= t.at <= one.until + TOLERANCE), None)
            if hit is None:
                self.wrong += 1
                continue
            left.remove(hit)
            if not _asked(hit, reports):
                self.edge += 1
                continue
            self.truths += 1
            self.found += 1
            self.right += one.vehicle == hit.vehicle
            self.errors.append(abs(one.at - hit.at) / SECOND)
        asked = sum(_asked(one, reports) for one in left)
        self.truths += asked
        self.edge += len(left) - asked

    def row(self, disturbed: str, witnesses: str) -> Row:
        """What it came to."""
        p50, p95 = np.percentile(self.errors, [50, 95]).tolist() if self.errors else (0.0, 0.0)
        told_of = self.found + self.wrong
        return Row(
            disturbed,
            witnesses,
            self.truths,
            self.edge,
            self.found,
            self.wrong,
            self.found / told_of if told_of else 1.0,
            self.found / self.truths if self.truths else 1.0,
            p50,
            p95,
            None if witnesses == "fill" else self.right / max(1, self.found),
        )


def _asked(truth: Emptied, reports: Sequence[BinReport]) -> bool:
    return len(reports) > 1 and reports[0].at < truth.at < reports[-2].at


def _undisturbed(reports: list[Report], _: Random) -> list[Report]:
    return reports


def _lost(reports: list[Report], chance: Random) -> list[Report]:
    return [one for one in reports if chance.random() >= 0.1]


def _jittered(reports: list[Report], chance: Random) -> list[Report]:
    """Clocks that jump by up to 30 s, a tenth of the reports twice, and all of it out of order."""
    moved = [one._replace(at=one.at + int(chance.uniform(-30, 30) * SECOND)) for one in reports]
    moved += [one for one in moved if chance.random() < 0.1]
    chance.shuffle(moved)
    return moved


def _gap(reports: list[Report], _: Random) -> list[Report]:
    """Nothing from anybody between 9 and 10 o'clock of each day (in Shanghai; the day begins at 16:00 UTC)."""
    hour = 3_600 * SECOND
    return [one for one in reports if not 9 * hour <= (one.at + 8 * hour) % DAY < 10 * hour]


DISTURBED: dict[str, Callable[[list[BinReport], Random], list[BinReport]]] = {
    "nothing": _undisturbed,
    "10 % lost": _lost,
    "30 s jitter, doubled, shuffled": _jittered,
    "a one-hour gap a day": _gap,
}
_TRUCKS: dict[str, Callable[[list[TruckReport], Random], list[TruckReport]]] = {
    "nothing": _undisturbed,
    "10 % lost": _lost,
    "30 s jitter, doubled, shuffled": _undisturbed,
    "a one-hour gap a day": _gap,
}
WITNESSES = ("fill", "fill, trucks", "fill, trucks, events")


def find(city: BinCity, disturbed: str, witnesses: str, seed: int) -> dict[str, list[Emptying]]:
    """The emptyings of each bin, with what is known of witnesses."""
    chance = Random(f"{seed}/{disturbed}")  # noqa: S311 - the same disturbance every time
    stood = halts({vehicle: _TRUCKS[disturbed](own, chance) for vehicle, own in city.trucks.items()})
    found = {}
    for name, reports in city.bins.items():
        seen = DISTURBED[disturbed](reports, chance)
        beside = [] if witnesses == "fill" else stood.beside(*city.places[name])
        own = told(seen) if witnesses.endswith("events") else []
        found[name] = emptyings(name, series((one.at, one.fill) for one in seen), own, beside)
    return found


def late_equal(city: BinCity) -> bool:
    """Whether the second half of everything, the next morning, ends in the emptyings that all of it at once gives."""
    middle = (city.begin + city.end) // 2
    early = halts({vehicle: [one for one in own if one.at < middle] for vehicle, own in city.trucks.items()})
    stood = halts(city.trucks)
    for name, reports in city.bins.items():
        place = city.places[name]
        whole = emptyings(name, _series(reports), told(reports), stood.beside(*place))
        first = [one for one in reports if one.at < middle]
        known = set(emptyings(name, _series(first), told(first), early.beside(*place)))
        span = span_around(_series(reports), middle, city.end)
        again = [one for one in reports if one.at > span.begin]
        change = revised([*known], emptyings(name, _series(again), told(again), stood.beside(*place)), span)
        if (known - set(change.vanished)) | set(change.appeared) != set(whole):
            return False
    return True


def _series(reports: Sequence[BinReport]) -> Signal:
    return series((one.at, one.fill) for one in reports)


def score(seeds: Sequence[int], days: float, bins: int, vehicles: int, tell: Callable[[], None]) -> Scores:
    """Score every disturbance with every set of witnesses; ``tell`` is called once a seed."""
    tallies = {(disturbed, witnesses): _Tally() for disturbed in DISTURBED for witnesses in WITNESSES}
    totals, equal = {"compaction": 0, "outlier": 0, "readings": 0}, True
    for seed in seeds:
        city = BinCity(seed, days, bins=bins, vehicles=vehicles)
        totals["readings"] += sum(map(len, city.bins.values()))
        for kind in ("compaction", "outlier"):
            totals[kind] += city.upsets[kind]
        for (disturbed, witnesses), tally in tallies.items():
            for name, found in find(city, disturbed, witnesses, seed).items():
                tally.add(found, city.emptied[name], city.bins[name])
        equal = equal and late_equal(city)
        tell()
    rows = [tally.row(*key) for key, tally in tallies.items()]
    return Scores(
        [*seeds], days, bins, totals["readings"], totals["compaction"], totals["outlier"], rows, late_equal=equal
    )
