"""Whatever the order, the doubles and the portions in which records come: the same alerts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.checkpoint import pack, unpack
from alerts.fold import Alert, Track
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleSet, final
from alerts.rules.idle import Idle
from alerts.rules.silence import Silence
from alerts.rules.threshold import Threshold
from devices.vocabulary import Device, Reading
from tests.alerts import live
from tests.alerts.live import SECOND, Live, book_of, moments

DEVICE = Device(1, "bin-1", "bin")
RULES = (
    Rule("full", "threshold", Threshold("fill_pct", 85, clear=70, hold_s=20)),
    Rule("overflowing", "threshold", Threshold("fill_pct", 95)),
    Rule("cold", "threshold", Threshold("temperature_c", 0, when="below", clear=2, hold_s=5, clear_hold_s=10)),
    Rule("silent", "silence", Silence(interval_s=10, intervals=3)),
    Rule("idle", "idle", Idle(after_s=15, gap_s=20)),
)

METRICS = {
    "fill_pct": st.sampled_from([0.0, 60.0, 70.0, 84.9, 85.0, 95.0, 100.0]),
    "temperature_c": st.sampled_from([-5.0, 0.0, 1.0, 2.0, 9.0]),
    "ignition": st.sampled_from([0.0, 1.0]),
    "speed_kmh": st.sampled_from([0.0, 30.0]),
    "pto": st.sampled_from([0.0, 1.0]),
}
records = st.lists(
    st.sampled_from(sorted(METRICS)).flatmap(
        lambda metric: st.tuples(st.integers(0, 120), st.just(metric), METRICS[metric])
    ),
    max_size=40,
)


def reading(record: tuple[int, str, float]) -> Reading:
    second, metric, value = record
    return Reading(DEVICE, metric, value, second * SECOND, 0)


BOOK = book_of(*RULES)


def truth(stored: Sequence[tuple[int, str, float]], horizon: int, book: Rulebook = BOOK) -> list[Alert]:
    return live.truth([*map(reading, stored)], horizon, book, DEVICE)


def delivered(stored: Sequence[tuple[int, str, float]], seed: int, portion: int, book: Rulebook = BOOK) -> list[Alert]:
    return live.delivered([*map(reading, stored)], seed, portion, Live(book, DEVICE), 300 * SECOND)


@settings(max_examples=300)
@given(records, st.integers(0, 2**32), st.integers(1, 10))
def test_any_order_repetition_and_portions_end_in_the_same_alerts(
    given_records: list[tuple[int, str, float]], seed: int, portion: int
) -> None:
    assert delivered(given_records, seed, portion) == truth(given_records, 300 * SECOND)


@given(records, st.integers(0, 2**32), st.integers(1, 10), st.integers(1, 119))
def test_rules_that_change_ask_of_each_time_what_was_asked_then(
    given_records: list[tuple[int, str, float]], seed: int, portion: int, at: int
) -> None:
    changed = (RULES[0], Rule("overflowing", "threshold", Threshold("fill_pct", 100)), *RULES[3:])
    book = Rulebook((RuleSet(1, 0, RULES), RuleSet(2, at * SECOND, changed)))
    found = truth(given_records, 300 * SECOND, book)
    assert delivered(given_records, seed, portion, book) == found
    boundary = at * SECOND
    assert [alert for alert in found if alert.raised_at < boundary and (alert.cleared_at or boundary) < boundary] == [
        alert
        for alert in truth(given_records, 300 * SECOND)
        if alert.raised_at < boundary and (alert.cleared_at or boundary) < boundary
    ]


@given(records)
def test_a_checkpoint_anywhere_goes_on_as_if_nothing_had_been(given_records: list[tuple[int, str, float]]) -> None:
    whole = moments([*map(reading, given_records)], DEVICE)
    for cut in range(len(whole) + 1):
        track = Track()
        first = BOOK.fold(track, DEVICE, whole[:cut], None)
        again = unpack(pack(track, {rule.id: rule.kind for rule in RULES}))
        assert again is not None
        assert (again.at, again.states, again.open) == (track.at, track.states, track.open)
        rest = BOOK.fold(again, DEVICE, whole[cut:], 300 * SECOND)
        assert final((), (*first, *rest)) == truth(given_records, 300 * SECOND)


def told(rule: Rule, *stored: tuple[int, str, float], horizon: int = 300) -> list[tuple[int, int | None]]:
    """From when to when, in seconds."""
    alerts = truth(stored, horizon * SECOND, Rulebook((RuleSet(1, 0, (rule,)),)))
    return [(a.raised_at // SECOND, None if a.cleared_at is None else a.cleared_at // SECOND) for a in alerts]


def test_a_threshold_holds_and_has_hysteresis() -> None:
    full, *_ = RULES
    assert told(full, (0, "fill_pct", 90), (10, "fill_pct", 80), (30, "fill_pct", 90)) == [(50, None)]
    assert told(full, (0, "fill_pct", 90), (25, "fill_pct", 75), (40, "fill_pct", 70)) == [(20, 40)]
    assert told(full, (0, "fill_pct", 84.9)) == []


def test_silence_is_told_at_its_time_and_ends_with_the_next_word() -> None:
    silent = RULES[3]
    assert told(silent, (0, "fill_pct", 1), (31, "fill_pct", 1), (40, "pto", 0)) == [(30, 31), (70, None)]
    assert told(silent, (0, "fill_pct", 1), (30, "fill_pct", 1), horizon=59) == []


def test_idling_needs_evidence_of_standing() -> None:
    idle = RULES[4]
    standing = [(second, "speed_kmh", 0.0) for second in (0, 10, 20)]
    assert told(idle, (0, "ignition", 1), *standing, (30, "speed_kmh", 30)) == [(20, 30)]
    assert told(idle, (0, "ignition", 1), (0, "pto", 1), *standing) == []
    assert told(idle, (0, "ignition", 1), (0, "speed_kmh", 0), (100, "speed_kmh", 0)) == []
