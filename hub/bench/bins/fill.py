"""Forecasts of fill backtested on a simulated city: 24 h ahead, over days that the model has not seen, against two
baselines.

The model learns from the first days: readings, and the emptyings found in them (not the truth). Over the days that
follow it is asked at fixed hours what each bin will be at, a day ahead, from the readings up to then alone; what the
bin then reports is the truth. *Last value*: as full as it is now. *Weekday mean*: the mean of what it reported in the
same hour of the same weekday in the days learnt (where it reported nothing then, its mean).

Three questions, of the same instants:

* ``visits unknown``: all of them; nobody tells the model when trucks come.
* ``visits known``: all of them; the model is told the instants of the emptyings, as by a plan that is kept.
* ``until emptied``: the last report before the bin is emptied, at most a day and at least an hour ahead: fill alone.
"""  # noqa: D205

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from fleet.bins.emptying import Emptying, emptyings, series
from fleet.bins.fill_model import BinPast, FillModel, learn
from fleet.bins.forecast import forecast, level_of
from fleet.bins.hours import HOUR, WEEK_HOURS, cell, cells
from fleet.bins.watch import Level
from fleet.track import Column, Signal
from hub.bench.bins.city import DAY, BinCity, halts, told

ZONE = "Asia/Shanghai"
AHEAD = DAY
EVERY = 6 * HOUR
NEAR = HOUR // 2  #: so near to the instant asked for a reading must lie to be its truth
QUESTIONS = ("visits unknown", "visits known", "until emptied")


class Row(msgspec.Struct):
    """One question over all seeds: mean absolute errors in points, and the share of truths within the band of 80 %."""

    question: str
    forecasts: int
    mae: float
    last_value_mae: float
    weekday_mean_mae: float
    within_band: float


class Backtest(msgspec.Struct):
    """All that was asked. ``seeds_better``: of how many seeds each question beat both baselines."""

    seeds: list[int]
    learnt_days: float
    held_back_days: float
    bins: int
    rows: list[Row]
    seeds_better: dict[str, int]


class _Errors:
    def __init__(self) -> None:
        self.model: list[float] = []
        self.last: list[float] = []
        self.mean: list[float] = []
        self.within: list[bool] = []

    def row(self, question: str) -> Row:
        parts = [float(np.mean(one)) if one else 0.0 for one in (self.model, self.last, self.mean, self.within)]
        return Row(question, len(self.model), *parts)

    def better(self) -> bool:
        return float(np.mean(self.model)) < min(float(np.mean(self.last)), float(np.mean(self.mean)))

    def add(self, other: _Errors) -> None:
        for name in ("model", "last", "mean", "within"):
            getattr(self, name).extend(getattr(other, name))


def measure(
    seeds: Sequence[int], learnt_days: float, held_back_days: float, bins: int, vehicles: int, tell: Callable[[], None]
) -> Backtest:
    """Backtest some seeds; ``tell`` is called after each."""
    totals = {question: _Errors() for question in QUESTIONS}
    better = dict.fromkeys(QUESTIONS, 0)
    for seed in seeds:
        city = BinCity(seed, learnt_days + held_back_days, bins=bins, vehicles=vehicles, moving_s=30.0)
        for question, errors in backtest(city, city.begin + int(learnt_days * DAY)).items():
            totals[question].add(errors)
            better[question] += errors.better()
        tell()
    rows = [totals[question].row(question) for question in QUESTIONS]
    return Backtest([*seeds], learnt_days, held_back_days, bins, rows, better)


def backtest(city: BinCity, learnt_until: int) -> dict[str, _Errors]:
    """The errors of one city, by question."""
    stood = halts(city.trucks)
    fills = {name: series((one.at, one.fill) for one in reports) for name, reports in city.bins.items()}
    found = {
        name: emptyings(name, fill, told(city.bins[name]), stood.beside(*city.places[name]))
        for name, fill in fills.items()
    }
    model = learn((_until(name, fills[name], found[name], learnt_until) for name in fills), ZONE)
    errors: dict[str, _Errors] = defaultdict(_Errors)
    for name, fill in fills.items():
        means = _weekday_means(fill, learnt_until)
        for at in range(learnt_until, city.end - AHEAD, EVERY):
            _ask(model, name, fill, found[name], means, at, errors)
    return errors


def _until(name: str, fill: Signal, found: Sequence[Emptying], until: int) -> BinPast:
    seen = fill.at < until
    return BinPast(name, Signal(fill.at[seen], fill.value[seen]), [one for one in found if one.until < until])


def _weekday_means(fill: Signal, until: int) -> Column:
    """The mean level by hour of the local week."""
    seen = fill.at < until
    place = cells(fill.at[seen], ZONE)
    total = np.zeros(WEEK_HOURS)
    count = np.zeros(WEEK_HOURS)
    np.add.at(total, place, fill.value[seen])
    np.add.at(count, place, 1.0)
    whole = total.sum() / max(1.0, count.sum())
    means: Column = np.where(count > 0, total / np.maximum(count, 1.0), whole)
    return means


def _ask(
    model: FillModel,
    name: str,
    fill: Signal,
    found: Sequence[Emptying],
    means: Column,
    at: int,
    errors: dict[str, _Errors],
) -> None:
    """One origin: what is said at ``at`` about a day later, by everybody."""
    level = level_of(fill, at)
    if level is None:
        return
    coming = [one for one in found if at < one.at]
    then = _last_report(fill, at + AHEAD)
    if then is not None:
        visits = [one.at for one in found if level.at < one.at <= then]
        _note(model, means, fill, errors["visits unknown"], (name, level, then, None))
        _note(model, means, fill, errors["visits known"], (name, level, then, visits))
    before = _last_report(fill, min(at + AHEAD, coming[0].since if coming else at + AHEAD))
    if before is not None and before >= at + HOUR:
        _note(model, means, fill, errors["until emptied"], (name, level, before, []))


def _last_report(fill: Signal, at: int) -> int | None:
    """The instant of the last report up to ``at``; None when there is none near."""
    place = int(np.searchsorted(fill.at, at, side="right")) - 1
    return int(fill.at[place]) if place >= 0 and at - fill.at[place] <= NEAR else None


def _note(
    model: FillModel, means: Column, fill: Signal, kept: _Errors, asked: tuple[str, Level, int, list[int] | None]
) -> None:
    name, level, then, visits = asked
    truth = float(fill.value[np.searchsorted(fill.at, then)])
    said = forecast(model.of(name), level, then, visits)
    kept.model.append(abs(said.median_pct - truth))
    kept.last.append(abs(level.fill - truth))
    kept.mean.append(abs(float(means[cell(then, ZONE)]) - truth))
    kept.within.append(said.low_pct - 0.5 <= truth <= said.high_pct + 0.5)
