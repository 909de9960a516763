"""How full a bin will be: a distribution over the level, carried from hour to hour.

Within an hour the level rises by the bin's rate, spread as its filling is; then part of it is emptied: all of it where
a visit is planned, the share that history shows where visits are not known. Levels stand in whole points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
import numpy as np

from fleet.bins.fill_model import BUCKETS, BinRates
from fleet.bins.hours import HOUR, cell
from fleet.bins.watch import DEFAULT, EMPTY, Level, advance, held
from fleet.track import Column, Signal

STATES = 101
THRESHOLDS = (75.0, 85.0, 95.0)
NODES = 5
STALE = 12 * HOUR  #: a level that is older tells nothing of today
FAR = 14 * 24 * HOUR
RECENT = 8


class Forecast(msgspec.Struct, frozen=True):
    """How full a bin will be at ``at`` (µs), as of ``since``; levels in percent.

    ``low_pct`` to ``high_pct`` holds it in eight cases of ten. ``overflow_chance`` is that of reaching 95 % at any
    time until then. ``reaches`` is when it is at 75, 85 and 95 % if nobody comes (µs; None: not within a fortnight).
    """

    bin: str
    since: int
    at: int
    level_pct: float
    expected_pct: float
    median_pct: float
    low_pct: float
    high_pct: float
    overflow_chance: float
    reaches: dict[str, int | None]


def level_of(fill: Signal, at: int) -> Level | None:
    """What is known of a bin's level at ``at`` (µs), from readings up to then; None when they are too old."""
    place = int(np.searchsorted(fill.at, at, side="right"))
    state = EMPTY
    for instant, value in zip(
        fill.at[max(0, place - RECENT) : place].tolist(),
        fill.value[max(0, place - RECENT) : place].tolist(),
        strict=True,
    ):
        state, _ = advance(state, instant, value, DEFAULT)
    level = held(state)
    return None if level is None or at - level.at > STALE else level


def forecast(rates: BinRates, level: Level, at: int, visits: Sequence[int] | None = None) -> Forecast:
    """The level at ``at`` of a bin that is at ``level``. ``visits`` are the instants (µs) at which it will be emptied.

    None: it is not known when anybody comes, and the bin's history says how likely that is.
    """
    mass = np.zeros(STATES)
    mass[round(min(100.0, max(0.0, level.fill)))] = 1.0
    dry = mass.copy()  # those that have not overflowed
    dry[95:] = 0.0
    after = _after(rates.after_pct)
    for begin, end, visit in _steps(level.at, at, visits):
        hour = cell(begin, rates.zone)
        mean = float(rates.rates[hour]) * (end - begin) / HOUR
        spread = rates.spread / max(0.1, ((end - begin) / HOUR)) ** 0.5
        mass, dry = _risen(mass, mean, spread), _risen(dry, mean, spread)
        dry[95:] = 0.0
        if visits is None:
            chance = 1.0 - (1.0 - np.repeat(rates.visits[hour % 24], 100 // BUCKETS)) ** ((end - begin) / HOUR)
            mass, dry = _emptied(mass, chance, after), _emptied(dry, chance, after)
        elif visit:
            mass, dry = _emptied(mass, np.ones(100), after), _emptied(dry, np.ones(100), after)
    low, median, high = _quantiles(mass, (0.1, 0.5, 0.9))
    return Forecast(
        rates.bin,
        level.at,
        at,
        level.fill,
        float(mass @ np.arange(STATES)),
        median,
        low,
        high,
        1.0 - float(dry.sum()),
        reaches(rates, level),
    )


def reaches(rates: BinRates, level: Level, thresholds: Iterable[float] = THRESHOLDS) -> dict[str, int | None]:
    """When a bin that nobody empties is at so many percent (µs), at its expected rate; at once for what it is past."""
    waiting = sorted(thresholds)
    found: dict[str, int | None] = {f"{one:g}": None for one in waiting}
    fill, at = level.fill, level.at
    for begin, end, _ in _steps(level.at, level.at + FAR, ()):
        while waiting and fill >= waiting[0]:
            found[f"{waiting.pop(0):g}"] = at
        if not waiting:
            break
        rate = float(rates.rates[cell(begin, rates.zone)]) / HOUR
        rise = rate * (end - begin)
        while waiting and fill + rise >= waiting[0]:
            found[f"{waiting[0]:g}"] = begin + int((waiting[0] - fill) / rate) if rate else end
            waiting.pop(0)
        fill, at = fill + rise, end
    return found


def course(rates: BinRates, level: Level, until: int) -> Signal:
    """The median level of a bin that nobody empties, from hour to hour up to ``until`` (µs): one pass for many asks.

    At whole hours it is what :func:`forecast` says; it never falls below what the bin holds.
    """
    mass = np.zeros(STATES)
    mass[round(min(100.0, max(0.0, level.fill)))] = 1.0
    at, median = [level.at], [level.fill]
    for begin, end, _ in _steps(level.at, until, ()):
        share = (end - begin) / HOUR
        mass = _risen(mass, float(rates.rates[cell(begin, rates.zone)]) * share, rates.spread / max(0.1, share) ** 0.5)
        at.append(end)
        median.append(max(median[-1], *_quantiles(mass, (0.5,))))
    return Signal(np.array(at, np.int64), np.array(median))


def _steps(begin: int, end: int, visits: Sequence[int] | None) -> Iterator[tuple[int, int, bool]]:
    """From hour to hour and visit to visit; with whether a visit stands at the end of the step."""
    planned = sorted(visit for visit in visits or () if begin < visit <= end)
    while begin < end:
        stop = min((begin // HOUR + 1) * HOUR, end)
        visit = bool(planned) and planned[0] <= stop
        if visit:
            stop = planned.pop(0)
        yield begin, stop, visit
        begin = stop


def _risen(mass: Column, mean: float, spread: float) -> Column:
    """The distribution after a rise of ``mean`` points with a coefficient of variation."""
    risen = np.zeros(STATES)
    for factor in _factors(round(min(spread, 3.0), 1)):
        whole, part = divmod(mean * factor, 1.0)
        risen += (1.0 - part) * _shifted(mass, int(whole)) + part * _shifted(mass, int(whole) + 1)
    return risen / NODES


def _shifted(mass: Column, by: int) -> Column:
    if by == 0:
        return mass
    shifted = np.zeros(STATES)
    if by < STATES:
        shifted[by:] = mass[: STATES - by]
    shifted[-1] += mass[max(0, STATES - by) :].sum()
    return shifted


@lru_cache(maxsize=64)
def _factors(spread: float) -> tuple[float, ...]:
    """Equally likely multiples of a mean with that coefficient of variation, lognormal; their mean is 1."""
    normal = np.array([-1.4, -0.53, 0.0, 0.53, 1.4])  # means of the fifths of a standard normal distribution
    factors = np.exp(np.sqrt(np.log1p(spread**2)) * normal)
    return tuple((factors / factors.mean()).tolist())


def _after(mean: float) -> Column:
    """What an emptying leaves: anything from nothing to twice the mean."""
    most = max(1, round(2 * mean)) + 1
    left = np.zeros(STATES)
    left[:most] = 1.0 / most
    return left


def _emptied(mass: Column, chance: Column, after: Column) -> Column:
    """Part of the mass, by level, is emptied."""
    gone = mass * np.append(chance, chance[-1])
    left: Column = mass - gone + after * gone.sum()
    return left


def _quantiles(mass: Column, shares: Iterable[float]) -> list[float]:
    below = np.cumsum(mass) / max(float(mass.sum()), 1e-12)
    return [min(STATES - 1.0, float(np.searchsorted(below, share))) for share in shares]
