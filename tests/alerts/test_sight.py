"""What of the truth a rule is asked to find: worked out by hand for one device."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from alerts.expectations import EXPECTATIONS, Expectation
from alerts.rule_file import read_rules
from alerts.scoring import Truth
from alerts.sight import Happening, Reports, Sight
from hub.alerting.service import default_text

SECOND = 1_000_000
DEVICE = "bin-1"
END = 10_000


def happening(kind: str, start: int, end: int | None = None, **detail: object) -> Happening:
    return Happening(kind, DEVICE, start * SECOND, None if end is None else end * SECOND, detail)


def asked(
    expected: Expectation, *happened: Happening, reports: Sequence[int] = range(0, END, 60)
) -> list[tuple[int, int, bool]]:
    """From when to when, in seconds, and whether it counts."""
    return plain(sight(*happened, reports=reports).asked(expected, {DEVICE}))


def sight(*happened: Happening, reports: Sequence[int] = range(0, END, 60)) -> Sight:
    told = Reports([at * SECOND for at in reports], [True for _ in reports])
    return Sight(happened, {DEVICE: told}, 0, END * SECOND)


def plain(truths: Sequence[Truth]) -> list[tuple[int, int, bool]]:
    return [(one.start // SECOND, one.end // SECOND, one.counts) for one in truths]


IDLE = Expectation("idle", "idle", "", least_s=300, metrics=("speed_kmh",))


def test_what_is_too_short_does_not_count() -> None:
    assert asked(IDLE, happening("idle", 100, 400), happening("idle", 500, 799)) == [
        (100, 400, True),
        (500, 799, False),
    ]


@pytest.mark.parametrize(
    ("blind", "counts"),
    [
        (happening("fault_silence", 300, 500), False),
        (happening("fault_silence", 350, 450), False),
        (happening("fault_silence", 410, 500), True),
        (happening("fault_stuck", 300, 500, metric="speed_kmh"), False),
        (happening("fault_stuck", 300, 500, metric="fuel_pct"), True),
        (happening("fault_tunnel", 300, 500), True),
        (happening("fault_backfill", 300, 500), True),
    ],
)
def test_the_longest_stretch_that_can_be_seen_decides(blind: Happening, counts: bool) -> None:
    assert asked(IDLE, happening("idle", 100, 600), blind) == [(100, 600, counts)]


def test_what_has_not_ended_lasts_to_the_end() -> None:
    assert asked(IDLE, happening("idle", 9_000, open=True)) == [(9_000, END, True)]


FULL = Expectation(
    "full", "bin_threshold", "", where={"threshold_pct": 85.0}, until="emptied", reports=2, hint="bin_near"
)


def test_a_bin_that_is_emptied_before_it_reported_was_never_seen_full() -> None:
    full, other = (
        happening("bin_threshold", 1_000, threshold_pct=85.0),
        happening("bin_threshold", 9, threshold_pct=75.0),
    )
    emptied = happening("emptied", 2_000)
    assert asked(FULL, full, other, emptied) == [(1_000, 2_000, True)]
    assert asked(FULL, full, other, emptied, reports=[0, 1_200, 2_012]) == [(1_000, 2_000, False)]
    assert asked(FULL, full) == [(1_000, END, True)]


def test_noise_may_hint_before_and_excuses_where_nothing_followed() -> None:
    near = happening("bin_near", 700, 1_000, threshold_pct=85.0)
    full = happening("bin_threshold", 1_000, threshold_pct=85.0)
    seen = sight(near, full, happening("bin_near", 5_000, 5_500, threshold_pct=85.0))
    (truth,) = seen.asked(FULL, {DEVICE})
    assert truth.hinted == 300 * SECOND
    assert plain(seen.excuses(FULL, {DEVICE})) == [(700, 1_000, False), (5_000, 5_500, False)]


SILENT = Expectation("silent", "fault_silence", "", gap=True, least_s=200, while_on=True, blind=())


def test_a_silence_is_the_gap_between_two_reports() -> None:
    reports = [0, 60, 120, 500, 560]
    assert asked(SILENT, happening("fault_silence", 130, 490), reports=reports) == [(120, 500, True)]
    assert asked(SILENT, happening("fault_silence", 61, 119), reports=reports) == [(60, 120, False)]
    assert asked(SILENT, happening("fault_silence", 600, 900), reports=reports) == [(560, END, True)]
    assert asked(SILENT, happening("fault_silence", 0, 300), reports=[400]) == [(400, 400, False)]


def test_two_spells_in_one_gap_are_one_silence() -> None:
    spells = happening("fault_silence", 130, 300), happening("fault_silence", 310, 490)
    assert asked(SILENT, *spells, reports=[0, 120, 500]) == [(120, 500, True)]


@pytest.mark.parametrize(("offset", "shift"), [(-600, -600), (50, 50), (600, 0)])
def test_truths_are_told_in_the_time_by_which_the_device_is_filed(offset: int, shift: int) -> None:
    skew = happening("fault_skew", 0, offset_us=offset * SECOND)
    assert asked(IDLE, skew, happening("idle", 1_000, 1_400)) == [(1_000 + shift, 1_400 + shift, True)]


def test_a_backlog_of_a_clock_that_is_not_believed_has_lost_its_time() -> None:
    skew, held = happening("fault_skew", 0, offset_us=600 * SECOND), happening("fault_backfill", 1_000, 1_400)
    assert asked(IDLE, skew, held, happening("idle", 1_000, 1_500)) == [(1_000, 1_500, False)]
    assert plain(sight(skew, held).excuses(SILENT, {DEVICE})) == [(960, 1_440, False)]


def test_what_lasted_less_than_all_of_it() -> None:
    fast = Expectation("fast", "speeding", "", least_s=30, lasting="longest_s")
    assert asked(fast, happening("speeding", 0, 100, longest_s=29), happening("speeding", 200, 300, longest_s=30)) == [
        (0, 100, False),
        (200, 300, True),
    ]


def test_expectations_are_of_the_rules_that_come_along() -> None:
    known = {rule.id for rule in read_rules(default_text(), "default_rules.yaml")}
    assert {one.rule for one in EXPECTATIONS} <= known
    assert len({one.rule for one in EXPECTATIONS}) == len(EXPECTATIONS)
    assert all(one.why for one in EXPECTATIONS)
