"""When a bin was emptied: from its fill, from trucks beside it, from its own word."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet.bins.emptying import Emptying, Told, emptyings, series
from fleet.bins.halts import Halt
from fleet.bins.revision import revised, span_around
from fleet.bins.watch import EMPTY, BinState, Fall, advance, falls

MINUTE = 60_000_000
HOUR = 60 * MINUTE


def levels(*fills: float, every: int = 10 * MINUTE, start: int = HOUR) -> list[tuple[int, float]]:
    return [(start + place * every, fill) for place, fill in enumerate(fills)]


def found(*fills: float, every: int = 10 * MINUTE, told: tuple[Told, ...] = (), halts: tuple[Halt, ...] = ()):
    return emptyings("bin-1", series(levels(*fills, every=every)), told, halts)


def at(place: int, every: int = 10 * MINUTE) -> int:
    return HOUR + place * every


def test_a_sustained_drop_is_an_emptying_between_the_last_high_and_the_first_low_reading() -> None:
    assert found(78, 80, 3, 4, 5) == [Emptying("bin-1", at(2), at(1), at(2), 80, 3)]
    assert found(44, 45, 5, 6) == [Emptying("bin-1", at(2), at(1), at(2), 45, 5)], "emptied while low already"


def test_compaction_noise_and_wild_readings_are_none() -> None:
    assert found(80, 65, 66, 67) == [], "refuse settled"
    assert found(96, 62, 62, 63) == [], "it ends above what an emptied bin holds"
    assert found(50, 49.2, 50.4, 49.8, 50.1) == []
    assert found(80, 2, 81, 82, 82) == [], "one low reading"
    assert found(28, 100, 29, 29, 30) == [], "one high reading"
    assert found(28, 95, 95, 29, 29, 30) == [], "something lay on the sensor, and was taken away"
    assert found(60, 60, 60, 60, 60) == [], "stuck"


def test_only_what_is_sustained_counts() -> None:
    assert found(80, 4) == [], "nothing confirms it yet"
    assert found(80, 4, 41) == [Emptying("bin-1", at(1), at(0), at(1), 80, 4)], "filling quickly again"


def test_an_echo_on_the_way_down_is_the_same_emptying() -> None:
    assert found(80, 81, 45, 5, 6) == [Emptying("bin-1", at(3), at(1), at(3), 81, 5)]
    assert found(80, 81, 28, 4, 5) == [Emptying("bin-1", at(2), at(1), at(2), 81, 28)]


def test_coarse_intervals_leave_room_for_what_has_come_in_since() -> None:
    two_hours = 2 * HOUR
    assert [one.at for one in found(60, 85, 38, 60, every=two_hours)] == [at(2, two_hours)]
    assert found(60, 85, 38, 40) == [], "within ten minutes nobody fills a bin by so much"


def test_a_sensor_that_was_stuck_says_when_only_roughly() -> None:
    (one,) = found(58, 60, 60, 60, 60, 60, 60, 8, 9)
    assert (one.since, one.until) == (at(1), at(7))
    (full,) = found(*[100] * 8, 4, 5)
    assert full.since == at(7), "an overfull bin is not stuck"


def lift(end: int, vehicle: str = "truck-1", *, lifted: bool = True) -> Halt:
    return Halt(vehicle, end - MINUTE // 2, end, lifted, 6.0)


def test_a_truck_beside_it_tells_the_vehicle_and_the_instant() -> None:
    beside = (lift(at(1) + 4 * MINUTE), lift(at(8)))
    (one,) = found(78, 80, 3, 4, 5, halts=beside)
    assert (one.at, one.vehicle, one.proof) == (at(1) + 4 * MINUTE, "truck-1", "lift")
    (stood,) = found(78, 80, 3, 4, 5, halts=(lift(at(1) + MINUTE, "car-1", lifted=False), *beside[1:]))
    assert (stood.at, stood.vehicle, stood.proof) == (at(1) + MINUTE, "car-1", "dwell")
    (both,) = found(78, 80, 3, 4, 5, halts=(lift(at(1) + 5 * MINUTE, "car-1", lifted=False), *beside))
    assert both.vehicle == "truck-1", "a lift is the better witness"


def test_with_a_lift_beside_it_a_half_emptying_and_an_unsustained_one_count() -> None:
    beside = (lift(at(1) + MINUTE),)
    (half,) = found(88, 90, 62, 63, halts=beside)
    assert half.partial
    assert (half.before_pct, half.after_pct) == (90, 62)
    assert [one.at for one in found(78, 80, 4, halts=beside)] == [at(1) + MINUTE]
    assert [one.after_pct for one in found(24, 25, 3, 4, halts=beside)] == [3]
    assert found(80, 80, 79, 80, halts=beside) == [], "a lift of the bin beside it"
    dwelt = (lift(at(1) + MINUTE, lifted=False),)
    assert found(88, 90, 62, 63, halts=dwelt) == [], "standing there is no proof"


def test_the_bins_own_word_makes_one_emptying_of_two() -> None:
    word = Told(at(1) + 3 * MINUTE)
    (one,) = found(78, 80, 3, 4, 5, told=(word, word, Told(word.at + MINUTE)))
    assert (one.at, one.proof, one.before_pct) == (word.at, "device", 80)
    (late,) = found(78, 80, 3, 4, 5, told=(Told(at(2) + 8 * MINUTE),))
    assert late.proof == "device"
    (alone,) = found(12, 12, 9, 9, told=(word,))
    assert (alone.at, alone.before_pct, alone.after_pct) == (word.at, 12, 9), "a fall too small to see"
    (blind,) = emptyings("bin-1", series([]), (Told(HOUR, 70, 2),))
    assert (blind.before_pct, blind.after_pct, blind.vehicle) == (70, 2, None)


HISTORY = st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0, 3, 20, 28, 45, 60, 66, 80, 100])), max_size=40)


@given(HISTORY, st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(history: list[tuple[int, float]], chance) -> None:
    readings = [(at_ * 10 * MINUTE, fill) for at_, fill in history]
    words = [Told(readings[0][0])] if readings else []
    halts = [lift(17 * 10 * MINUTE), lift(40 * 10 * MINUTE)]
    shuffled = [*readings, *readings[: len(readings) // 2]]
    chance.shuffle(shuffled)
    expected = emptyings("bin-1", series(readings), words, halts)
    assert emptyings("bin-1", series(shuffled), words * 2, halts) == expected


@given(HISTORY, st.integers(0, 40))
def test_a_packed_state_goes_on_as_if_nothing_had_been(history: list[tuple[int, float]], cut: int) -> None:
    fill = series((at_ * MINUTE, value) for at_, value in history)
    state, told = EMPTY, []
    for place, (instant, value) in enumerate(zip(fill.at.tolist(), fill.value.tolist(), strict=True)):
        if place == cut:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BinState)
        state, fallen = advance(state, instant, value)
        told += fallen
        assert advance(state, instant, value) == (state, ()), "told again it changes nothing"
    waiting = [] if state.low is None else [Fall(*state.low, sure=False)]
    assert [*told, *waiting] == falls(zip(fill.at.tolist(), fill.value.tolist(), strict=True))


def test_late_data_bring_and_take_emptyings() -> None:
    early = levels(78, 80)
    late = levels(78, 80, 3, 4, 5)
    span = span_around(series(late), late[2][0], late[-1][0])
    now = emptyings("bin-1", series(late))
    assert revised([], now, span).appeared == tuple(now)
    assert revised(now, emptyings("bin-1", series(early)), span).vanished == tuple(now)
    assert revised(now, now, span) == revised([], [], span)
    long_ago = [Emptying("bin-1", 5, 4, 5, 80, 3)]
    assert revised(long_ago, now, span_around(series([]), 30 * 24 * HOUR, 31 * 24 * HOUR)).vanished == (), (
        "outside of the span"
    )
