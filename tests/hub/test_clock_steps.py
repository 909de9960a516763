"""Steps of a wall clock, told by a steady one."""

from __future__ import annotations

from hub.alerting.steps import Steps

SECOND = 1_000_000


def test_a_step_is_told_once_and_drift_when_it_has_come_to_a_second() -> None:
    steady = [0]
    steps = Steps(100 * SECOND, lambda: steady[0])
    steady[0] = 60 * SECOND
    assert steps.taken(160 * SECOND) == 0
    assert steps.taken((160 + 7_200) * SECOND) == 7_200 * SECOND
    assert steps.taken((160 + 7_200) * SECOND) == 0
    steady[0] = 61 * SECOND
    assert steps.taken(161 * SECOND) == -7_200 * SECOND
    assert steps.taken(161 * SECOND + 900_000) == 0
    assert steps.taken(162 * SECOND) == SECOND
