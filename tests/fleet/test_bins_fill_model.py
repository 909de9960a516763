"""How fast bins fill, and what that foretells."""

import numpy as np
import pytest

from fleet.bins.emptying import Emptying, emptyings, series
from fleet.bins.fill_model import BinPast, learn
from fleet.bins.forecast import course, forecast, level_of, reaches
from fleet.bins.hours import DAY, HOUR, cell, cells
from fleet.bins.watch import Level

ZONE = "Asia/Shanghai"
MONDAY = 1_780_243_200_000_000  #: 2026-06-01 00:00 in Shanghai
STEP = HOUR // 6


def past(name: str, days: float, day_pct_h: float, night_pct_h: float, *, empty_at: float = 80.0) -> BinPast:
    """A bin that fills by day (8 to 20) and by night at its rates, and is emptied when it is at ``empty_at``."""
    level, readings, at = 5.0, [], MONDAY
    while at < MONDAY + days * DAY:
        readings.append((at, round(level, 1)))
        hour = cell(at, ZONE) % 24
        level += (day_pct_h if 8 <= hour < 20 else night_pct_h) / 6
        level = 3.0 if level >= empty_at else level
        at += STEP
    fill = series(readings)
    return BinPast(name, fill, emptyings(name, fill))


def test_rates_follow_the_hours_of_the_day() -> None:
    model = learn([past(f"bin-{n}", 14, 4, 1) for n in range(3)], ZONE)
    rates = model.of("bin-1").rates
    assert rates[2 * 24 + 12] == pytest.approx(4, rel=0.15)
    assert rates[2 * 24 + 3] == pytest.approx(1, rel=0.25)


def test_a_bin_of_which_little_is_known_fills_like_the_others() -> None:
    many = [past(f"bin-{n}", 14, 4, 1) for n in range(5)]
    thin = past("new", 0.2, 40, 40)
    model = learn([*many, thin], ZONE)
    assert model.of("new").rates.mean() < 20, "five hours do not prove that it fills ten times as fast"
    unknown = model.of("nobody")
    assert unknown.rates.mean() == pytest.approx(2.5, rel=0.6)
    nothing = learn([], ZONE)
    assert nothing.of("bin-1").rates.min() > 0


def test_emptyings_gaps_and_wild_readings_are_no_filling() -> None:
    clean = past("bin-1", 14, 4, 1)
    value = clean.fill.value.copy()
    value[100::37] = 100.0
    value[120::53] = 0.0
    kept = (np.arange(len(value)) // 50) % 5 != 0
    torn = series(zip(clean.fill.at[kept].tolist(), value[kept].tolist(), strict=True))
    rates = learn([BinPast("bin-1", torn, clean.emptied)], ZONE).of("bin-1").rates
    expected = learn([clean], ZONE).of("bin-1").rates
    assert rates.mean() == pytest.approx(expected.mean(), rel=0.1)


def test_a_bin_that_nobody_empties_is_full_when_its_rate_says() -> None:
    rates = learn([past("bin-1", 14, 3, 3)], ZONE).of("bin-1")
    start = MONDAY + 20 * DAY
    full = reaches(rates, Level(start, 55.0))
    assert full["85"] == pytest.approx(start + 10 * HOUR, abs=HOUR)
    assert full["95"] > full["85"] > full["75"] > start
    assert reaches(rates, Level(start, 90.0))["85"] == start
    said = forecast(rates, Level(start, 55.0), start + 10 * HOUR, [])
    assert said.median_pct == pytest.approx(85, abs=3)
    assert said.low_pct < said.expected_pct < said.high_pct
    assert said.overflow_chance < 0.2
    assert forecast(rates, Level(start, 55.0), start + DAY, []).overflow_chance > 0.9


def test_a_planned_visit_empties_it() -> None:
    rates = learn([past("bin-1", 14, 3, 3)], ZONE).of("bin-1")
    start = MONDAY + 20 * DAY
    said = forecast(rates, Level(start, 80.0), start + 10 * HOUR, [start + 5 * HOUR])
    assert said.median_pct == pytest.approx(18, abs=4)
    assert forecast(rates, Level(start, 80.0), start + 4 * HOUR, [start + 5 * HOUR]).median_pct > 85
    late = forecast(rates, Level(start, 80.0), start + 10 * HOUR, [start + 7 * HOUR])
    assert late.overflow_chance > 0.5, "it overflows before they come"


def test_without_a_plan_history_says_how_likely_a_visit_is() -> None:
    rates = learn([past("bin-1", 21, 3, 3, empty_at=60)], ZONE).of("bin-1")
    start = MONDAY + 30 * DAY
    assert forecast(rates, Level(start, 55.0), start + 12 * HOUR).median_pct < 50
    assert forecast(rates, Level(start, 5.0), start + 6 * HOUR).median_pct == pytest.approx(23, abs=4)


def test_the_level_now_is_neither_a_spike_nor_too_old() -> None:
    fill = series([(0, 40), (STEP, 41), (2 * STEP, 100)])
    assert level_of(fill, 2 * STEP) == Level(STEP, 41)
    assert level_of(series([(0, 40), (STEP, 41), (2 * STEP, 3)]), 2 * STEP) == Level(2 * STEP, 3)
    assert level_of(fill, 2 * DAY) is None
    assert level_of(series([]), 0) is None


def test_hours_are_local_also_over_a_clock_change() -> None:
    before = 1_774_738_800_000_000  #: 2026-03-29 00:00 in Berlin, a Sunday; at 2 the clock goes to 3
    told = cells(np.array([before + n * HOUR for n in range(4)]), "Europe/Berlin")
    assert told.tolist() == [144, 145, 147, 148]
    assert cell(before + 2 * HOUR, "Europe/Berlin") == 147


def test_half_a_day_of_emptyings_that_nobody_saw_is_no_rate() -> None:
    hidden = BinPast("bin-1", series([(MONDAY, 60), (MONDAY + 8 * HOUR, 9)]), [])
    assert learn([hidden], ZONE).of("bin-1").rates.min() > 0
    told = Emptying("bin-1", MONDAY, MONDAY, MONDAY, None, None)
    assert learn([BinPast("bin-1", series([]), [told])], ZONE).of("bin-1").after_pct == 3.0


def test_a_course_says_at_each_hour_what_a_forecast_says() -> None:
    rates = learn([past(f"bin-{n}", 14, 4, 1) for n in range(3)], ZONE).of("bin-1")
    start = MONDAY + 14 * DAY + 7 * HOUR + HOUR // 3
    level = Level(start, 40.0)
    found = course(rates, level, start + 20 * HOUR)
    assert (found.at[0], found.value[0], found.at[-1]) == (start, 40.0, start + 20 * HOUR)
    assert (np.diff(found.value) >= 0).all()
    for at, value in zip(found.at[1:].tolist(), found.value[1:].tolist(), strict=True):
        assert value == max(40.0, forecast(rates, level, at, ()).median_pct)
