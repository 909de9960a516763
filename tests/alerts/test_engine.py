"""The engine between batches: what is late, what was only told twice, and whose time passes how far."""

from __future__ import annotations

from alerts.engine import Dirty, Engine, Proposal
from alerts.fold import Track
from alerts.moment import Moments, gather
from alerts.rule import Rule
from alerts.rules.silence import Silence
from alerts.rules.threshold import Threshold
from devices.vocabulary import Device, Event, Fix, Position
from tests.alerts.live import SECOND, Teller, book_of, gathered

DEVICE = Device(1, "bin-1", "bin")
DEVICES = {1: DEVICE}
TELLER = Teller(DEVICE)
BOOK = book_of(
    Rule("full", "threshold", Threshold("fill_pct", 85)), Rule("silent", "silence", Silence(interval_s=10, intervals=3))
)


def engine() -> Engine:
    made = Engine(BOOK)
    made.admit(DEVICE, Track())
    return made


def fill(*told: tuple[int, float]) -> Moments:
    return gathered([one for second, value in told for one in TELLER.reads(second, fill_pct=value)])


def take(one: Engine, moments: Moments) -> Proposal:
    proposal = one.propose(moments, DEVICES)
    one.accept(proposal, DEVICES)
    return proposal


def raised(proposal: Proposal) -> list[tuple[str, int]]:
    return [(alert.rule, alert.raised_at // SECOND) for _, alert in proposal.changes]


def test_a_moment_that_is_delivered_again_is_not_late() -> None:
    one = engine()
    take(one, fill((1, 10), (2, 20)))
    assert take(one, fill((1, 10), (2, 20))).empty
    assert raised(take(one, fill((2, 20), (3, 90)))) == [("full", 3)]
    assert one.dirty == {}


def test_the_same_instant_with_news_is_late() -> None:
    one = engine()
    take(one, fill((1, 10), (2, 20)))
    assert take(one, fill((2, 21))).dirty == {1: Dirty(2 * SECOND, 2 * SECOND)}


def test_another_reading_position_or_event_is_news() -> None:
    for news in (TELLER.reads(2, temperature_c=5), TELLER.stands(2, 30.0, 114.0), TELLER.says(2, "emptied")):
        one = engine()
        take(one, fill((2, 20)))
        assert take(one, gathered(news)).dirty, news


def test_what_is_older_than_what_is_remembered_is_late() -> None:
    one = engine()
    take(one, fill(*((second, 10) for second in range(1, 6))))
    assert take(one, fill((1, 10))).dirty
    assert take(one, fill((5, 10))).empty, "it waits for the repair already"


def test_a_proposal_that_is_not_accepted_is_not_remembered() -> None:
    one = engine()
    one.propose(fill((1, 90)), DEVICES)
    assert raised(take(one, fill((1, 90)))) == [("full", 1)]


def test_the_time_of_a_device_passes_by_its_own_clock() -> None:
    one = engine()
    take(one, fill((100, 10)))
    assert one.tick(129 * SECOND).empty
    assert one.tick(500 * SECOND, behind=lambda key: 400 * SECOND).empty
    assert not one.more_due(500 * SECOND), "it is looked at again when it is due by its own clock"
    assert one.more_due(530 * SECOND)
    assert raised(one.tick(530 * SECOND, behind=lambda key: 400 * SECOND)) == [("silent", 130)]


def test_a_device_that_has_caught_up_is_looked_at_sooner() -> None:
    one = engine()
    take(one, fill((100, 10)))
    one.tick(500 * SECOND, behind=lambda key: 400 * SECOND)
    take(one, fill((480, 10)))
    assert raised(one.tick(510 * SECOND)) == [("silent", 510)]


def test_what_a_broker_says_of_a_connection_is_no_moment() -> None:
    events = [Event(DEVICE, kind, SECOND, 0) for kind in ("online", "offline", "emptied")]
    assert [kind for kind, _ in gather([], [], events)[1][SECOND].events] == ["emptied"]
    assert gather([], [], events[:2]) == {}


def test_of_several_positions_of_one_instant_the_greatest_seq_counts() -> None:
    fixes = [Fix(DEVICE, SECOND, 0, Position(30.0 + seq, 114.0), seq) for seq in (2, 3, 1)]
    assert gather([], fixes, [])[1][SECOND].position == Position(33.0, 114.0)
