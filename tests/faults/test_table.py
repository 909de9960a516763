"""The page of faults shows what the runs found, and nothing else."""

from __future__ import annotations

from tests.faults.harness.outcome import PAGE, Outcome, outcomes, rendered, table


def test_the_page_shows_the_results() -> None:
    found = outcomes()
    assert found
    page = PAGE.read_text("utf-8")
    assert page == rendered(page, found)
    assert all(one.lost == one.doubled == one.foreign == one.differing == 0 for one in found)


def test_runs_of_a_fault_are_summed() -> None:
    one = Outcome("01-x", "x killed", "SIGKILL", 0, 10, 9, 10, 1, 0, 0, 5, 2, 1.25)
    two = Outcome("01-x", "x killed", "SIGKILL", 1, 1_000, 1_000, 1_000, 0, 3, 0, 6, 0, None)
    (row,) = table([one, two]).splitlines()[2:]
    assert row == "| x killed | SIGKILL | 2 | 1,010 | 1,009 | 1,010 | 1 | 3 | 11, 2 differ | 1.2 s |"
