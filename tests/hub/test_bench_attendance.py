"""Attendance and time on post against the simulator's truth: a small town, undisturbed and with bad data."""

from __future__ import annotations

import pytest

from hub.bench.attendance.measurement import CASES, Figures, measure


@pytest.fixture(scope="module")
def figures() -> dict[str, Figures]:
    return {one.case: one for one in measure(seed=7, workers=12, days=3)}


@pytest.mark.parametrize("case", CASES)
def test_ends_of_shifts_are_right_to_two_minutes_or_unknown(figures: dict[str, Figures], case: str) -> None:
    found = figures[case]
    assert found.shifts > 20
    assert found.within_pct == 100
    assert found.wrong == 0
    assert found.unknown_ends <= found.ends * 0.25
    assert found.off_post_min > 60
    assert found.off_post_error_pct < 10


def test_absence_is_found(figures: dict[str, Figures]) -> None:
    found = figures["undisturbed"]
    assert found.absent_found == found.absent > 0
    assert found.unknown_ends == 0


def test_what_arrives_late_and_twice_changes_nothing(figures: dict[str, Figures]) -> None:
    late, undisturbed = figures["second half late"], figures["undisturbed"]
    assert [getattr(late, name) for name in late.__struct_fields__[1:]] == [
        getattr(undisturbed, name) for name in late.__struct_fields__[1:]
    ]
