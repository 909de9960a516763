"""Hours of the day: past midnight, by the day they begin on, and through the changes of clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notices.hours import EVERY_DAY, Hours, parse_hours
from devices.instants import from_datetime

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
MINUTE = 60_000_000


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone))


@pytest.mark.parametrize(
    ("hours", "days", "instant", "inside"),
    [
        ("08:00-17:30", (), "2026-11-23T08:00:00", True),
        ("08:00-17:30", (), "2026-11-23T17:29:59", True),
        ("08:00-17:30", (), "2026-11-23T17:30:00", False),
        ("22:00-07:00", (), "2026-11-23T06:59:59", True),
        ("22:00-07:00", (), "2026-11-23T12:00:00", False),
        ("22:00-07:00", ("fri",), "2026-11-27T23:00:00", True),  # a Friday
        ("22:00-07:00", ("fri",), "2026-11-28T06:00:00", True),  # the night of Friday
        ("22:00-07:00", ("fri",), "2026-11-27T06:00:00", False),  # the night of Thursday
        ("22:00-07:00", ("fri",), "2026-11-28T23:00:00", False),
        ("00:00-24:00", ("sat", "sun"), "2026-11-28T00:00:00", True),
        ("00:00-24:00", ("sat", "sun"), "2026-11-30T00:00:00", False),
    ],
)
def test_inside(hours: str, days: tuple[str, ...], instant: str, inside: bool) -> None:
    assert parse_hours(hours, days).hold(at(instant), SHANGHAI) is inside


def test_the_end_of_a_night() -> None:
    night = parse_hours("22:00-07:00")
    assert night.end_after(at("2026-11-23T23:00:00"), SHANGHAI) == at("2026-11-24T07:00:00")
    assert night.end_after(at("2026-11-24T03:00:00"), SHANGHAI) == at("2026-11-24T07:00:00")
    assert night.end_after(at("2026-11-24T12:00:00"), SHANGHAI) is None


def test_days_that_follow_each_other_are_one_span() -> None:
    weekend = parse_hours("00:00-24:00", ("sat", "sun"))
    assert weekend.end_after(at("2026-11-28T10:00:00"), SHANGHAI) == at("2026-11-30T00:00:00")


@pytest.mark.parametrize("text", ["7-8", "25:00-26:00", "24:00-07:00", "24:30-01:00", "10:00-24:30", "09:00-09:00", ""])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|minute|at once"):
        parse_hours(text)


def test_what_is_no_weekday() -> None:
    with pytest.raises(ValueError, match="'monday' is no weekday; expected one of mon, tue"):
        parse_hours("08:00-09:00", ("monday",))


minutes = st.integers(0, 24 * 60 - 1)
some_hours = st.builds(
    Hours, minutes, st.integers(1, 24 * 60), st.frozensets(st.integers(0, 6), min_size=1) | st.just(EVERY_DAY)
).filter(lambda hours: hours.start != hours.end and not (hours.end - hours.start == 1440 and len(hours.days) == 7))
years = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)).map(from_datetime)


@given(some_hours, years, st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]))
def test_the_end_is_after_and_outside(hours: Hours, instant: int, zone: ZoneInfo) -> None:
    end = hours.end_after(instant, zone)
    assert (end is not None) == hours.hold(instant, zone)
    if end is not None:
        assert end > instant
        assert end - instant <= 8 * 24 * 60 * MINUTE
        assert not hours.hold(end, zone)


@given(some_hours, years)
def test_every_minute_until_the_end_is_inside_where_clocks_do_not_change(hours: Hours, instant: int) -> None:
    end = hours.end_after(instant, SHANGHAI)
    if end is not None:
        assert all(hours.hold(moment, SHANGHAI) for moment in range(instant, end, 7 * MINUTE))
