"""The planning bench at a small size: every tour is sound, and a plan drives less than fixed rounds do."""

from __future__ import annotations

import numpy as np
import pytest

from hub.bench.planning.city import HISTORY_H, fill, town
from hub.bench.planning.measurement import Load, measure
from hub.bench.planning.table import one_plan, table
from simulators.city.local_time import HOUR


def test_the_plan_drives_less_and_nothing_breaks_a_limit() -> None:
    figures = measure(Load(bins=40, trucks=2, days=1))
    assert [one.faults for one in figures.policies] == [0] * len(figures.policies)
    by_name = {one.name: one for one in figures.policies}
    fixed = by_name["fixed round, every shift"]
    assert fixed.visits == 120
    assert by_name["planned"].distance_km < fixed.distance_km
    assert by_name["planned"].overflow_bin_h < by_name["fixed round, once a day"].overflow_bin_h
    assert figures.solve_served == 40
    assert table(figures).row_count == len(figures.policies)


def test_overflow_is_the_time_at_the_limit_until_somebody_comes() -> None:
    made = town(1, 2, 4)
    pace = made.pace.copy()
    pace[HISTORY_H:] = 10.0
    made = made._replace(pace=pace, litres=np.array([100.0, 100.0]))
    outcome = fill(made, np.array([90.0, 0.0]), 0, 4, {0: made.begin + HOUR * 3 // 2})
    # At 95 % after half an hour, full after one, emptied after one and a half.
    assert outcome.overflow_h == pytest.approx(1.0)
    assert outcome.spilt_l == pytest.approx(5.0)
    np.testing.assert_allclose(outcome.level, [28.0, 40.0])


def test_one_plan_can_be_measured_alone() -> None:
    figures = measure(Load(bins=20, trucks=2, days=0))
    assert (figures.policies, figures.solve_served) == ([], 20)
    assert one_plan(figures).startswith("one plan of 20 bins for 2 trucks: ways ")
    assert table(figures).row_count == 0
