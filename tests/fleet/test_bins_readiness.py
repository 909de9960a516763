"""Which bins are to be emptied, and why."""

import pytest

from fleet.bins.fill_model import BinRates, learn
from fleet.bins.hours import DAY, HOUR
from fleet.bins.readiness import Standing, Thresholds, readiness, thresholds_of
from fleet.bins.watch import Level

NOW = 1_780_243_200_000_000
RATES: BinRates = learn([]).of("bin-1")  # two points an hour, all week


def at(fill: float, **more: object) -> Standing:
    return Standing("bin-1", Level(NOW, fill), emptied_at=NOW - DAY, **more)  # type: ignore[arg-type]


def test_a_full_bin_is_ready_now_and_one_that_will_be_full_by_the_next_visit() -> None:
    full = readiness(at(90), RATES, NOW)
    assert (full.state, full.reason) == ("READY", "FULLNESS")
    assert full.due_at == NOW
    half = readiness(at(60), RATES, NOW)
    assert (half.state, half.reason) == ("NOT_READY", None)
    assert half.due_at == pytest.approx(NOW + 12.5 * HOUR, abs=HOUR)
    assert half.overflow_at is not None
    assert half.overflow_at > (half.due_at or 0)
    assert readiness(at(60), RATES, NOW, next_visit=NOW + 6 * HOUR).state == "NOT_READY"
    soon = readiness(at(60), RATES, NOW, next_visit=NOW + 18 * HOUR)
    assert soon.reason == "FULLNESS"
    assert soon.by_visit is not None
    assert soon.by_visit.median_pct >= 85


def test_age_and_alerts_are_reasons_too_and_the_strongest_is_named() -> None:
    old = Standing("bin-1", Level(NOW, 20), emptied_at=NOW - 8 * DAY)
    assert readiness(old, RATES, NOW).reason == "AGE"
    assert readiness(old, RATES, NOW, Thresholds(max_days=None)).state == "NOT_READY"
    never = Standing("bin-1", Level(NOW, 20), known_since=NOW - 9 * DAY)
    assert readiness(never, RATES, NOW).days_since_emptied == 9
    burning = Standing("bin-1", Level(NOW, 99), emptied_at=NOW - 8 * DAY, alerts=("smoke",))
    assert readiness(burning, RATES, NOW).reasons == ("ALERT", "FULLNESS", "AGE")


def test_missing_data_are_no_data() -> None:
    silent = readiness(Standing("bin-1", None, emptied_at=NOW - DAY), RATES, NOW)
    assert (silent.state, silent.due_at) == ("NO_DATA", None)
    assert readiness(Standing("bin-1", None, alerts=("tilt",)), RATES, NOW).reason == "ALERT"
    assert readiness(Standing("bin-1", None, emptied_at=NOW - 30 * DAY), RATES, NOW).reason == "AGE"


def test_thresholds_are_those_of_the_bin() -> None:
    own = thresholds_of({"notice_pct": 50, "collect_pct": 60, "overflow_pct": 90, "max_days": 2})
    assert own == Thresholds(50, 60, 90, 2)
    assert readiness(at(65), RATES, NOW, own).reason == "FULLNESS"
    assert thresholds_of({}) == Thresholds()
    assert thresholds_of({"collect_pct": 99}) == Thresholds(), "above its own overflow"
    assert thresholds_of({"collect_pct": "full", "max_days": None}) == Thresholds(max_days=None)
