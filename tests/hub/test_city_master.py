"""The simulated city's master data: it says what the city does, and the store takes it once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alerts.rule_file import default_rules
from devices.vocabulary import Device
from fleet.calendar import span
from fleet.exporting.documents import to_yaml
from fleet.master.collection import Master, references
from hub.city_master import master_of
from hub.commands.demo import ACTOR, enter_city, enter_master
from hub.demo.city import DemoCity
from simulators.city import City, Size, registry
from simulators.city.plane import from_wgs84
from simulators.scenario import load_scenario
from store.telemetry.writer import PostgresStore
from tests.hub.cli_runner import invoke, write

START_US = 1_795_392_000_000_000  # Monday 2026-11-23, 08:00 in Shanghai
MONDAY = date(2026, 11, 23)
TABLES = ("routes", "areas", "places", "crews", "workers", "shifts", "plans")


@pytest.fixture(scope="module")
def city() -> City:
    return City(1, START_US, Size(vehicles=10, bins=80, toilets=3, workers=14))


@pytest.fixture
def demo_city() -> Iterator[DemoCity]:
    scenario = load_scenario("demo", {"size.vehicles": 6, "size.bins": 40, "size.toilets": 2, "size.workers": 5})
    with closing(DemoCity(scenario, 1)) as made:
        yield made


def everything(dsn: str) -> dict[str, list[str]]:
    with psycopg.connect(dsn) as connection:
        return {
            table: sorted(str(row) for row in connection.execute(f"SELECT * FROM {table}".encode()))
            for table in (*TABLES, "audit")
        }


def count(dsn: str, table: str) -> int:
    return len(everything(dsn)[table])


def test_everything_that_is_named_is_there(city: City) -> None:
    master = master_of(city, (MONDAY,))
    known = {(section, item.id) for section, item in master.items()}
    known |= {("devices", device) for device in city.device_ids}
    assert all((one.section, one.id) in known for _, item in master.items() for one in references(item))
    assert len(known) == len(list(master.items())) + len(city.device_ids)
    assert len({worker.name for worker in master.workers}) > 20
    assert all("\u4e00" <= worker.name[0] <= "\u9fff" for worker in master.workers)


def test_a_plan_covers_each_shift_of_each_vehicle_and_worker(city: City) -> None:
    master = master_of(city, (MONDAY,))
    shifts = {shift.id: shift for shift in master.shifts}
    for vehicle in city.vehicles:
        planned = {(shifts[plan.shift].start, shifts[plan.shift].length) for plan in master.plans
                   if plan.vehicle == vehicle.id}  # fmt: skip
        assert planned == set(city.plans[vehicle.id].windows)
    for worker in city.workers:
        (plan,) = (plan for plan in master.plans if plan.workers == (worker.id,))
        assert (
            span(shifts[plan.shift], MONDAY)[1] - span(shifts[plan.shift], MONDAY)[0] == worker.window[1] * 60_000_000
        )


def test_passes_are_what_vehicles_manage_in_a_shift(city: City) -> None:
    """A whole shift of every vehicle: it passes the first street of its round as often as its route asks, or more."""
    master = master_of(city)
    passes = {route.id: route.passes for route in master.routes}
    fresh = City(1, START_US, Size(vehicles=10, bins=80, toilets=0, workers=0))
    begin, length = 5 * 60, 480  # the early shift of Tuesday
    start = START_US - 8 * 3_600_000_000 + 86_400_000_000 + begin * 60_000_000
    early = [vehicle for vehicle in fresh.vehicles if (begin, length) in fresh.plans[vehicle.id].windows]
    assert len(early) >= 3
    seen: dict[str, list[int]] = {vehicle.id: [] for vehicle in early}
    for one in fresh.advance(start + length * 60_000_000):
        if one.device_id in seen and one.observed_at >= start and one.fix is not None:
            arc = fresh.plans[one.device_id].round[0]
            x, y = arc.point(arc.length / 2)
            if _near(one.fix, x, y) and one.readings.get("pto") and _along(one.fix, arc.heading):
                seen[one.device_id].append(one.observed_at)
    for device, times in seen.items():
        rounds = 1 + sum(later - earlier > 20 * 60_000_000 for earlier, later in pairwise(times))
        assert rounds >= passes[f"route-{device[-4:]}"], device


def _near(fix: dict[str, Any], x: float, y: float) -> bool:
    there = from_wgs84(fix["lat"], fix["lon"])
    return abs(there[0] - x) < 60 and abs(there[1] - y) < 60


def _along(fix: dict[str, Any], heading: float) -> bool:
    return abs((fix.get("heading_deg", heading) - heading + 180) % 360 - 180) < 45


def test_the_rule_for_sprinklers_finds_them(city: City) -> None:
    rule = next(rule for rule in default_rules() if rule.id == "sprinkler-rush-hours")
    devices = [Device(1, one["id"], one["kind"], attributes=one["attributes"]) for one in registry.devices(city)]
    found = {device.id for device in devices if rule.scope.holds(device)}
    assert found == {v.id for v in city.vehicles if city.plans[v.id].vehicle_type.name == "sprinkler"} != set()


async def test_the_demo_enters_its_city_once(postgres_dsn: str, demo_city: DemoCity) -> None:
    store = PostgresStore(postgres_dsn, mode="plain")
    await store.open()
    await store.close()
    for _ in range(2):
        await enter_city(postgres_dsn, demo_city)
        await enter_master(postgres_dsn, demo_city, START_US)
        entered = everything(postgres_dsn)
    assert [len(entered[table]) for table in ("routes", "areas", "places", "audit")] == [6, 5, 3, 1]
    assert len(entered["plans"]) == 9 * (6 * 2 + 5)
    await enter_master(postgres_dsn, demo_city, START_US + 86_400_000_000)  # the next day: a day of plans more
    again = everything(postgres_dsn)
    assert len(again["plans"]) == 10 * (6 * 2 + 5)
    assert again["routes"] == entered["routes"]
    with psycopg.connect(postgres_dsn) as connection:
        intervals = dict(
            connection.execute(
                "SELECT kind, min(attributes ->> 'report_interval_s') FROM devices GROUP BY 1"
            ).fetchall()
        )
        (actor,) = connection.execute("SELECT DISTINCT actor FROM audit WHERE action = 'fleet.enter'").fetchall()
    assert intervals == {"vehicle": "30", "bin": "600", "toilet": "60", "worker": "30"}
    assert actor == (ACTOR,)


def test_what_is_exported_is_imported_without_a_change(postgres_dsn: str, city: City, tmp_path: Path) -> None:
    devices = [{"id": one["id"], "kind": one["kind"]} for one in registry.devices(city)]
    write(tmp_path / "devices.yaml", json.dumps(devices))
    for name in ("routes", "places", "posts"):
        write(tmp_path / f"{name}.geojson", json.dumps(getattr(registry, name)(city)))
    result = invoke("import", tmp_path, dsn=postgres_dsn)
    assert result.exit_code == 0, result.output
    rest = Master(**{name: getattr(master_of(city, (MONDAY, MONDAY + timedelta(1))), name) for name in TABLES[3:]})
    assert invoke("import", write(tmp_path / "rest.yaml", to_yaml(rest)), dsn=postgres_dsn).exit_code == 0
    before = everything(postgres_dsn)
    assert len(before["plans"]) == 2 * (2 * 10 + 14)
    for form, target in (("yaml", "out.yaml"), ("geojson", "out.geojson"), ("csv", "tables")):
        out = tmp_path / target
        made = invoke("export", "fleet", "--format", form, "-o", out, dsn=postgres_dsn)
        assert made.exit_code == 0, made.output
        result = invoke("import", out, dsn=postgres_dsn)
        assert result.exit_code == 0, result.output
        assert everything(postgres_dsn) == before, form
    assert {file.stem for file in (tmp_path / "tables").iterdir()} == {
        *("stops", "places", "crews", "workers", "shifts", "plans")
    }
