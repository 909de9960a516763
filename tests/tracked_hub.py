"""A hub of trackers and alerts over a real database, what some sweepers say to it, and all that people see of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import psycopg

from alerts.engine import Engine
from alerts.rule import Rule, Scope
from alerts.rulebook import Rulebook, RuleSet
from alerts.rules.threshold import Threshold
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.vocabulary import Frame
from fleet.master.places import Place
from fleet.master.route import Route, Stop
from fleet.offset import PlannedOffsets
from fleet.trackers.fold import Fold
from fleet.trackers.ports import Task
from fleet.trackers.tracker import Tracker
from hub.alerting.desk import AlertDesk
from hub.alerting.repair import Repairer
from hub.fleet.desk import TrackDesk
from hub.fleet.plan_source import StoredPlans
from hub.fleet.repair import Mender
from hub.fleet.service import Tracking
from store.alerts.history import AlertHistory
from store.fleet.master import FleetMaster
from store.fleet.tracker_history import TrackerHistory
from store.telemetry.writer import PostgresStore
from tests.intake import NOW, clear, contents, frame
from tests.one_process import Process

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


class Hub(Process):
    """Desks of trackers and alerts. ``stored``: they go by the plans of the store, as a hub does, and not by a book."""

    def __init__(self, dsn: str, *, stored: bool = False) -> None:
        catalogue = Catalogue((*CATALOGUE, *DERIVED))
        super().__init__(dsn, PostgresStore(dsn, catalogue=catalogue, mode="plain", now=lambda: NOW), BEGIN)
        engine = Engine(Rulebook((RuleSet(1, BEGIN - 3_600 * SECOND, RULES),)))
        alerts = AlertDesk(self.store, AlertHistory(self.reads), engine, catalogue, now=self.now)
        self.repairer = Repairer(alerts, self.device)
        self.tracking: Tracking | None = None
        if stored:
            source = StoredPlans(FleetMaster(self.reads))
            self.tracking = Tracking(alerts, self.reads, self.registry, source, now=self.now)
            self.desk, self.mender = self.tracking.desk, self.tracking.mender
            self.assembler._deriver = self.tracking.offsets
            return
        fold = Fold(Tracker(Book()))
        self.desk = TrackDesk(alerts, TrackerHistory(self.reads), AlertHistory(self.reads), fold, now=self.now)
        self.mender = Mender(self.desk, self.device)
        self.assembler._deriver = PlannedOffsets(Book())

    def now(self) -> int:
        return self.time

    async def take(self, frames: Sequence[Frame], *, repair: bool = True) -> None:
        self.time = max(self.time, *(one.received_at for one in frames))
        await self.desk.write(await self.assembled(frames))
        if repair:
            await self.mend()

    async def mend(self) -> None:
        """As at a start: devices that this process has not heard are brought too; then all that is dirty."""
        await self.bring(self.desk, self.desk.fold)
        await self.bring(self.desk.alerts, self.desk.alerts.engine)
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
        connection.execute("TRUNCATE fleet_live, tracker_states, tracker_dirty, tracker_plans")
