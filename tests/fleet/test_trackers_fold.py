"""Whatever the order, the doubles, the portions and the crashes: what is derived is the same."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.vocabulary import Device
from fleet.master.places import Place
from fleet.master.route import Route, Stop
from fleet.trackers.checkpoint import pack, unpack
from fleet.trackers.ports import PlanBook, Task
from fleet.trackers.tracker import State, Tracker
from tests.fleet.tracking import MINUTE, SECOND, START, VEHICLE, Hub, Stored, lines, moments, on_earth, ordered, said


def lonlat(east: float, north: float) -> tuple[float, float]:
    lat, lon = on_earth(east, north)
    return lon, lat


LINE = tuple(lonlat(east, 0) for east in range(0, 2_001, 200))
ROUTE = Route("r", 1, "sweep", (LINE,), stops=(Stop("bin-1", *lonlat(1_000, 5)),), work=("brush",), work_max_kmh=20)
DEPOT = Place("depot", "depot", *lonlat(-300, 0), radius_m=80)


class Book:
    """One plan for the first 40 minutes, another after that."""

    def task(self, device: str, at: int) -> Task | None:
        half = (at - START) // (40 * MINUTE)
        return Task(f"plan-{half}", START + half * 40 * MINUTE, START + (half + 1) * 40 * MINUTE, ROUTE)

    def places(self) -> tuple[Place, ...]:
        return (DEPOT,)


def drive(seed: int, minutes: int = 70) -> list[list[Stored]]:
    """Messages of a sweeper that works, rests, idles, drives to and fro, and is silent now and then."""
    chance = random.Random(seed)
    east, at, messages = -300.0, 0.0, []
    speed, ignition, brush, spell = 0.0, 0.0, 0.0, 0.0
    while at < minutes * 60:
        if spell <= 0:
            spell = chance.choice((60, 200, 420, 700))
            speed = chance.choice((0.0, 0.0, 2.5, 9.0)) * chance.choice((1, 1, -1))
            ignition = 1.0 if speed else float(chance.random() < 0.6)
            brush = float(abs(speed) == 2.5)
        step = chance.choice(
            (10, 10, 10, 20, 45, 400 if chance.random() < 0.05 else 15, 1_000 if chance.random() < 0.02 else 10)
        )
        at += step
        spell -= step
        east += speed * step
        place = (east + chance.gauss(0, 2), chance.gauss(0, 2))
        messages.append(said(at, place=place, speed_kmh=abs(speed) * 3.6, ignition=ignition, brush=brush))
    return messages


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), portion=st.integers(1, 60), planned=st.booleans())
def test_any_order_doubles_portions_and_crashes_end_the_same(seed: int, portion: int, planned: bool) -> None:
    book: PlanBook | None = Book() if planned else None
    messages = drive(seed)
    truth = lines(ordered([one for message in messages for one in message], book))
    assert truth
    chance = random.Random(seed)
    deliveries = [*messages, *chance.sample(messages, len(messages) // 4)]
    if chance.random() < 0.5:
        deliveries.sort(key=lambda message: message[0].observed_at + chance.expovariate(1 / 60) * SECOND)
    else:
        chance.shuffle(deliveries)
    hub = Hub(book)
    for first in range(0, len(deliveries), portion):
        batch = [one for message in deliveries[first : first + portion] for one in message]
        if chance.random() < 0.1:
            hub.deliver(batch, committed=False)
        if chance.random() < 0.1:
            hub.die()
        hub.deliver(batch)
    assert lines(hub.derived) == truth


def test_a_message_in_two_halves_is_one_moment() -> None:
    messages = drive(3, 30)
    hub = Hub()
    for message in messages:
        hub.deliver(message[:2])
        hub.deliver(message[2:])
    assert lines(hub.derived) == lines(ordered([one for message in messages for one in message]))


def test_what_was_delivered_just_now_and_comes_again_makes_no_repair() -> None:
    hub = Hub()
    for message in drive(4, 30):
        hub.deliver(message)
        hub.deliver(message)
    assert hub.repairs == 0
    hub.die()
    hub.deliver(message)
    assert hub.repairs == 0


def test_nothing_that_is_derived_is_older_than_what_was_derived_before() -> None:
    derived = ordered([one for message in drive(5) for one in message], Book())
    assert [one.at for one in derived] == sorted({one.at for one in derived})


def test_a_state_survives_as_bytes() -> None:
    tracker, state = Tracker(Book()), State()
    for moment in moments([one for message in drive(6) for one in message]):
        tracker.advance(state, VEHICLE.id, VEHICLE.kind, moment)
        again = unpack(pack(state))
        assert again == state
    assert state.progress is not None
    assert unpack(b"\x92\x63\x80") is None
    assert unpack(b"nothing") is None


@pytest.mark.parametrize("kind", ["bin", "toilet"])
def test_only_vehicles_and_workers_are_tracked(kind: str) -> None:
    hub = Hub(device=Device(1, "other", kind))
    hub.deliver(said(1, hub.device, (0, 0)))
    assert hub.derived == []
