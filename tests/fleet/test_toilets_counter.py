"""Counters of toilets: what is counted, what is refused, whatever the device does with its numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.reports.document import Said, Table
from fleet.reports.kind import kinds
from fleet.reports.kinds.toilet_service import ToiletPiece
from fleet.reports.revision import Order
from fleet.toilets.counter import Counted, counted
from fleet.toilets.service import serve
from fleet.track import Driven, Signal, empty_track
from tests.report_documents import toilet
from tests.report_samples import MIN, ZONE, at

START = at(23, 0)
DAY = 24 * 60 * MIN
A_MINUTE = 60.0


def signal(values: list[tuple[float, float]]) -> Signal:
    """Instants are minutes after the start."""
    return Signal(np.array([START + round(minute * MIN) for minute, _ in values], np.int64),
                  np.array([value for _, value in values], float))  # fmt: skip


def count(values: list[tuple[float, float]], most_per_min: float = A_MINUTE) -> Counted:
    return counted(signal(values), START, START + DAY, most_per_min)


def sums(values: list[tuple[float, float]]) -> tuple[float, int]:
    found = count(values)
    return float(found.steps.sum()), found.refused


def interleaved(low: float, high: float, every: float = 5.0, readings: int = 288) -> list[tuple[float, float]]:
    """Two counters in one device's data: one of them counts 2 in ``every`` minutes, the other 1."""
    both = []
    for number in range(readings):
        first = number % 2 == 0
        both.append((number * every / 2, (high + 2 * (number // 2)) if first else (low + number // 2)))
    return both


def test_two_counters_that_interleave_are_no_crowd() -> None:
    """It was told as millions of visits a day: each step back counted as a counter that began anew."""
    values = interleaved(9_500, 18_900)
    driven = Driven("t", START, START + DAY, empty_track(), {"people_in": signal(values)})
    service = serve(driven)
    assert service.visits == 143 * 2 + 143
    assert [(one.metric, one.refused) for one in service.counters] == [("people_in", 287)]


@pytest.mark.parametrize(("low", "high"), [(3, 40), (5, 230), (990, 1_000), (0, 65_000), (60_000, 65_300)])
def test_two_counters_count_what_each_counts_also_where_they_are_near(low: float, high: float) -> None:
    total, refused = sums(interleaved(low, high, readings=60))
    assert total == pytest.approx(29 * 2 + 29, abs=2)
    assert refused >= 50


def test_a_counter_that_begins_anew_counts_from_zero() -> None:
    assert sums([(0, 5_000), (5, 5_004), (10, 3), (15, 8), (400, 5_003), (405, 5_006)]) == (4 + 3 + 5 + 4_995 + 3, 0)


def test_a_counter_that_begins_anew_each_night_may_soon_pass_what_it_had() -> None:
    """The day before ended at 40, and a quarter of an hour later there are more."""
    values = [(0, 36), (5, 40), (10, 2), (15, 20), (20, 38), (25, 41), (30, 44), (35, 60)]
    assert sums(values) == (4 + 60, 0)


def test_a_counter_rolls_over() -> None:
    assert sums([(0, 65_530), (5, 65_534), (10, 6), (15, 9)]) == (4 + 8 + 3, 0)
    assert sums([(0, 9_998), (5, 3)]) == (5, 0)


def test_what_no_door_lets_through_is_refused() -> None:
    assert sums([(0, 100), (5, 110), (10, 2_000_000), (15, 2_000_004)]) == (10 + 4, 1)
    assert sums([(0, 100), (1, 160)]) == (60, 0)
    assert sums([(0, 100), (1, 161)]) == (0, 1)
    assert sums([(0, 100), (0.1, 112)]) == (12, 0)  # people who came at once: never less than a minute's worth


def test_one_wrong_value_costs_nothing() -> None:
    assert sums([(0, 100), (5, 104), (10, 60_000), (15, 108), (20, 110)]) == (10, 2)
    assert sums([(0, 100), (5, 104), (10, 0), (15, 108), (20, 110)]) == (10, 2)


def test_a_counter_put_back_to_an_older_value_is_refused() -> None:
    assert sums([(0, 5_000), (5, 5_010), (10, 4_000), (15, 4_004)]) == (14, 1)


def test_order_and_repetition_change_nothing() -> None:
    values = [(0, 65_530), (5, 65_534), (10, 6), (15, 9), (20, 2), (25, 7), (30, 500), (35, 9), (40, 11)]
    wanted = sums(values)
    assert sums([values[index] for index in (8, 3, 0, 5, 1, 4, 2, 7, 6, 3, 3, 0)]) == wanted


def test_readings_far_apart_may_be_far_apart_in_value() -> None:
    assert sums([(0, 10), (600, 9_000)]) == (8_990, 0)


def test_the_report_says_what_was_refused() -> None:
    driven = Driven("t", START, START + DAY, empty_track(), {"people_in": signal(interleaved(9_500, 18_900))})
    kind = kinds()["toilet_service"]
    order = Order("toilet_service", START, START + DAY, ZONE)
    told = kind.build(order, [kind.reduce(order, ToiletPiece(driven, "West"))])
    assert [one.text.values for one in told.notes if one.text.word == "note.refused"] == [
        {"count": "287", "toilets": "1"}
    ]
    counters = next(one for one in told.sections if one.id == "counters").blocks[0]
    assert isinstance(counters, Table)
    assert counters.rows == (("West", Said("counter.people_in"), 287),)
    sound = kind.build(order, [kind.reduce(order, toilet())])
    assert not [one for one in sound.notes if one.text.word == "note.refused"]


def test_what_a_period_cannot_have_brought_is_refused() -> None:
    values = [(-10, 7.0), (10, 30.0), (20, 65_535.0), (30, 4.0), (30, 4.0)]
    driven = Driven("t", START, START + DAY, empty_track(), {"people_in_period": signal(values)})
    service = serve(driven)
    assert (service.visits, [one.refused for one in service.counters]) == (34, [1])


def test_meters_that_interleave_or_tell_garbage_are_refused_too() -> None:
    values = [(0, 812.4), (5, 40.1), (10, 812.5), (15, 40.2), (20, 9e9), (25, 812.7)]
    service = serve(Driven("t", START, START + DAY, empty_track(), {"water_m3": signal(values)}))
    assert service.water_m3 == pytest.approx(0.1 + 0.1 + 0.2)
    assert [(one.metric, one.refused) for one in service.counters] == [("water_m3", 5)]


def test_nothing_is_counted_outside_the_span_and_the_value_before_counts() -> None:
    assert sums([(-30, 100), (30, 110), (1_441, 150)]) == (10, 0)
    assert sums([]) == (0, 0)
    assert sums([(5, 70)]) == (0, 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 1_439), st.integers(0, 70_000)), min_size=1, max_size=60, unique_by=lambda one: one[0]
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_never_more_than_the_doors_let_through(values: list[tuple[int, int]], chance: object) -> None:
    found = count([(float(minute), float(value)) for minute, value in values])
    shuffled = list(values)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    again = count([(float(minute), float(value)) for minute, value in [*shuffled, *values[:3]]])
    assert (found.steps.tolist(), found.refused) == (again.steps.tolist(), again.refused)
    assert (found.steps >= 0).all()
    # Each strand that goes on is one counter at one door; no more than one begins with a reading.
    assert found.steps.max(initial=0.0) <= A_MINUTE * 1_440
