"""Scoring: counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.scoring import Score, Told, Tolerance, Truth, joined, score

SECOND = 1_000_000
LIMITS = Tolerance(early_s=10, late_s=60)


def truth(start: int, end: int | None = None, device: str = "v-1", counts: bool = True) -> Truth:
    return Truth(device, start * SECOND, (start if end is None else end) * SECOND, counts)


def told(at: int, device: str = "v-1") -> Told:
    return Told(device, at * SECOND)


def test_what_is_found_missed_and_wrong() -> None:
    found = score([told(130), told(500), told(130, "v-2")], [truth(100, 200), truth(300, 400)], LIMITS)
    assert found.found == 1
    assert found.missed == (truth(300, 400),)
    assert found.wrong == (told(500), told(130, "v-2"))
    assert (found.precision, found.recall, found.delay_s(50)) == (1 / 3, 1 / 2, 30)


@pytest.mark.parametrize(("at", "right"), [(89, False), (90, True), (260, True), (261, False)])
def test_the_tolerance(at: int, right: bool) -> None:
    assert score([told(at)], [truth(100, 200)], LIMITS).found == right


def test_one_alert_finds_one_truth_and_a_second_one_is_wrong() -> None:
    assert score([told(110), told(120)], [truth(100, 200)], LIMITS).wrong == (told(120),)
    assert score([told(150)], [truth(100, 200), truth(140, 160)], LIMITS).missed == (truth(100, 200),)


def test_what_is_too_short_need_not_be_found_and_is_not_wrong() -> None:
    short = truth(100, 120, counts=False)
    assert score([], [short], LIMITS) == Score(0, (), (), ())
    assert score([told(110), told(115)], [short], LIMITS) == Score(0, (), (), (), excused=2)
    assert score([told(150)], [short, truth(140, 400)], LIMITS).found == 1


def test_what_comes_and_goes_may_be_told_again() -> None:
    limits = Tolerance(early_s=10, late_s=60, again=True)
    found = score([told(110), told(180), told(300)], [truth(100, 200)], limits)
    assert (found.found, found.again, found.wrong) == (1, 1, (told(300),))


def test_noise_may_have_hinted_at_it_before() -> None:
    hinted = Truth("v-1", 100 * SECOND, 200 * SECOND, hinted=50 * SECOND)
    found = score([told(45)], [hinted], LIMITS)
    assert (found.found, found.delays_s) == (1, (-55.0,))
    assert score([told(39)], [hinted], LIMITS).found == 0


def test_nothing_is_no_number() -> None:
    nothing = score([], [], LIMITS)
    assert (nothing.precision, nothing.recall, nothing.delay_s(99)) == (None, None, None)


instants = st.lists(st.integers(0, 1_000), max_size=8)


@given(instants, instants)
def test_everything_is_counted_once(alerts: list[int], truths: list[int]) -> None:
    result = score([told(at) for at in alerts], [truth(at, at + 50) for at in truths], LIMITS)
    assert result.found + len(result.wrong) + result.excused + result.again == len(alerts)
    assert result.found + len(result.missed) == len(truths)
    assert joined([result, result]).found == 2 * result.found
