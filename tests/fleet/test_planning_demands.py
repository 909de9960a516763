"""Which bins are due in a shift, and why."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from fleet.planning.demands import HOUR_US, BinLevel, Rule, demands
from fleet.planning.expectation import Foretold
from fleet.track import Signal

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


def test_each_says_what_its_fill_rests_on() -> None:
    levels = [
        msgspec.structs.replace(level(fill_pct=90.0), bin="heard"),
        msgspec.structs.replace(level(fill_pct=80.0), bin="foretold"),
        msgspec.structs.replace(level(), bin="never"),
        msgspec.structs.replace(level(fill_pct=90.0, at=BEGIN - 25 * HOUR_US), bin="silent"),
    ]
    rising = Foretold({"foretold": Signal(np.array([BEGIN, END]), np.array([80.0, 96.0]))})
    found = {one.bin: one for one in demands(levels, BEGIN, END, expected=rising, foretold=rising.bins)}
    sources = {"heard": "measured", "foretold": "forecast", "never": "age", "silent": "age"}
    assert {name: one.source for name, one in found.items()} == sources
    assert found["foretold"].litres == 880.0  # halfway
    assert found["heard"].litres == 900.0


def test_silence_counts_from_when_the_levels_were_looked_up() -> None:
    """A shift of the day after tomorrow does not find every bin silent."""
    heard = level(fill_pct=20.0, at=BEGIN - 40 * HOUR_US)
    assert demands([heard], BEGIN, END, Rule(as_of=BEGIN - 39 * HOUR_US)) == ()
    assert demands([heard], BEGIN, END, Rule(as_of=BEGIN - 15 * HOUR_US))[0].reason == "AGE"


def test_a_better_forecast_takes_the_place_of_the_straight_line() -> None:
    quiet = level(fill_pct=80.0, rate_pct_h=5.0)
    assert demands([quiet], BEGIN, END, expected=lambda one, at: one.fill_pct or 0.0) == ()
