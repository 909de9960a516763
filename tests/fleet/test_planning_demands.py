"""Which bins are due in a shift, and why."""

from __future__ import annotations

import pytest

from fleet.planning.demands import HOUR_US, BinLevel, Rule, demands

BEGIN = 1_780_000_000_000_000
END = BEGIN + 8 * HOUR_US


def level(**known: object) -> BinLevel:
    return BinLevel("bin-1", 114.3, 30.58, 1_000.0, **({"at": BEGIN} | known))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"fill_pct": 90.0}, "FULLNESS"),
        ({"fill_pct": 50.0, "rate_pct_h": 5.0}, "FULLNESS"),  # 90 % at the end
        ({"fill_pct": 50.0, "rate_pct_h": 3.0}, None),
        ({"fill_pct": 10.0, "emptied_at": BEGIN - 7 * 24 * HOUR_US}, "AGE"),
        ({"fill_pct": 10.0, "emptied_at": BEGIN - 24 * HOUR_US}, None),
        ({"fill_pct": 10.0, "at": BEGIN - 25 * HOUR_US}, "AGE"),  # silent: nobody knows
        ({}, "AGE"),
        ({"fill_pct": 1.0, "alert": True}, "ALERT"),
    ],
)
def test_a_bin_is_due_for_a_reason(known: dict[str, object], reason: str | None) -> None:
    assert [one.reason for one in demands([level(**known)], BEGIN, END)] == ([reason] if reason else [])


def test_who_would_be_full_before_a_truck_comes_again_is_due() -> None:
    slow = level(fill_pct=50.0, rate_pct_h=3.0)
    (due,) = demands([slow], BEGIN, END, Rule(again=END + 4 * HOUR_US))
    assert due.litres == 620.0  # what it holds in the middle of this shift
    assert due.kg == pytest.approx(99.2)
    assert due.priority == 74


def test_a_better_forecast_takes_the_place_of_the_straight_line() -> None:
    quiet = level(fill_pct=80.0, rate_pct_h=5.0)
    assert demands([quiet], BEGIN, END, expected=lambda one, at: one.fill_pct or 0.0) == ()
