"""Times of reception by a clock that stands, runs, is slewed and is set."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.stamps import NEAR_US, Stamps, following

HOUR = 3_600_000_000


def test_a_clock_that_is_set_back_is_followed() -> None:
    assert following(10 * HOUR, 16 * HOUR) == 10 * HOUR
    assert following(16 * HOUR, 10 * HOUR) == 16 * HOUR


@given(st.lists(st.integers(-1_000, 1_000), max_size=50))
def test_no_two_are_equal_while_the_clock_is_not_set(slews: list[int]) -> None:
    now, last, given_out = HOUR, 0, []
    for slew in slews:
        now += slew
        last = following(now, last)
        given_out.append(last)
    assert all(earlier < later for earlier, later in pairwise(given_out))
    assert all(one - HOUR < NEAR_US for one in given_out)


def test_stamps_are_the_time_and_never_the_same() -> None:
    stamps = Stamps()
    found = [stamps.next() for _ in range(1_000)]
    assert len(set(found)) == 1_000
