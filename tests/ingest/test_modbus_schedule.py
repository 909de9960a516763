"""The plan of a poll and the schedule of a bus, in simulated time: dead units cost the living ones nothing."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.register_maps.files import parse, shipped
from ingest.transports.modbus.plan import Read, Unit, plan
from ingest.transports.modbus.schedule import MAX_PAUSE_S, OFFLINE_AFTER, PATIENCE_S, Lane, Schedule

ONE = parse("one.yaml", "title: t\nperiod_s: 5\ngroups: {g: {function: 4, points: [{address: 0, type: u16, name: a}]}}")
TWO = parse("two.yaml", """
title: t
groups:
  fast: {function: 4, period_s: 2, points: [{address: 0, type: u16, name: a}]}
  slow: {function: 4, period_s: 6, points: [{address: 9, type: u16, name: b}]}
""")  # fmt: skip
PROBE_S = 0.5


def test_near_points_share_a_request() -> None:
    air, status, people, supplies, switches = shipped()["toilet-controller"].groups
    assert plan([air, status], 4) == (Read(2, 0, 5), Read(4, 0, 5))
    assert plan([people], 4) == (Read(4, 16, 6, bridges=True),)
    assert plan([people], 0) == (Read(4, 16, 1), Read(4, 18, 4))
    assert plan([air, people, supplies, switches], 16) == (Read(1, 0, 2), Read(4, 0, 39, bridges=True))
    now = shipped()["sdm630"].groups[0]
    assert plan([now], 10, 60) == (Read(4, 0, 18), Read(4, 52, 12, bridges=True))


@given(
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["u16", "u32", "u64"])), min_size=1, max_size=60),
    st.integers(0, 50),
    st.integers(4, 125),
)
def test_a_plan_reads_every_value_whole_and_no_more_than_fits(
    points: list[tuple[int, str]], gap: int, most: int
) -> None:
    listed = ", ".join(f"{{address: {at}, type: {kind}, name: p{index}}}" for index, (at, kind) in enumerate(points))
    groups = parse("m.yaml", f"title: t\ngroups: {{g: {{function: 4, points: [{listed}]}}}}").groups
    reads = plan(groups, gap, most)
    for point in groups[0].points:
        assert any(
            read.address <= point.address and point.address + point.width <= read.address + read.count for read in reads
        )
    assert all(read.count <= most for read in reads)
    wanted = {point.address + offset for point in groups[0].points for offset in range(point.width)}
    for read in reads:
        span = set(range(read.address, read.address + read.count))
        assert read.bridges == (not span <= wanted)


class Simulation:
    """A bus whose lanes take turns in simulated time. ``dead`` maps units to when they are dead."""

    def __init__(self, units: int, dead: dict[int, tuple[float, float]], lanes: list[Lane], answer_s: float) -> None:
        self.dead = dead
        self.answer_s = answer_s
        self.now = 0.0
        self.schedule = Schedule([Unit(n, f"d{n}", ONE) for n in range(units)], 0.0, PROBE_S)
        self.lanes = dict.fromkeys(range(len(lanes)), 0.0)  #: when each is free
        self.kinds = lanes
        self.polled: dict[int, list[float]] = {n: [] for n in range(units)}
        self.asked_in_vain: dict[int, list[float]] = {n: [] for n in range(units)}
        self.pending: list[tuple[float, int, object, bool]] = []

    def run(self, until: float) -> None:
        """Let time pass."""
        while self.now < until:
            for ends, index, turn, ok in sorted(self.pending, key=lambda item: item[0]):
                if ends <= self.now:
                    self.pending.remove((ends, index, turn, ok))
                    (self.schedule.answered if ok else self.schedule.failed)(turn, self.now)  # type: ignore[arg-type]
            for index, kind in enumerate(self.kinds):
                if self.lanes[index] <= self.now:
                    self._step(index, kind)
            times = [ends for ends, *_ in self.pending]
            times += [
                max(self.lanes[index], self.schedule.wake_at(self.now, kind)) for index, kind in enumerate(self.kinds)
            ]
            later = [time for time in times if time > self.now]
            self.now = min(min(later, default=until), until)

    def _step(self, index: int, kind: Lane) -> None:
        turn = self.schedule.take(self.now, kind)
        if turn is None:
            assert self.schedule.wake_at(self.now, kind) > self.now, "a lane would spin"
            return
        number = turn.state.unit.number
        begins, ends = self.dead.get(number, (math.inf, math.inf))
        silent = begins <= self.now < ends
        lasts = (PROBE_S if turn.probe else 1.0) if silent else self.answer_s
        (self.asked_in_vain if silent else self.polled)[number].append(self.now)
        self.lanes[index] = self.now + lasts
        self.pending.append((self.now + lasts, index, turn, not silent))


@pytest.mark.parametrize("lanes", [[Lane.ALL], [Lane.POLLS, Lane.PROBES], [Lane.POLLS, Lane.POLLS, Lane.PROBES]])
def test_two_hundred_units_of_which_twenty_are_dead(lanes: list[Lane]) -> None:
    dead = dict.fromkeys(range(0, 200, 10), (0.0, math.inf))
    bus = Simulation(200, dead, lanes, answer_s=0.015)  # three fifths of a line's time
    bus.run(160.0)
    settled = 60.0
    for number, instants in bus.polled.items():
        if number in dead:
            assert instants == []
            continue
        late = [instant for instant in instants if instant >= settled]
        periods = [b - a for a, b in pairwise(late)]
        assert max(periods) <= 5.1, number
        assert len(late) == pytest.approx(20, abs=1)
    in_vain = [at for instants in bus.asked_in_vain.values() for at in instants if at >= settled]
    assert len(in_vain) * PROBE_S <= 0.25 * 100.0
    assert all(bus.asked_in_vain[number] for number in dead), "a dead unit is not forgotten"


def test_a_dead_unit_is_asked_more_and_more_rarely_and_found_when_it_lives() -> None:
    bus = Simulation(2, {1: (20.0, 400.0)}, [Lane.ALL], answer_s=0.01)
    bus.run(600.0)
    pauses = [b - a for a, b in pairwise(bus.asked_in_vain[1])]
    assert pauses[0] < 3.0  # soon once more: it may have been a disturbance
    assert max(pauses) <= MAX_PAUSE_S + 2 * PROBE_S + 5.0
    back = [at for at in bus.polled[1] if at >= 400.0]
    assert back[0] < 400.0 + MAX_PAUSE_S + 6.0
    assert len(back) >= (600.0 - back[0]) / 5.0 - 1
    assert len(bus.polled[0]) == 120


def test_a_full_line_still_asks_the_dead_now_and_then() -> None:
    bus = Simulation(11, {10: (0.0, 100.0)}, [Lane.ALL], answer_s=0.499)  # no gap ever
    bus.run(300.0)
    assert bus.polled[10]
    assert bus.polled[10][0] < 100.0 + MAX_PAUSE_S + 2 * PATIENCE_S


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 30),
    st.dictionaries(st.integers(0, 29), st.tuples(st.floats(0, 40), st.floats(0, 80)), max_size=10),
    st.sampled_from([[Lane.ALL], [Lane.POLLS, Lane.PROBES], [Lane.POLLS, Lane.POLLS, Lane.PROBES]]),
)
def test_units_that_live_and_die_as_they_like_leave_the_others_alone(
    units: int, dead: dict[int, tuple[float, float]], lanes: list[Lane]
) -> None:
    bus = Simulation(units, dead, lanes, answer_s=0.01)
    bus.run(220.0)
    for number, instants in bus.polled.items():
        begins, ends = dead.get(number, (math.inf, math.inf))
        assert [at for at in instants if at >= 200.0], f"{number} answers and is not polled"
        if begins >= ends or number not in dead:
            # Each unit that dies costs one timeout at its death, and those may fall together.
            assert max(b - a for a, b in pairwise(instants)) <= 5.0 + len(dead) + 1.0
            assert len(instants) >= 40


def test_groups_have_their_own_periods_and_meet_in_one_poll() -> None:
    schedule = Schedule([Unit(1, "d1", TWO)], 0.0, PROBE_S)
    seen = []
    now = 0.0
    while now <= 12.0:
        turn = schedule.take(now, Lane.ALL)
        if turn is not None:
            seen.append((now, [group.name for group in turn.groups]))
            schedule.answered(turn, now)
        now = max(now + 0.001, schedule.wake_at(now, Lane.ALL))
    assert seen == [
        (0.0, ["fast", "slow"]), (2.0, ["fast"]), (4.0, ["fast"]), (6.0, ["fast", "slow"]), (8.0, ["fast"]),
        (10.0, ["fast"]), (12.0, ["fast", "slow"]),
    ]  # fmt: skip


def test_the_period_of_a_unit_takes_the_place_of_the_maps_but_not_of_a_groups() -> None:
    assert Unit(1, "d", ONE, 9.0).period_of(ONE.groups[0]) == 9.0
    assert Unit(1, "d", ONE).period_of(ONE.groups[0]) == 5.0
    assert Unit(1, "d", TWO, 9.0).period_of(TWO.groups[0]) == 2.0


def test_beats_that_pass_while_a_unit_is_late_are_counted_and_not_made_up_for() -> None:
    schedule = Schedule([Unit(1, "d1", ONE)], 0.0, PROBE_S)
    first = schedule.take(0.0, Lane.ALL)
    assert first is not None
    assert first.probe
    schedule.answered(first, 0.1)
    assert schedule.take(4.9, Lane.ALL) is None
    late = schedule.take(17.0, Lane.ALL)
    assert late is not None
    assert not late.probe
    assert schedule.take(17.0, Lane.ALL) is None, "it is busy"
    schedule.answered(late, 17.1)
    assert schedule.states[0].missed == 2
    assert schedule.wake_at(17.1, Lane.ALL) == 20.0


def test_while_the_bus_is_away_units_become_silent_and_are_polled_at_once_when_it_is_back() -> None:
    schedule = Schedule([Unit(1, "d1", ONE)], 0.0, PROBE_S)
    turn = schedule.take(0.0, Lane.ALL)
    assert turn is not None
    schedule.answered(turn, 0.1)
    for now in (1.0, 5.0, 6.0, 10.0, 15.0):
        schedule.unreachable(now)
    assert schedule.states[0].silent == OFFLINE_AFTER
    assert schedule.states[0].living
    lost = schedule.take(20.0, Lane.ALL)
    assert lost is not None
    schedule.released(lost)
    assert schedule.take(20.0, Lane.ALL) is not None
