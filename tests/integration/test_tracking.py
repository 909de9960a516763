"""The trackers over a real database: committed with the telemetry, the same in any order and after any crash."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from alerts.engine import Engine
from alerts.rule import Rule, Scope
from alerts.rulebook import Rulebook, RuleSet
from alerts.rules.threshold import Threshold
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.vocabulary import Device, Frame
from fleet.master.places import Place
from fleet.master.route import Route, Stop
from fleet.offset import PlannedOffsets
from fleet.trackers.fold import Fold
from fleet.trackers.ports import Task
from fleet.trackers.tracker import Tracker
from hub.alerting.desk import AlertDesk
from hub.alerting.repair import Repairer
from hub.fleet.desk import TrackDesk
from hub.fleet.repair import Mender
from hub.fleet.service import Tracking
from ingest.assembly import Assembler
from store.alert_history import AlertHistory
from store.connection import session_parameters
from store.readers_session import ReadSession
from store.tracker_history import TrackerHistory
from store.tracker_writes import note
from store.writer import PostgresStore
from tests.intake import NOW, clear, contents, frame, make_assembler

SECOND = 1_000_000
BEGIN = NOW - 4 * 3_600 * SECOND
RULES = (
    Rule("idle-long", "threshold", Threshold("idle_s", 300, clear=0), scope=Scope(kinds=("vehicle",))),
    Rule("worked", "threshold", Threshold("coverage_pct", 10), severity="info"),
)
Said = tuple[str, dict[str, Any]]


def lonlat(east: float, north: float) -> tuple[float, float]:
    return round(114.0 + east / 96_297.6, 7), round(30.0 + north / 111_195.0, 7)


ROUTE = Route(
    "r", 1, "sweep", (tuple(lonlat(east, 0) for east in range(0, 3_001, 100)),), work=("brush",),
    stops=(Stop("bin-1", *lonlat(1_000, 5)),),
)  # fmt: skip
PLACES = (Place("depot", "depot", *lonlat(-300, 0), radius_m=80),)


class Book:
    """Everybody sweeps the same street all day."""

    def task(self, device: str, at: int) -> Task:
        return Task("plan-1", BEGIN - 3_600 * SECOND, NOW, ROUTE)

    def places(self) -> Sequence[Place]:
        return PLACES


class Hub:
    """Store, desks and assembler of one process; the clock is ours."""

    def __init__(self, dsn: str) -> None:
        self.time = BEGIN
        catalogue = Catalogue((*CATALOGUE, *DERIVED))
        self.store = PostgresStore(dsn, catalogue=catalogue, mode="plain", now=lambda: NOW)
        self.pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=2, open=False)
        reads = ReadSession(self.pool)
        engine = Engine(Rulebook((RuleSet(1, BEGIN - 3_600 * SECOND, RULES),)))
        alerts = AlertDesk(self.store, AlertHistory(reads), engine, catalogue, now=lambda: self.time)
        self.desk = TrackDesk(
            alerts, TrackerHistory(reads), AlertHistory(reads), Fold(Tracker(Book())), now=lambda: self.time
        )
        self.assembler: Assembler = make_assembler(self.desk)  # type: ignore[arg-type]
        self.assembler._deriver = PlannedOffsets(Book())
        self.mender, self.repairer = Mender(self.desk, self.device), Repairer(alerts, self.device)

    def device(self, key: int) -> Device | None:
        return next((one for one in self.assembler._registry.devices() if one.key == key), None)

    async def __aenter__(self) -> Hub:
        await self.store.open()
        await self.pool.open()
        for identity, device in await self.store.changed_devices(0):
            self.assembler._registry.add(identity, device)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()
        await self.store.close()

    async def take(self, frames: Sequence[Frame], *, repair: bool = True) -> None:
        self.time = max(self.time, *(one.received_at for one in frames))
        await self.desk.write(await self.assembler.assemble([self.assembler.decode(one) for one in frames]))
        if repair:
            await self.mend()

    async def mend(self) -> None:
        """As at a start: devices that this process has not heard are brought too; then all that is dirty."""
        devices = {one.key: one for one in self.assembler._registry.devices()}
        async with self.desk.turn:
            await self.desk.load({key: devices[key] for key in self.desk.fold.unknown(devices)})
        async with self.desk.alerts.turn:
            await self.desk.alerts.load({key: devices[key] for key in self.desk.alerts.engine.unknown(devices)})
        await self.mender.mend_all()
        await self.repairer.mend_all()


def day(seed: int, vehicles: int = 2, minutes: int = 100) -> list[Said]:
    """Sweepers that leave the depot, work, idle, rest and fall silent."""
    chance = random.Random(seed)
    said: list[Said] = []
    for number in range(vehicles):
        east, at, spell, speed, on, brush = -300.0, 0.0, 240.0, 0.0, 0, 0
        while at < minutes * 60:
            if spell <= 0:
                spell, speed = (
                    chance.choice((90, 240, 500)),
                    chance.choice((0.0, 2.5, 2.5, 9.0)) * chance.choice((1, 1, -1)),
                )
                on, brush = (1, int(abs(speed) == 2.5)) if speed else (chance.choice((0, 1)), 0)
            step = chance.choice((10, 20, 30)) if chance.random() < 0.98 else chance.choice((400, 1_000))
            at, spell, east = at + step, spell - step, east + speed * step
            lon, lat = lonlat(east + chance.gauss(0, 1), chance.gauss(0, 1))
            readings = {"ignition": on, "brush": brush, "speed_kmh": round(abs(speed) * 3.6, 1)}
            message = {"ts": BEGIN + round(at) * SECOND, "readings": readings, "fix": {"lat": lat, "lon": lon}}
            said.append((f"vehicle-{seed}-{number}", message))
            if chance.random() < 0.25:
                event = {"kind": "sos", "attributes": {"n": len(said)}}
                said.append((said[-1][0], {"ts": message["ts"] + 4 * SECOND, "events": [event]}))
    return sorted(said, key=lambda one: one[1]["ts"])


def frames(said: Sequence[Said]) -> list[Frame]:
    received_at = max(message["ts"] for _, message in said) + SECOND
    return [frame(message, device, at=received_at) for device, message in said]


TRIPS = """SELECT d.id, started_at, ended_at, told_at, ended, origin, goal, driven_m, work_m, work_s, transit_s, idle_s,
                  off_s, no_data_s, origin_lat, goal_lon
             FROM trips JOIN devices d ON d.key = device_key ORDER BY 1, 2"""
STOPS = """SELECT d.id, started_at, ended_at, told_at, lat, lon, place, role, idle_s
             FROM vehicle_stops JOIN devices d ON d.key = device_key ORDER BY 1, 2"""
LIVE = """SELECT d.id, at, work_state, since, trip_at, stop_at, plan, coverage_pct, next_stop
            FROM fleet_live JOIN devices d ON d.key = device_key ORDER BY 1"""
ALERTS = """SELECT d.id, rule, raised_at, cleared_at, raised_value, cleared_value FROM alerts
              JOIN devices d ON d.key = device_key WHERE NOT retracted ORDER BY 1, 2, 3"""


def told(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that people see: telemetry with what is derived, latest readings, trips, stops, boards, alerts."""
    with psycopg.connect(dsn) as connection:
        derived = {
            name: connection.execute(sql.encode()).fetchall()
            for name, sql in {"trips": TRIPS, "stops": STOPS, "alerts": ALERTS}.items()
        }
    return derived | contents(dsn)


def live(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(LIVE.encode()).fetchall()


def empty(dsn: str) -> None:
    clear(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE alerts, tracks, dirty_spans, outbox, deliveries, trips, vehicle_stops CASCADE")
        connection.execute("TRUNCATE fleet_live, tracker_states, tracker_dirty")


@pytest.fixture
async def dsn(postgres_dsn: str) -> str:
    async with Hub(postgres_dsn):
        pass
    return postgres_dsn


async def in_order(dsn: str, said: Sequence[Said], portion: int = 11) -> dict[str, list[tuple[Any, ...]]]:
    """The truth: everything in order, undisturbed."""
    empty(dsn)
    async with Hub(dsn) as hub:
        for start in range(0, len(said), portion):
            await hub.take(frames(said[start : start + portion]))
        assert hub.mender.repairs == 0
    return told(dsn)


async def test_any_order_of_delivery_ends_in_the_same_records(dsn: str) -> None:
    raised: set[str] = set()
    for seed in range(3):
        said = day(seed)
        true = await in_order(dsn, said)
        raised |= {row[1] for row in true["alerts"]}
        assert {row[1] for row in true["events"]} == {"trip", "stop", "sos"}
        assert {row[1] for row in true["readings"]} >= {"work_state", "idle_s", "coverage_pct", "route_offset_m"}
        boards = live(dsn)
        chance = random.Random(seed)
        deliveries = said + chance.sample(said, len(said) // 4)
        chance.shuffle(deliveries)
        empty(dsn)
        async with Hub(dsn) as hub:
            for start in range(0, len(deliveries), 60):
                await hub.take(frames(deliveries[start : start + 60]), repair=chance.random() < 0.6)
            await hub.mend()
            assert hub.mender.repairs > 0
        assert told(dsn) == true
        assert [row[0] for row in live(dsn)] == [row[0] for row in boards]
    assert raised == {"idle-long", "worked"}


async def test_a_hub_that_dies_anywhere_goes_on_as_if_it_had_not(dsn: str) -> None:
    """Between batches, before repairs, and with an acknowledgement lost, so that devices send again."""
    for seed in (10,):
        said = day(seed)
        true = await in_order(dsn, said)
        empty(dsn)
        chance = random.Random(seed)
        start = 0
        while start < len(said):
            async with Hub(dsn) as hub:
                for _ in range(chance.randrange(1, 9)):
                    batch = said[start : start + 29]
                    if not batch:
                        break
                    await hub.take(frames(batch), repair=chance.random() < 0.7)
                    if chance.random() < 0.8:  # else its acknowledgement was lost
                        start += len(batch)
        async with Hub(dsn) as hub:
            await hub.take(frames(said[-29:]))
        assert told(dsn) == true


async def test_a_transaction_that_fails_leaves_nothing_behind_and_can_be_tried_again(dsn: str) -> None:
    said = day(20, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    async with Hub(dsn) as hub:
        for start in range(0, len(said), 11):
            batch = frames(said[start : start + 11])
            hub.time = batch[0].received_at
            assembled = await hub.assembler.assemble([hub.assembler.decode(one) for one in batch])
            if start % 3 == 0:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute("ALTER TABLE fixes ADD CONSTRAINT nothing CHECK (false) NOT VALID")
                before = told(dsn)
                with pytest.raises(Exception, match="nothing"):
                    await hub.desk.write(assembled)
                assert told(dsn) == before
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute("ALTER TABLE fixes DROP CONSTRAINT nothing")
            await hub.desk.write(assembled)
        await hub.mend()
        assert hub.mender.repairs == 0
    assert told(dsn) == true


async def test_history_that_was_never_tracked_is_tracked_at_the_first_word(dsn: str) -> None:
    said = day(30, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    async with Hub(dsn) as hub:
        batch = await hub.assembler.assemble([hub.assembler.decode(one) for one in frames(said[:-1])])
        await hub.store.write(batch)  # a hub of an earlier version
    async with Hub(dsn) as hub:
        await hub.take(frames(said[-1:]))
        assert hub.mender.repairs == 1
    again = told(dsn)
    assert {name: rows for name, rows in again.items() if name != "alerts"} == {
        name: rows for name, rows in true.items() if name != "alerts"
    }


async def test_what_an_import_stores_is_tracked_by_a_hub_that_runs(dsn: str) -> None:
    said = day(35, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    third = len(said) // 3
    async with Hub(dsn) as hub, Hub(dsn) as other:
        await hub.take(frames(said[:third]))
        await hub.take(frames(said[2 * third :]))
        later = frames(said[third : 2 * third])
        batch = await other.assembler.assemble([other.assembler.decode(one) for one in later])
        await other.store.write(batch, lambda cursor: note(cursor, batch))
        await hub.desk.follow()
        await hub.mend()
    again = told(dsn)
    for name in ("trips", "stops", "readings", "fixes", "events"):
        assert again[name] == true[name], name


async def test_what_comes_while_a_device_is_repaired_is_not_lost(dsn: str) -> None:
    said = day(60, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    parts = [said[number::4] for number in range(4)]
    async with Hub(dsn) as hub:
        await hub.take(frames(parts[0]), repair=False)
        hub.time = said[-1][1]["ts"] + 3_600 * SECOND
        await hub.take(frames(parts[1]), repair=False)
        waiting = iter(parts[2:])
        fold_far = hub.mender._fold_far

        async def slowly(*given: Any) -> int:
            reached = await fold_far(*given)
            if (part := next(waiting, None)) is not None:
                await hub.take(frames(part), repair=False)
            return reached

        hub.mender._fold_far = slowly  # type: ignore[method-assign]
        await hub.mend()
        assert next(waiting, None) is None
    again = told(dsn)
    for name in ("trips", "stops", "readings", "events"):
        assert again[name] == true[name], name


class Source:
    """What is planned, and changed by the test."""

    def __init__(self, *tasks: Task) -> None:
        self.tasks = tasks

    async def planned(self, start: int, end: int) -> Sequence[tuple[str, Task]]:
        return [("vehicle-70-0", one) for one in self.tasks if start <= one.start < end]

    async def places(self) -> Sequence[Place]:
        return PLACES


async def test_a_plan_that_is_entered_later_is_worked_in_from_its_start(dsn: str) -> None:
    said = day(70, vehicles=1, minutes=60)
    true = await in_order(dsn, said)
    assert "coverage_pct" in {row[1] for row in true["readings"]}
    empty(dsn)
    source = Source()
    async with Hub(dsn) as hub:
        registry = hub.assembler._registry
        reads = ReadSession(hub.pool)
        tracking = Tracking(hub.desk.alerts, reads, registry, source, now=lambda: hub.time)
        await tracking.open()
        hub.desk, hub.mender, hub.assembler._deriver = tracking.desk, tracking.mender, None
        await hub.take(frames(said))
        assert "coverage_pct" not in {row[1] for row in told(dsn)["readings"]}
        source.tasks = (Book().task("", 0),)
        await tracking.follow_plans()
        await hub.mend()
        assert hub.mender.repairs == 1
        await tracking.follow_plans()
        assert not hub.desk.fold.dirty
    planned = {"coverage_pct", "progress_m", "work_state"}
    again = told(dsn)
    assert [row for row in again["readings"] if row[1] in planned] == [
        row for row in true["readings"] if row[1] in planned
    ]


async def test_what_late_data_changed_says_so(dsn: str) -> None:
    said = day(40, vehicles=1)
    empty(dsn)
    middle = len(said) // 2
    async with Hub(dsn) as hub:
        await hub.take(frames([*said[: middle - 40], *said[middle:]]))
        await hub.take(frames(said[middle - 40 : middle]))
        assert hub.mender.repairs == 1
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT revised_at IS NOT NULL FROM trips").fetchall()
        dirty = connection.execute("SELECT count(*) FROM tracker_dirty").fetchall()
    assert dirty == [(0,)]
    assert {row[0] for row in rows} == {False, True}


async def test_an_event_of_the_device_by_the_same_name_is_left_alone(dsn: str) -> None:
    empty(dsn)
    said = day(50, vehicles=1)
    own = (said[9][0], {"ts": said[9][1]["ts"], "events": [{"kind": "stop", "attributes": {"at": "kiosk"}}]})
    async with Hub(dsn) as hub:
        await hub.take(frames([*said[20:], own]))
        await hub.take(frames(said[:20]))
        assert hub.mender.repairs > 0
    events = [row for row in contents(dsn, tables=("events",))["events"] if "kiosk" in row[3]]
    assert len(events) == 1
