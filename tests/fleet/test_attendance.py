"""Attendance: arriving and leaving, and what cannot be known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.evaluation.attendance import attend
from fleet.track import Signal
from tests.fleet.duties import HOUR, MINUTE, START, badge, duty, every, records, walked

FULL = 8 * 60.0


def minutes(at: int | None) -> float | None:
    return None if at is None else (at - START) / MINUTE


def test_who_is_there_all_the_time_is_neither_late_nor_early() -> None:
    found = attend(duty(), records(badge(*every(0.5, 0.2, FULL, 1))))
    assert (found.state, found.late_s, found.early_s) == ("present", 12.0, 0.0)
    assert found.completeness == 1.0
    assert found.gaps == ()


def test_lateness_and_leaving_early_are_proven_by_the_badge_off_duty() -> None:
    said = [(-3.0, 0), (0.0, 0), (7.0, 0), *every(0.5, 12, 450, 1), *every(10, 450.5, FULL, 0)]
    found = attend(duty(), records(badge(*said)))
    assert minutes(found.arrived) == 12
    assert minutes(found.left) == 449.5
    assert (found.late_s, found.early_s) == (720, 30.5 * 60)


def test_a_silent_morning_makes_nobody_late() -> None:
    found = attend(duty(), records(badge(*every(0.5, 55, FULL, 1))))
    assert (found.state, found.arrived, found.late_s) == ("present", None, 0)
    proven = attend(duty(), records(badge((0, 0), (10, 0), *every(0.5, 55, FULL, 1))))
    assert (proven.arrived, proven.late_s) == (None, 600), "seen off duty until minute 10"
    assert [(minutes(a), minutes(b)) for a, b in found.gaps] == [(0, 55)]


def test_a_badge_that_falls_silent_makes_nobody_leave_early() -> None:
    found = attend(duty(), records(badge(*every(0.5, 0, 300, 1))))
    assert (found.left, found.early_s) == (None, 0)
    assert found.completeness == pytest.approx(299.5 / 480)
    later = attend(duty(), records(badge(*every(0.5, 0, 300, 1), *every(10, 400, FULL, 0))))
    assert (later.left, later.early_s) == (None, 80 * 60), "seen off duty from minute 400 on; before, nobody knows"


def test_absence_needs_a_badge_that_says_so() -> None:
    assert attend(duty(), records(badge(*every(10, 0, FULL, 0)))).state == "absent"
    assert attend(duty(), records(badge(*every(10, 0, 100, 0)))).state == "no_data"
    assert attend(duty(), records()).state == "no_data"
    assert attend(duty(device=None), None).state == "no_data"


def test_coming_and_going_by_scanning_a_badge() -> None:
    events = (("check_in", START + 9 * MINUTE, {}), ("check_out", START + 7 * HOUR, {}))
    found = attend(duty(), records(events=events))
    assert found.state == "present"
    assert (found.arrived, found.late_s) == (None, 0), "one sign in nine minutes proves no lateness"
    off = attend(duty(), records(badge((0, 0)), events=events))
    assert (minutes(off.arrived), off.late_s) == (9, 540)


def test_what_the_page_on_a_phone_says_is_enough() -> None:
    """A check-in and a check-out, each with ``on_duty``, and a sign a minute; nothing before and after."""
    said = [*every(1, 1, 420, 1), (420.0, 0)]
    events = (("check_in", START + MINUTE, {}), ("check_out", START + 7 * HOUR, {}))
    found = attend(duty(), records(badge(*said), events=events))
    assert (found.state, minutes(found.arrived), minutes(found.left)) == ("present", 1, 419)
    assert (found.late_s, found.early_s) == (60, 61 * 60)
    assert found.known_s == pytest.approx(420 * 60, abs=60)
    screen_off = [*every(1, 1, 120, 1), *every(1, 240, 420, 1), (420.0, 0)]
    dark = attend(duty(), records(badge(*screen_off), events=events))
    assert (dark.early_s, dark.away) == (found.early_s, ()), "a phone that sleeps takes nobody off duty"
    assert dark.known_s < found.known_s - 100 * 60


def test_positions_are_signs_where_a_device_says_nothing_else() -> None:
    found = attend(duty(), records(track=walked((minute, 10, 0) for minute in np.arange(0, FULL, 1))))
    assert (found.state, found.late_s, found.early_s) == ("present", 0, 0)


def test_away_in_the_middle_counts_without_breaks() -> None:
    said = [*every(0.5, 0, 100, 1), *every(10, 100, 150, 0), *every(0.5, 150, FULL, 1)]
    (away,) = attend(duty(), records(badge(*said))).away
    assert [minutes(edge) for edge in away] == [100, 150]
    rest = ((START + 95 * MINUTE, START + 145 * MINUTE),)
    assert attend(duty(breaks=rest), records(badge(*said))).away == ()


def test_nothing_outside_the_shift_is_looked_at() -> None:
    inside = every(0.5, 0, FULL, 1)
    beyond = [*every(0.5, -300, 0, 1), *inside, *every(0.5, FULL, 900, 1)]
    assert attend(duty(), records(badge(*beyond))) == attend(duty(), records(badge((-0.5, 1), *inside)))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_repeated_records_change_nothing(data: st.DataObject) -> None:
    values = data.draw(st.lists(st.tuples(st.integers(-10, 490), st.integers(0, 1)), min_size=1, max_size=60))
    ordered = badge(*sorted(values))
    twice = badge(*sorted([*values, *data.draw(st.lists(st.sampled_from(values), max_size=20))]))
    found = attend(duty(), records(ordered))
    assert attend(duty(), records(twice)) == found
    assert found.known_s + sum(b - a for a, b in found.gaps) / 1e6 == pytest.approx(8 * 3_600)
    if found.arrived is not None and found.left is not None:
        assert START <= found.arrived <= found.left <= START + 8 * HOUR
    assert isinstance(ordered, Signal)
