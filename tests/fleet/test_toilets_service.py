"""The service of a toilet: air over the limit, counters that begin anew, meters, cleaning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.toilets.service import Limits, serve
from fleet.track import Driven, Signal, empty_track
from tests.report_documents import toilet
from tests.report_samples import MIN, at

HOUR = 60 * MIN


def of(metric: str, values: list[tuple[int, float]], *, start: int = at(23, 0), hours: int = 10) -> Driven:
    """One metric; instants are minutes after the start."""
    when = np.array([start + minute * MIN for minute, _ in values], np.int64)
    signal = Signal(when, np.array([value for _, value in values], float))
    return Driven("t", start, start + hours * HOUR, empty_track(), {metric: signal})


def test_a_day_with_two_bad_hours() -> None:
    piece = toilet()
    service = serve(piece.driven, odour_class="2", stalls=8)
    nh3, h2s = service.air
    assert nh3.over_s == pytest.approx(2 * 3600, abs=600)
    assert nh3.greatest == pytest.approx(2.1)
    assert h2s.over_s == 0
    assert service.visits == 238 + 238  # from zero again after the reset
    assert service.stall_use == pytest.approx(0.25)
    assert service.water_m3 == pytest.approx(0.2 * (24 - 1 / 12))
    assert service.cleaned == (at(23, 6), at(23, 14))
    assert service.longest_s == 10 * 3600
    assert service.completeness == 1.0


@pytest.mark.parametrize(("odour_class", "over"), [("1", True), ("2", False), ("3", False), ("nonsense", False)])
def test_the_limit_is_that_of_the_class(odour_class: str, over: bool) -> None:
    air = serve(of("nh3_ppm", [(minute, 1.0) for minute in range(0, 600, 5)]), odour_class=odour_class).air[0]
    assert (air.over_s > 0) is over  # 1 ppm is 0.70 mg/m³


def test_silence_is_no_data_and_no_good_air() -> None:
    air = serve(of("nh3_ppm", [(0, 5.0), (300, 0.1)])).air[0]
    assert air.known_s == 2 * 900
    assert air.over_s == pytest.approx(600)  # of the next ten minutes only five are known: not judged
    assert [mean is None for _, mean in air.hours] == [False, True, True, True, True, False, True, True, True, True]


def test_a_toilet_that_says_nothing() -> None:
    service = serve(Driven("t", at(23, 0), at(24, 0), empty_track(), {}))
    assert (service.visits, service.water_m3, service.stall_use, service.air) == (None, None, None, ())
    assert service.completeness == 0.0
    assert service.longest_s == 24 * 3600


def test_a_counter_counts_from_the_value_before_the_span() -> None:
    driven = of("people_in", [(-30, 100.0), (30, 110.0), (60, 130.0), (90, 5.0), (120, 9.0)])
    assert serve(driven).visits == 30 + 5 + 4


def test_visits_of_periods_are_summed() -> None:
    assert serve(of("people_in_period", [(-10, 7.0), (10, 3.0), (20, 4.0)])).visits == 7


@given(
    st.lists(st.tuples(st.integers(0, 599), st.floats(0, 10)), min_size=1, max_size=40, unique_by=lambda one: one[0])
)
@settings(max_examples=60, deadline=None)
def test_known_time_is_never_more_than_there_is(values: list[tuple[int, float]]) -> None:
    air = serve(of("nh3_ppm", sorted(values)), limits=Limits(window_s=600)).air[0]
    assert 0 <= air.over_s <= air.known_s + 1e-6 <= 10 * 3600 + 1e-6
    means = [mean for _, mean in air.hours if mean is not None]
    assert all(mean <= 10 * 0.70 + 1e-6 for mean in means)
