"""Windows of local time: over midnight, by weekday, through clock changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.hours import Hours, Window, fault, holds, later, turn
from devices.instants import parse, to_iso

RUSH = Hours((Window("07:00", "10:00"), Window("17:00", "20:00")))
NIGHT = Hours((Window("22:00", "05:00", ("fri",)),))
MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("hours", "local", "inside"),
    [
        (RUSH, "2026-03-02T06:59:59.999+08:00", False),
        (RUSH, "2026-03-02T07:00:00+08:00", True),
        (RUSH, "2026-03-02T10:00:00+08:00", False),
        (RUSH, "2026-03-02T19:59:59+08:00", True),
        (NIGHT, "2026-03-06T22:00:00+08:00", True),  # a Friday
        (NIGHT, "2026-03-07T04:59:00+08:00", True),  # it began on Friday
        (NIGHT, "2026-03-07T05:00:00+08:00", False),
        (NIGHT, "2026-03-07T22:00:00+08:00", False),
        (NIGHT, "2026-03-06T04:00:00+08:00", False),  # it would have begun on Thursday
        (Hours((Window("00:00", "24:00", ("sun",)),)), "2026-03-08T23:59:59+08:00", True),
        (Hours((Window("00:00", "24:00", ("sun",)),)), "2026-03-09T00:00:00+08:00", False),
        (Hours(()), "2026-03-09T00:00:00+08:00", False),
    ],
)
def test_within(hours: Hours, local: str, inside: bool) -> None:
    assert holds(hours, parse(local)) is inside


def test_the_next_turn() -> None:
    def told(hours: Hours, local: str) -> str | None:
        found = turn(hours, parse(local))
        return None if found is None else to_iso(found)

    assert told(RUSH, "2026-03-02T08:00:00+08:00") == "2026-03-02T02:00:00Z"
    assert told(RUSH, "2026-03-02T20:00:00+08:00") == "2026-03-02T23:00:00Z"
    assert told(NIGHT, "2026-03-07T05:00:00+08:00") == "2026-03-13T14:00:00Z", "next Friday"
    assert told(Hours((Window("08:00", "12:00"), Window("12:00", "14:00"))), "2026-03-02T09:00:00+08:00") == (
        "2026-03-02T06:00:00Z"
    ), "windows that meet are one"
    assert told(Hours((Window("00:00", "24:00"),)), "2026-03-02T09:00:00+08:00") is None
    assert told(Hours(()), "2026-03-02T09:00:00+08:00") is None


def test_by_the_clock_on_the_wall_when_it_changes() -> None:
    """Berlin, 25 October 2026: 03:00 summer time becomes 02:00, so that 02:30 comes twice."""
    hours = Hours((Window("02:30", "04:00"),), "Europe/Berlin")
    first, second = parse("2026-10-25T00:30:00Z"), parse("2026-10-25T01:30:00Z")
    assert holds(hours, first)
    assert not holds(hours, parse("2026-10-25T01:10:00Z")), "02:10 for the second time"
    assert holds(hours, second)
    assert turn(hours, first - MINUTE) == first
    assert turn(hours, parse("2026-10-25T01:10:00Z")) == second


def test_time_outside_of_the_windows() -> None:
    hours = Hours((Window("22:00", "06:00"),))
    assert later(hours, parse("2026-03-02T12:00:00+08:00"), 30 * MINUTE) == parse("2026-03-02T12:30:00+08:00")
    assert later(hours, parse("2026-03-02T21:50:00+08:00"), 30 * MINUTE) == parse("2026-03-03T06:20:00+08:00")
    assert later(hours, parse("2026-03-02T21:30:00+08:00"), 30 * MINUTE) == parse("2026-03-02T22:00:00+08:00")
    assert later(hours, parse("2026-03-02T23:00:00+08:00"), 30 * MINUTE) == parse("2026-03-03T06:30:00+08:00")
    assert later(Hours((Window("00:00", "24:00"),)), parse("2026-03-02T12:00:00+08:00"), 1) is None


windows = st.lists(
    st.tuples(st.integers(0, 23), st.integers(0, 23), st.sets(st.sampled_from(("mon", "wed", "sun")))).map(
        lambda one: Window(f"{one[0]:02}:00", f"{one[1]:02}:30", tuple(sorted(one[2])))
    ),
    min_size=1,
    max_size=3,
)


@given(windows, st.integers(0, 14 * 24 * 60), st.sampled_from(("Asia/Shanghai", "Europe/Berlin")))
def test_nothing_turns_before_the_turn(found: list[Window], minute: int, zone: str) -> None:
    hours = Hours(tuple(found), zone)
    at = parse("2026-03-20T00:00:00Z") + minute * MINUTE
    change = turn(hours, at)
    now = holds(hours, at)
    if change is None:
        assert all(holds(hours, at + step * 30 * MINUTE) is now for step in range(8 * 48))
        return
    assert holds(hours, change) is not now
    skipped = parse("2026-03-29T01:00:00Z")  # in the hour that Berlin leaves out, a window may be told late
    for step in range(at, change, 15 * MINUTE):
        assert holds(hours, step) is now or (zone == "Europe/Berlin" and 0 <= step - skipped < 60 * MINUTE)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (Hours((Window("07:00", "10:00"),), "Mars/Base"), "hours.zone: expected the name of a time zone"),
        (Hours((Window("07:00", "10:00"),), "../etc"), "hours.zone: expected the name of a time zone"),
        (Hours(()), "hours.windows: expected at least one window"),
        (Hours((Window("07:00", "07:00"),)), "hours.windows[0]: expected an end that differs"),
        (RUSH, None),
        (None, None),
    ],
)
def test_what_is_wrong_with_hours(hours: Hours | None, expected: str | None) -> None:
    found = fault("hours", hours)
    assert found is expected if expected is None else found is not None and found.startswith(expected)
