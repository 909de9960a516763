"""Idling against the truth of a simulated city."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import msgspec
import pytest

from alerts.moment import Moment
from devices.vocabulary import Device, Position
from fleet.trackers.fold import Fold
from fleet.trackers.ports import NoPlans
from fleet.trackers.tracker import Derived, State, Tracker
from fleet.trackers.work_state import Doing
from simulators.city import City
from simulators.scenario import load_scenario
from simulators.truth import Record, TruthLog
from tests.fleet.tracking import MINUTE, SECOND, START

HOURS = 6
Spells = dict[str, list[tuple[int, int]]]


@pytest.fixture(scope="module")
def city() -> tuple[dict[str, list[Derived]], Spells]:
    """What the city's vehicles derive from six to noon, and when they really idled."""
    scenario, lines = load_scenario("demo"), list[bytes]()
    truth = TruthLog(lines.append)
    city = City(11, START + 6 * 60 * MINUTE, scenario.size, intervals=scenario.intervals, truth=truth)
    moments: dict[str, list[Moment]] = defaultdict(list)
    for one in city.advance(START + (6 + HOURS) * 60 * MINUTE):
        if one.kind == "vehicle":
            fix = one.fix or {}
            place = Position(fix["lat"], fix["lon"], speed_kmh=fix.get("speed_kmh")) if fix.get("valid") else None
            moments[one.device_id].append(Moment(one.observed_at, one.readings, place))
    fold = Fold(Tracker(NoPlans()))
    derived = {id_: fold.run(State(), Device(1, id_, "vehicle"), one) for id_, one in moments.items()}
    truth.footer({})
    true: Spells = defaultdict(list)
    for record in map(msgspec.json.Decoder(Record, strict=False).decode, lines[:-1]):
        if record.kind == "idle" and record.end_us is not None and not record.open:
            true[record.device_id].append((record.start_us, record.end_us))
    return derived, true


def spells(derived: list[Derived]) -> list[tuple[int, int]]:
    """Idle spells of five minutes and more that ended, by ``work_state``."""
    states = [(one.at, one.readings["work_state"]) for one in derived if "work_state" in one.readings]
    found = [(at, end) for (at, state), (end, _) in pairwise(states) if state == Doing.IDLE]
    return [(start, end) for start, end in found if end - start >= 5 * MINUTE]


def test_every_idle_spell_is_found_to_half_a_minute(city: tuple[dict[str, list[Derived]], Spells]) -> None:
    derived, true = city
    assert sum(map(len, true.values())) >= 10
    for device, happened in true.items():
        found = spells(derived[device])
        for start, end in happened:
            assert any(abs(a - start) <= 30 * SECOND and abs(b - end) <= 30 * SECOND for a, b in found), (device, start)
    assert sum(len(spells(one)) for one in derived.values()) == sum(map(len, true.values()))


def test_idle_s_grows_by_the_minute_and_ends_with_nought(city: tuple[dict[str, list[Derived]], Spells]) -> None:
    derived, _ = city
    for one in derived.values():
        told = [moment.readings["idle_s"] for moment in one if "idle_s" in moment.readings]
        for before, after in pairwise(told):
            assert after == 0 or after >= before + 30
            assert (before, after) != (0, 0)


def test_every_vehicle_on_its_round_has_a_trip(city: tuple[dict[str, list[Derived]], Spells]) -> None:
    derived, _ = city
    working = [one for one in derived.values() if any(m.readings.get("work_state") == Doing.WORKING for m in one)]
    assert len(working) > 10
    assert all(any(m.trips for m in one) for one in working)
