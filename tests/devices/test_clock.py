from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.clock import DAY, GPS_ROLLOVER, SECOND, ClockPolicy, Verdict, judge
from devices.instants import parse

NOW = parse("2026-11-23T08:00:00Z")
POLICY = ClockPolicy()


def test_no_claim_is_absent() -> None:
    assert judge(None, NOW, POLICY) is Verdict.ABSENT


def test_a_little_ahead_is_believed_and_more_is_not() -> None:
    assert judge(NOW + 60 * SECOND, NOW, POLICY) is Verdict.PLAUSIBLE
    assert judge(NOW + 61 * SECOND, NOW, POLICY) is Verdict.FUTURE


def test_clocks_that_never_were_set() -> None:
    for claim in ("1970-01-01T00:00:00Z", "1980-01-06T00:00:00Z", "1999-12-31T23:59:59Z"):
        assert judge(parse(claim), NOW, POLICY) is Verdict.ANCIENT


def test_week_rollover_once_and_twice() -> None:
    for rollovers in (1, 2):
        claim = NOW - rollovers * GPS_ROLLOVER
        if claim >= POLICY.oldest:
            assert judge(claim + DAY, NOW, POLICY) is Verdict.ROLLOVER
    assert judge(NOW - GPS_ROLLOVER + 3 * DAY, NOW, POLICY) is Verdict.PLAUSIBLE


@given(st.integers(min_value=0, max_value=18 * 365))
def test_backfill_of_years_is_believed(days: int) -> None:
    assert judge(NOW - days * DAY, NOW, POLICY) is Verdict.PLAUSIBLE
