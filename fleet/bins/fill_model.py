"""How fast bins fill, and when they are emptied, learnt from what is stored.

The rate of a bin is its own mean times a profile over the hours of the local week. The profile of all bins together is
learnt first; a bin's own profile leaves it only as far as its data carry (so many expected hours count as much as
:data:`OWN_PROFILE_H`), and a bin of which little is known fills like the mean of all. Robust: a median of three takes
single wild readings away; emptyings, falls and what lies beyond the rails are no filling; a gap longer than
:data:`LONGEST_GAP` is no data.

How bins are emptied is learnt beside it: the chance that one which is so full is emptied in this hour of the day, from
all bins, times how much more or less than that this bin was emptied in this hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from fleet.bins.emptying import Emptying
from fleet.bins.hours import HOUR, WEEK_HOURS, cells
from fleet.track import Column, Instants, Signal

LONGEST_GAP = 3 * HOUR
FALL_PCT = 5.0  #: refuse that settles
RAIL_PCT = 99.0
OWN_MEAN_H = 12.0
OWN_PROFILE_H = 12.0
POOL_CELL_H = 6.0
BUCKETS = 20  #: of the level, five points each
OWN_VISITS = 3.0
SPARE_PCT_H = 2.0  #: of a bin when nothing is known of any


class BinPast(NamedTuple):
    """A bin's readings (ordered, see :func:`fleet.bins.emptying.series`) and its emptyings."""

    bin: str
    fill: Signal
    emptied: Sequence[Emptying]


class BinRates(msgspec.Struct, frozen=True, eq=False):
    """What is known of one bin. ``rates`` are points an hour by hour of the local week (168).

    ``visits`` are chances of being emptied within an hour, by hour of the day and bucket of the level (24 x 20).
    ``spread`` is the coefficient of variation of an hour's filling, ``after_pct`` what is left by an emptying.
    ``hours`` is how many hours of data stand behind it.
    """

    bin: str
    rates: Column
    visits: Column
    spread: float
    after_pct: float
    hours: float
    zone: str


class FillModel(msgspec.Struct, frozen=True, eq=False):
    """All bins, and what counts for one that is not among them."""

    bins: dict[str, BinRates]
    pool: BinRates

    def of(self, device: str) -> BinRates:
        """The rates of a bin; those of all together for one that is not known."""
        return self.bins.get(device, self.pool)


class _Sums(NamedTuple):
    risen: Column  #: points by hour of the week
    hours: Column  #: observed hours by hour of the week
    steps: tuple[Column, Column, Instants]  #: points, hours and cells of the single steps
    stays: Column  #: hours by hour of the day and bucket
    emptied: Column  #: emptyings by hour of the day and bucket


def learn(pasts: Iterable[BinPast], zone: str = "Asia/Shanghai") -> FillModel:
    """The model of bins from their pasts; hours and weekdays are those of ``zone``."""
    kept = list(pasts)
    sums = {past.bin: _sums(past, zone) for past in kept}
    names = sorted(sums)
    risen = np.array([sums[name].risen for name in names]).reshape(len(names), WEEK_HOURS)
    hours = np.array([sums[name].hours for name in names]).reshape(len(names), WEEK_HOURS)
    profile, means, pool_mean = _factors(risen, hours)
    spread = _spread([sums[name].steps for name in names], means, profile)
    after = [one.after_pct for past in kept for one in past.emptied if one.after_pct is not None and not one.partial]
    after_pct = float(np.median(after)) if after else 3.0
    visits = _visits(sum((sums[name].stays for name in names), _grid()), sum((sums[n].emptied for n in names), _grid()))
    pool = BinRates("", pool_mean * profile, visits, spread, after_pct, float(hours.sum()), zone)
    bins = {}
    for place, name in enumerate(names):
        expected = means[place] * hours[place]
        own = (risen[place] + OWN_PROFILE_H * means[place] * profile) / np.maximum(
            expected + OWN_PROFILE_H * means[place], 1e-9
        )
        rates = np.maximum(0.0, means[place] * own)
        known = float(hours[place].sum())
        bins[name] = BinRates(name, rates, _own_visits(visits, sums[name]), spread, after_pct, known, zone)
    return FillModel(bins, pool)


def _grid() -> Column:
    return np.zeros((24, BUCKETS))


def _sums(past: BinPast, zone: str) -> _Sums:
    at, level = past.fill.at, _smooth(past.fill.value)
    if len(at) < 2:
        none = np.zeros(0)
        return _Sums(np.zeros(WEEK_HOURS), np.zeros(WEEK_HOURS), (none, none, np.zeros(0, np.int64)), _grid(), _grid())
    step, width = np.diff(level), np.diff(at)
    disturbed = np.zeros(len(step), np.bool_)
    for one in past.emptied:
        disturbed[max(0, np.searchsorted(at, one.since) - 1) : np.searchsorted(at, one.until) + 1] = True
    there = width <= LONGEST_GAP
    rising = there & ~disturbed & (step > -FALL_PCT) & (level[1:] < RAIL_PCT)
    place = cells((at[:-1] + at[1:]) // 2, zone)
    hours = width / HOUR
    risen, seen = np.zeros(WEEK_HOURS), np.zeros(WEEK_HOURS)
    np.add.at(risen, place[rising], step[rising])
    np.add.at(seen, place[rising], hours[rising])
    bucket = _bucket(level[:-1])
    stays = np.zeros((24, BUCKETS))
    np.add.at(stays, (place[there] % 24, bucket[there]), hours[there])
    emptied = np.zeros((24, BUCKETS))
    told = [(one.at, one.before_pct) for one in past.emptied if one.before_pct is not None]
    if told:
        hour = cells(np.array([at_ for at_, _ in told], np.int64), zone) % 24
        np.add.at(emptied, (hour, _bucket(np.array([before for _, before in told]))), 1.0)
    return _Sums(risen, seen, (step[rising], hours[rising], place[rising]), stays, emptied)


def _smooth(value: Column) -> Column:
    """A median of three; the ends stay."""
    if len(value) < 3:
        return value
    middle = np.median(np.stack((value[:-2], value[1:-1], value[2:])), axis=0)
    return np.concatenate((value[:1], middle, value[-1:]))


def _bucket(level: Column) -> Instants:
    return np.clip(level / (100 / BUCKETS), 0, BUCKETS - 1).astype(np.int64)


def _factors(risen: Column, hours: Column) -> tuple[Column, Column, float]:
    """The common profile (mean 1 over the week), the mean of each bin, and that of all (points an hour)."""
    profile = np.ones(WEEK_HOURS)
    total = float(hours.sum())
    pool_mean = max(float(risen.sum()) / total, 1e-3) if total else SPARE_PCT_H
    means = np.full(len(risen), pool_mean)
    for _ in range(4):
        expected = hours @ profile
        means = np.maximum((risen.sum(axis=1) + OWN_MEAN_H * pool_mean) / (expected + OWN_MEAN_H), 1e-3)
        weight = means @ hours if len(means) else np.zeros(WEEK_HOURS)
        by_day = np.tile(_ratio(risen.sum(axis=0), weight, np.ones(WEEK_HOURS), 24), 7)
        prior = POOL_CELL_H * pool_mean
        profile = np.maximum(0.0, (risen.sum(axis=0) + prior * by_day) / (weight + prior))
        profile /= max(float(profile.mean()), 1e-9)
    return profile, means, float(means.mean()) if len(means) else pool_mean


def _ratio(risen: Column, weight: Column, spare: Column, width: int) -> Column:
    """Points over expected points by hour of the day; 1 where nothing is known."""
    risen, weight = risen.reshape(-1, width).sum(axis=0), weight.reshape(-1, width).sum(axis=0)
    return np.where(weight > 0, risen / np.maximum(weight, 1e-9), spare[:width])


def _spread(steps: Sequence[tuple[Column, Column, Instants]], means: Column, profile: Column) -> float:
    """The coefficient of variation of what comes in within an hour, from the single steps of all bins.

    Steps vary by themselves; what varies independently from step to step averages out within an hour.
    """
    squares = weight = 0.0
    for (step, width, place), mean in zip(steps, means.tolist(), strict=True):
        expected = mean * profile[place] * width
        quick = expected > 1.0  # beneath that the sensor's noise is all there is to see
        squares += float((((step - expected) ** 2 * width)[quick]).sum())
        weight += float(((expected**2)[quick]).sum())
    return float(np.clip(np.sqrt(squares / weight), 0.1, 1.5)) if weight else 0.4


def _visits(stays: Column, emptied: Column) -> Column:
    """Chances of all bins: by hour and bucket, leaning on the bucket alone where an hour has little."""
    alone = emptied.sum(axis=0) / np.maximum(stays.sum(axis=0), 1.0)
    chances: Column = np.clip((emptied + 10.0 * alone) / (stays + 10.0), 0.0, 0.95)
    return chances


def _own_visits(pool: Column, sums: _Sums) -> Column:
    """Those of one bin: more or less often than all bins as full as it was, by hour of the day."""
    expected = (pool * sums.stays).sum(axis=1)
    own = (sums.emptied.sum(axis=1) + OWN_VISITS * 0.2) / (expected + OWN_VISITS * 0.2)
    chances: Column = np.clip(pool * own[:, None], 0.0, 0.98)
    return chances
