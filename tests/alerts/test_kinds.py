"""Every kind of rule keeps one contract, whatever it looks for."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.areas import Area
from alerts.fold import Track
from alerts.hours import Hours, Window
from alerts.kind import Cleared, Kind, Raised, State, kinds
from alerts.moment import Moment
from alerts.rule import Rule, Watchers
from alerts.rules.consumption import Consumption
from alerts.rules.event import Happening
from alerts.rules.forbidden_hours import ForbiddenHours
from alerts.rules.frozen_position import FrozenPosition
from alerts.rules.geofence import Geofence
from alerts.rules.idle import Idle
from alerts.rules.occupancy import Occupancy
from alerts.rules.predicted_full import PredictedFull
from alerts.rules.rise import Rise
from alerts.rules.route_deviation import RouteDeviation
from alerts.rules.silence import Silence
from alerts.rules.speeding import Speeding
from alerts.rules.stationary import Stationary
from alerts.rules.stuck import Stuck
from alerts.rules.threshold import Threshold
from alerts.rules.window_mean import WindowMean
from devices.instants import parse
from devices.vocabulary import Device
from tests.alerts.live import Live, Stored, Teller, book_of, delivered, moments, truth

BEGIN = parse("2026-03-02T06:58:00+08:00")
END = 400  #: seconds after the beginning
DEVICE = Device(1, "device-1", "vehicle", attributes={"odour_class": 2, "type": "sweeper"})
TELLER = Teller(DEVICE, BEGIN)

HERE = Area("here", lat=30.0, lon=114.0, radius_m=100)
THERE = Area("there", lat=30.01, lon=114.0, radius_m=500)
WINDOWS = Hours((Window("07:00", "07:02"), Window("07:03", "07:04")))

SAMPLES: dict[str, tuple[msgspec.Struct, ...]] = {
    "consumption": (
        Consumption("water_m3", 3_600, window_s=30, gap_s=60),
        Consumption("water_m3", 3_600, of="least", window_s=60, gap_s=60, hours=WINDOWS, most_per_h=1e5),
    ),
    "event": (
        Happening(("sos",), ("sos",), ("sos_cleared",), after_s=40),
        Happening(("stop_missed",), (), ("stop_served",), "stop", after_s=90),
        Happening(("collision", "rollover"), scope_by="kind", after_s=None, while_reported=True),
    ),
    "forbidden_hours": (
        ForbiddenHours(WINDOWS, hold_s=10, leave_s=10),
        ForbiddenHours(WINDOWS, "moving", (HERE,), hold_s=0, leave_s=0),
        ForbiddenHours(WINDOWS, "present", (HERE, THERE), hold_s=5, leave_s=5, gap_s=60),
    ),
    "frozen_position": (FrozenPosition(after_s=20, fixes=3, gap_s=60),),
    "geofence": (
        Geofence((HERE, THERE), dwell_s=20, fixes=None, gap_s=60),
        Geofence((HERE,), "enter", 50, None, 2),
        Geofence((HERE, THERE), "exit", 0, 10, 3, hours=WINDOWS),
        Geofence((HERE,), "must_be_outside", dwell_s=0),
    ),
    "idle": (Idle(after_s=15, gap_s=20),),
    "occupancy": (Occupancy(after_s=60, gap_s=40), Occupancy(after_s=60, gap_s=None)),
    "predicted_full": (PredictedFull(lead_s=100, window_s=64, samples=4),),
    "rise": (Rise("temperature_c", window_s=60, limit=60, clear=50), Rise("temperature_c", window_s=40, readings=2)),
    "route_deviation": (RouteDeviation(hold_s=20, fixes=3, leave_s=10, gap_s=60, exempt=(HERE,)),),
    "silence": (
        Silence(10, 3),
        Silence(intervals=2, default_interval_s=20, while_on="on_duty"),
        Silence(15, 3, pause=WINDOWS),
    ),
    "speeding": (Speeding(10, 60, {"sweeper": 8}, hold_s=10, leave_s=10), Speeding(10, fixes=2, hold_s=None)),
    "stationary": (Stationary(after_s=60, gap_s=40, exempt=(THERE,)), Stationary(after_s=30, while_on=None)),
    "stuck": (
        Stuck(("fill_pct", "temperature_c"), after_s=40, samples=3, gap_s=60, except_values=(0.0,)),
        Stuck(("fill_pct",), after_s=40, samples=2, eps=5, while_on="ignition"),
    ),
    "threshold": (Threshold("fill_pct", 85, clear=75, hold_s=20, clear_hold_s=5), Threshold("fill_pct", 85)),
    "window_mean": (WindowMean("nh3_ppm", 1, 0.5, window_s=60, gap_s=30, limit_by_class={"2": 1.5}, settle_s=30),),
}
CASES = [
    pytest.param(kinds()[name], params, id=f"{name}-{place}")
    for name, samples in SAMPLES.items()
    for place, params in enumerate(samples)
]

VALUES: dict[str, tuple[float, ...]] = {
    "fill_pct": (0, 20, 40, 50, 60, 74, 80, 85, 90, 100),
    "temperature_c": (15, 20, 30, 45, 55, 60, 80),
    "nh3_ppm": (0, 0.4, 1, 1.5, 3),
    "water_m3": (0, 5, 20, 60, 100, 130, 400, 1_000),
    "speed_kmh": (0, 4, 9, 30, 59, 70),
    "route_offset_m": (0, 29, 30, 50, 51, 400),
    "stall_occupied": (0, 1),
}
SPOTS = ((30.0, 114.0), (30.0, 114.00001), (30.001, 114.0), (30.0055, 114.0), (30.01, 114.0), (31.0, 115.0))


def records(kind: Kind, params: Any) -> st.SearchStrategy[list[Stored]]:
    """Lists of records of what the kind watches, of seconds that meet often."""
    watch = kind.watch(kind.resolve(params, DEVICE))
    second = st.integers(0, 300)
    makers: list[st.SearchStrategy[list[Stored]]] = []
    for metric in sorted(watch.metrics | (frozenset(("fill_pct",)) if watch.everything else frozenset())):
        value = st.sampled_from(VALUES.get(metric, (0, 1)))
        makers.append(st.builds(lambda s, v, m=metric: TELLER.reads(s, **{m: v}), second, value))
    for event in sorted(watch.events):
        stop = st.sampled_from(("", "a", "b"))
        makers.append(st.builds(lambda s, v, e=event: TELLER.says(s, e, **({"stop": v} if v else {})), second, stop))
    if watch.position:
        makers.append(
            st.builds(
                lambda s, spot, speed, hdop: TELLER.stands(s, *spot, speed_kmh=speed, hdop=hdop),
                second,
                st.sampled_from(SPOTS),
                st.sampled_from((None, 0.0, 9.0, 30.0, 70.0)),
                st.sampled_from((None, 1.0, 9.0)),
            )
        )
    # Runs of one thing make what lasts; single things make what breaks it.
    return st.lists(st.one_of(makers), max_size=60).map(lambda parts: [one for part in parts for one in part])


def test_every_kind_is_held_to_the_contract() -> None:
    assert set(SAMPLES) == set(kinds())
    for name, samples in SAMPLES.items():
        for params in samples:
            assert kinds()[name].check(params) is None


def instants(value: Any) -> list[int]:
    """Whatever looks like an instant in plain data."""
    if isinstance(value, dict):
        return [one for item in value.values() for one in instants(item)]
    if isinstance(value, list | tuple):
        return [one for item in value for one in instants(item)]
    return [value] if isinstance(value, int) and value > 10**15 else []


class Stepper:
    """Steps one rule, and looks at every state that it comes to."""

    def __init__(self, kind: Kind, params: Any) -> None:
        self.kind, self.params = kind, kind.resolve(params, DEVICE)
        self.state: State | None = None
        self.open: set[str] = set()
        self.history: list[Raised | Cleared] = []

    def run(self, moment: Moment) -> None:
        self.wake(moment.at - 1)
        self.take(self.kind.step(self.params, self.state, moment), moment.at)

    def wake(self, until: int) -> None:
        while self.state is not None and self.state.due is not None and self.state.due <= until:
            assert self.kind.wake is not None
            due = self.state.due
            self.take(self.kind.wake(self.params, self.state, due), due)

    def take(self, step: tuple[State | None, tuple[Raised | Cleared, ...]], at: int) -> None:
        state, changes = step
        for change in changes:
            assert change.at == at
            if isinstance(change, Raised):
                assert change.scope not in self.open
                self.open.add(change.scope)
                assert msgspec.msgpack.decode(msgspec.msgpack.encode(change.detail)) == change.detail
            else:
                self.open.remove(change.scope)
        if state is not None:
            assert isinstance(state, self.kind.state)
            assert state.due is None or state.due > at, "a due instant is one to come"
            assert all(one <= at for one in instants(msgspec.to_builtins(state)) if one != state.due)
            for code in (msgspec.json, msgspec.msgpack):
                again = msgspec.convert(code.decode(code.encode(state)), self.kind.state)
                assert again == state
                state = again
        self.state = state
        self.history += changes


@pytest.mark.parametrize(("kind", "params"), CASES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_states_are_plain_data_and_changes_alternate(kind: Kind, params: Any, data: st.DataObject) -> None:
    stored = data.draw(records(kind, params))
    stepper = Stepper(kind, params)
    for moment in moments(stored, DEVICE):
        if is_shown(kind, stepper.params, moment):
            stepper.run(moment)
    stepper.wake(TELLER.at(END))
    rule = Rule("it", kind.name, params)
    found = truth(stored, TELLER.at(END), book_of(rule), DEVICE)
    raised = sorted((one.at, one.scope) for one in stepper.history if isinstance(one, Raised))
    assert raised == sorted((alert.raised_at, alert.scope) for alert in found)


def is_shown(kind: Kind, params: Any, moment: Moment) -> bool:
    """Whether the fold shows the moment to the rule."""
    watch = kind.watch(params)
    return (
        watch.everything
        or (watch.position and moment.position is not None)
        or bool(watch.metrics & moment.readings.keys())
        or any(event in watch.events for event, _ in moment.events)
    )


@pytest.mark.parametrize(("kind", "params"), CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32), portion=st.integers(1, 10))
def test_order_repetition_and_portions_change_nothing(
    kind: Kind, params: Any, data: st.DataObject, seed: int, portion: int
) -> None:
    stored = data.draw(records(kind, params))
    book = book_of(Rule("it", kind.name, params))
    found = delivered(stored, seed, portion, Live(book, DEVICE), TELLER.at(END))
    assert found == truth(stored, TELLER.at(END), book, DEVICE)


def long_history(kind: Kind, params: Any, seed: int, count: int) -> list[Moment]:
    """A long history of everything that the kind watches, with runs, breaks and gaps."""
    chance = random.Random(seed)
    watch = kind.watch(params)
    second, found = 0, []
    held = {metric: VALUES.get(metric, (0, 1))[-1] for metric in sorted(watch.metrics | {"fill_pct"})}
    spot, pace, restless = SPOTS[0], 1, 0.3
    for number in range(count):
        gap = chance.choices((1, 5, 10, 90, 200), (40, 40, 40, 1, 1))[0]
        second += gap
        if number % 200 == 0:
            restless = chance.choice((0.01, 0.02, 0.3))
        if chance.random() < restless:
            spot, pace = chance.choice(SPOTS), chance.choice((0, 1, 2))
        for metric in sorted(held):
            if metric == "water_m3":
                held[metric] = 0 if chance.random() < 0.005 else held[metric] + gap * pace
            elif chance.random() < restless:
                held[metric] = chance.choice(VALUES.get(metric, (0, 1)))
        stored = TELLER.stands(second, *spot, speed_kmh=30.0) if chance.random() < 0.7 else []
        moment = moments([*TELLER.reads(second, **held), *stored], DEVICE)[0]
        if watch.events and chance.random() < restless:
            name = chance.choice(sorted(watch.events))
            moment.events = ((name, {"stop": str(chance.randrange(10_000)) * 30}),)
        found.append(moment)
    return found


@pytest.mark.parametrize(("kind", "params"), CASES)
def test_states_stay_small_however_long_the_history(kind: Kind, params: Any) -> None:
    stepper, greatest = Stepper(kind, params), 0
    for moment in long_history(kind, stepper.params, 7, 12_000):
        if is_shown(kind, stepper.params, moment):
            stepper.run(moment)
            greatest = max(greatest, len(msgspec.msgpack.encode(stepper.state)))
    assert greatest < 7_000, f"{greatest} bytes"
    assert {type(one) for one in stepper.history} == {Raised, Cleared}, "a quiet history shows nothing"


@pytest.mark.parametrize(("kind", "params"), CASES)
def test_a_checkpoint_anywhere_goes_on_the_same(kind: Kind, params: Any) -> None:
    rule = Rule("it", kind.name, params)
    book = book_of(rule)
    params = kind.resolve(params, DEVICE)
    history = long_history(kind, params, 11, 300)
    whole = book.fold(Track(), DEVICE, history, None)
    for cut in range(0, len(history), 7):
        track = Track()
        first = book.fold(track, DEVICE, history[:cut], None)
        states = msgspec.msgpack.decode(msgspec.msgpack.encode(track.states))
        again = {name: msgspec.convert(state, kind.state) for name, state in states.items()}
        resumed = Track(track.at, track.rule_set, again, dict(track.open), track.due)
        assert [*first, *book.fold(resumed, DEVICE, history[cut:], None)] == whole


def test_what_is_left_open_comes_from_the_device() -> None:
    rules = (
        Rule("silent", "silence", Silence(), overrides={"device-1": Silence(interval_s=7)}),
        Rule("air", "window_mean", WindowMean("nh3_ppm", 1, limit_by_class={"2": 1.5})),
        Rule("fast", "speeding", Speeding(10, 60, {"sweeper": 8})),
    )
    told = Device(2, "device-2", "toilet", attributes={"report_interval_s": 90})
    wrong = Device(3, "device-3", "toilet", attributes={"report_interval_s": "often", "odour_class": None})
    found = (Watchers(rules).of(one).watchers for one in (DEVICE, told, wrong))
    own, other, default = ([watcher.params for watcher in watchers] for watchers in found)
    assert [one[0].interval_s for one in (own, other, default)] == [7, 90, 600]
    assert [one[1].limit for one in (own, other, default)] == [1.5, 1, 1]
    assert [one[2].working_kmh for one in (own, other, default)] == [8, 10, 10]
