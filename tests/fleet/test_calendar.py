"""Shifts by the clock on the wall: past midnight, over both changes of clocks, and on the right service day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.instants import parse, to_datetime
from fleet import calendar
from fleet.calendar import MINUTE
from fleet.master.plan import Shift

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
HOUR = 60 * MINUTE
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # 02:00 becomes 03:00; 03:00 becomes 02:00
NIGHT = Shift("night", 22 * 60, 480, zone=BERLIN)


def at(text: str) -> int:
    return parse(text)


def test_a_shift_past_midnight_belongs_to_the_day_on_which_it_began() -> None:
    night = Shift("night", 22 * 60, 480, zone=SHANGHAI)
    assert calendar.span(night, date(2026, 6, 1)) == (at("2026-06-01T22:00+08:00"), at("2026-06-02T06:00+08:00"))


@pytest.mark.parametrize(
    ("on", "start", "end"),
    [
        (SPRING - timedelta(days=1), "2026-03-28T22:00+01:00", "2026-03-29T07:00+02:00"),
        (SPRING, "2026-03-29T22:00+02:00", "2026-03-30T06:00+02:00"),
        (AUTUMN - timedelta(days=1), "2026-10-24T22:00+02:00", "2026-10-25T05:00+01:00"),
        (AUTUMN, "2026-10-25T22:00+01:00", "2026-10-26T06:00+01:00"),
    ],
)
def test_the_start_is_the_clocks_and_the_length_is_elapsed(on: date, start: str, end: str) -> None:
    assert calendar.span(NIGHT, on) == (at(start), at(end))


def test_a_start_that_the_clock_leaves_out_or_shows_twice() -> None:
    early = Shift("early", 2 * 60 + 30, 60, zone=BERLIN)
    assert calendar.span(early, SPRING)[0] == at("2026-03-29T03:30+02:00")
    assert calendar.span(early, AUTUMN)[0] == at("2026-10-25T02:30+02:00")


@pytest.mark.parametrize(("on", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 6, 1), 24)])
def test_a_day_is_as_long_as_its_clocks_make_it(on: date, hours: int) -> None:
    start, end = calendar.wall(on, 0, BERLIN), calendar.wall(on + timedelta(days=1), 0, BERLIN)
    assert end - start == hours * HOUR


def test_breaks_are_elapsed_time_too() -> None:
    night = Shift("night", 22 * 60, 480, zone=BERLIN, breaks=((300, 30), (120, 15)))
    first, second = calendar.breaks(night, SPRING - timedelta(days=1))
    assert first == (at("2026-03-29T00:00+01:00"), at("2026-03-29T00:15+01:00"))
    assert second == (at("2026-03-29T04:00+02:00"), at("2026-03-29T04:30+02:00"))


def test_only_on_its_days_of_the_week() -> None:
    monday = Shift("monday", 22 * 60, 480, zone=BERLIN, weekdays=(0,))
    assert calendar.begins(monday, date(2026, 6, 1))
    assert not calendar.begins(monday, date(2026, 6, 2))


zones = st.sampled_from([BERLIN, SHANGHAI, "America/St_Johns", "Australia/Lord_Howe", "UTC"])
dates = st.dates(date(2000, 1, 1), date(2060, 1, 1))
shifts = st.builds(
    Shift,
    st.just("s"),
    st.integers(0, 1_439),
    st.integers(1, 1_440),
    zone=zones,
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)


@given(shifts, dates)
def test_a_shift_is_as_long_as_it_says(shift: Shift, on: date) -> None:
    start, end = calendar.span(shift, on)
    assert end - start == shift.length * MINUTE


@given(shifts, dates)
def test_the_wall_shows_the_start(shift: Shift, on: date) -> None:
    zone = ZoneInfo(shift.zone)
    shown = to_datetime(calendar.span(shift, on)[0]).astimezone(zone)
    naive = datetime(on.year, on.month, on.day) + timedelta(minutes=shift.start)
    there = naive.replace(tzinfo=zone)
    exists = there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive
    assert (shown.replace(tzinfo=None) == naive) is exists


@given(zones, dates)
def test_a_date_lasts_from_midnight_to_midnight(zone: str, on: date) -> None:
    start, end = calendar.wall(on, 0, zone), calendar.wall(on + timedelta(days=1), 0, zone)
    assert calendar.local_date(start, zone) == calendar.local_date(end - 1, zone) == on
