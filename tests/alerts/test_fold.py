"""Whatever the order, the doubles and the portions in which records come: the same alerts."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.checkpoint import pack, unpack
from alerts.engine import Engine, Proposal
from alerts.fold import Alert, Track
from alerts.moment import Moment, gather
from alerts.reconcile import reconcile
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleSet, final
from alerts.rules.idle import Idle
from alerts.rules.silence import Silence
from alerts.rules.threshold import Threshold
from devices.vocabulary import Device, Reading

SECOND = 1_000_000
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


def moments(stored: Sequence[tuple[int, str, float]]) -> list[Moment]:
    """The moments of what is stored, in order."""
    found = gather(map(reading, stored), (), ()).get(DEVICE.key, {})
    return [found[at] for at in sorted(found)]


BOOK = Rulebook((RuleSet(1, 0, RULES),))


def truth(stored: Sequence[tuple[int, str, float]], horizon: int, book: Rulebook = BOOK) -> list[Alert]:
    return final((), book.fold(Track(), DEVICE, moments(stored), horizon))


class Live:
    """A device as the hub follows it: forward while it can, repaired from a checkpoint when something came late."""

    def __init__(self, book: Rulebook = BOOK) -> None:
        self.engine = Engine(book)
        self.engine.admit(DEVICE, Track())
        self.stored: list[tuple[int, str, float]] = []
        self.told: dict[int, Alert] = {}
        self.checkpoints: list[Track] = [Track()]
        self.numbers = 0

    def deliver(self, batch: Sequence[tuple[int, str, float]], now: int) -> None:
        """What the hub does with a batch: store it with what it changes, let time pass, and repair."""
        self.stored += batch
        self.take(self.engine.propose(gather(map(reading, batch), (), ()), {1: DEVICE}))
        if self.engine.dirty:
            self.repair(now)
        self.take(self.engine.tick(now))

    def take(self, proposal: Proposal) -> None:
        for _, alert in proposal.changes:
            self.tell(alert)
        self.engine.accept(proposal, {1: DEVICE})
        self.checkpoints += [track.copy() for track in proposal.tracks.values()]

    def tell(self, alert: Alert) -> None:
        known = [id_ for id_, one in self.told.items() if one.cleared is None and _place(one) == _place(alert)]
        if alert.cleared is not None:
            (id_,) = known
            self.told[id_] = alert
        else:
            assert not known, "one open alert for each rule, device and scope"
            self.numbers += 1
            self.told[self.numbers] = alert

    def repair(self, now: int) -> None:
        """Fold again from the newest checkpoint before what came late, and let what was told follow."""
        since = self.engine.dirty[1].since
        self.checkpoints = [one for one in self.checkpoints if one.at < since]
        track = self.checkpoints[-1].copy()
        start, before = track.at, list(track.open.values())
        later = [moment for moment in moments(self.stored) if moment.at > start]
        history = final(before, self.engine.book.fold(track, DEVICE, later, now))
        held = {(*_place(alert), alert.raised_at) for alert in before}
        touched = [
            (id_, alert)
            for id_, alert in self.told.items()
            if alert.raised_at > start or (*_place(alert), alert.raised_at) in held
        ]
        result = reconcile(touched, history)
        self.told |= dict(result.moved)
        for alert in result.appeared:
            self.numbers += 1
            self.told[self.numbers] = alert
        for id_ in result.vanished:
            del self.told[id_]
        self.engine.admit(DEVICE, track)

    def history(self) -> list[Alert]:
        return sorted(self.told.values(), key=lambda alert: (alert.raised_at, alert.rule, alert.scope))


def _place(alert: Alert) -> tuple[str, str]:
    return alert.rule, alert.scope


def delivered(
    stored: list[tuple[int, str, float]], seed: int, portion: int, live: Live, end: int = 300 * SECOND
) -> list[Alert]:
    """The history after a delivery with doubles, shuffled, in portions."""
    chance = random.Random(seed)
    deliveries = stored + chance.sample(stored, len(stored) // 3)
    chance.shuffle(deliveries)
    now = 0
    for start in range(0, len(deliveries), portion):
        batch = deliveries[start : start + portion]
        now = max([now, *(second * SECOND for second, _, _ in batch)])
        live.deliver(batch, now)
    live.deliver([], end)
    return live.history()


@settings(max_examples=300)
@given(records, st.integers(0, 2**32), st.integers(1, 10))
def test_any_order_repetition_and_portions_end_in_the_same_alerts(
    given_records: list[tuple[int, str, float]], seed: int, portion: int
) -> None:
    assert delivered(given_records, seed, portion, Live()) == truth(given_records, 300 * SECOND)


@given(records, st.integers(0, 2**32), st.integers(1, 10), st.integers(1, 119))
def test_rules_that_change_ask_of_each_time_what_was_asked_then(
    given_records: list[tuple[int, str, float]], seed: int, portion: int, at: int
) -> None:
    changed = (RULES[0], Rule("overflowing", "threshold", Threshold("fill_pct", 100)), *RULES[3:])
    book = Rulebook((RuleSet(1, 0, RULES), RuleSet(2, at * SECOND, changed)))
    found = truth(given_records, 300 * SECOND, book)
    assert delivered(given_records, seed, portion, Live(book)) == found
    boundary = at * SECOND
    assert [alert for alert in found if alert.raised_at < boundary and (alert.cleared_at or boundary) < boundary] == [
        alert
        for alert in truth(given_records, 300 * SECOND)
        if alert.raised_at < boundary and (alert.cleared_at or boundary) < boundary
    ]


@given(records)
def test_a_checkpoint_anywhere_goes_on_as_if_nothing_had_been(given_records: list[tuple[int, str, float]]) -> None:
    whole = moments(given_records)
    for cut in range(len(whole) + 1):
        track = Track()
        first = BOOK.fold(track, DEVICE, whole[:cut], None)
        again = unpack(pack(track, {rule.id: rule.kind for rule in RULES}))
        assert again == track
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
