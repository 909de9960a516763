"""Reports through the API: jobs, revisions, files, signatures, appeals, and who may do what."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import openpyxl
import pytest

from api.ports.services import Services
from devices.access import Role
from fleet.master.collection import Master
from fleet.master.people import Worker
from fleet.master.places import Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop, Window
from store.fleet.entry import FleetEntry
from tests.api.conftest import City

DAY = date(2026, 11, 2)
BEGIN = datetime(2026, 11, 1, 22, tzinfo=UTC)  # six in the morning in Shanghai
WEST, EAST, LAT = 114.30, 114.34, 30.58
ROUTE = Route(
    "east", 0, "collect", (((WEST, LAT), (EAST, LAT)),), name="East", name_zh="东线", work=("pto",),
    stops=tuple(
        Stop(f"s{i}", WEST + 0.01 * i, LAT, name=f"人民路{i}号", windows=(Window(360, 480),)) for i in range(1, 4)
    ),
)  # fmt: skip
ORDER = {
    "kind": "route_compliance", "from": "2026-11-02T00:00:00+08:00", "to": "2026-11-03T00:00:00+08:00",
    "subject": {"route": "east"},
}  # fmt: skip
Headers = dict[str, str]


@pytest.fixture
async def keys(services: Services) -> dict[Role, Headers]:
    made = {}
    for role in (Role.VIEWER, Role.DISPATCHER, Role.MANAGER):
        create = services.keys.create  # type: ignore[attr-defined]
        key, _ = await create(role.value, role, device=None, expires_at=None, actor="test")
        made[role] = {"X-API-Key": key}
    return made


@pytest.fixture
async def fleet(city: City, services: Services) -> int:
    """A route, a truck, a shift and a plan; the key of the truck."""
    truck = city.device("truck-1", kind="vehicle", name="鄂A·00001")
    master = Master(
        routes=(ROUTE,), places=(Place("depot", "depot", WEST, LAT),), workers=(Worker("w1", "王建国", "driver"),),
        shifts=(Shift("early", 360, 480, name="Early", name_zh="早班"),),
        plans=(Plan("p1", DAY, "early", "east", vehicle="truck-1", workers=("w1",)),),
    )  # fmt: skip
    await FleetEntry(services.keys._session).enter(master, "test")  # type: ignore[attr-defined]
    return truck


def drive(city: City, truck: int, first: int, last: int) -> None:
    """Along the route at 18 km/h, a position and the power take-off each ten seconds; steps ``first`` to ``last``."""
    for step in range(first, last):
        at = BEGIN + timedelta(minutes=20, seconds=10 * step)
        lon = min(WEST + step * 50 / 95_700, EAST)
        city.fix(truck, at, step, lat=LAT, lon=lon, speed_kmh=18.0, heading_deg=90.0)
        city.reading(truck, "pto", 1.0, at)
        city.reading(truck, "ignition", 1.0, at)


async def made(client: httpx.AsyncClient, keys: dict[Role, Headers], order: dict[str, Any] = ORDER) -> dict[str, Any]:
    """Order a report, and wait until its job has ended."""
    answer = await client.post("/api/v1/reports/jobs", json=order, headers=keys[Role.MANAGER])
    assert answer.status_code == 202, answer.text
    while True:
        job: dict[str, Any] = (await client.get(answer.headers["location"], headers=keys[Role.MANAGER])).json()
        if job["state"] not in ("waiting", "working"):
            return job
        await asyncio.sleep(0)


async def detail(client: httpx.AsyncClient, keys: dict[Role, Headers], number: int) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/reports/{number}", headers=keys[Role.VIEWER])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def figures_of(client: httpx.AsyncClient, keys: dict[Role, Headers], number: int) -> dict[str, Any]:
    """The key figures of a report, by their ids."""
    path = f"/api/v1/reports/{number}/file"
    answer = await client.get(path, params={"format": "json"}, headers=keys[Role.MANAGER])
    sections = answer.json()["document"]["sections"]
    return {figure["id"]: figure["value"] for part in sections for figure in part["figures"]}


async def test_a_report_its_late_data_and_what_people_say(
    client: httpx.AsyncClient, city: City, fleet: int, keys: dict[Role, Headers]
) -> None:
    drive(city, fleet, 0, 40)
    job = await made(client, keys)
    assert (job["state"], job["error"], job["done"], job["whole"], job["new_revision"]) == ("done", None, 1, 1, True)
    first = await detail(client, keys, job["report"])
    assert (first["revision"], first["change_list"], first["order"]["from"]) == (1, [], "2026-11-01T16:00:00Z")

    again = await made(client, keys)
    assert (again["report"], again["new_revision"]) == (job["report"], False)

    path = f"/api/v1/reports/{job['report']}"
    signed = await client.post(f"{path}/sign-off", json={"name": "陈主任"}, headers=keys[Role.DISPATCHER])
    assert signed.json()["signature_list"][0]["name"] == "陈主任"
    assert not signed.json()["signed_another"]

    drive(city, fleet, 40, 80)
    late = await made(client, keys)
    assert late["new_revision"]
    second = await detail(client, keys, late["report"])
    assert (second["revision"], second["newest_revision"], second["signed_another"]) == (2, 2, True)
    changed = {tuple(change["where"]): change for change in second["change_list"]}
    coverage = changed["Overview", "Data completeness"]
    assert coverage["before"] < coverage["after"]
    assert second["hash"] != first["hash"]

    said = {"name": "李伟", "about": "人民路3号", "reason": "The road was closed."}
    path = f"/api/v1/reports/{late['report']}"
    appealed = await client.post(f"{path}/appeals", json=said, headers=keys[Role.VIEWER])
    assert appealed.status_code == 201
    number = appealed.json()["appeal_list"][0]["id"]
    decision = {"accepted": True, "decision": "Confirmed."}
    refused = await client.post(f"{path}/appeals/{number}/decision", json=decision, headers=keys[Role.DISPATCHER])
    assert refused.status_code == 403
    decided = await client.post(f"{path}/appeals/{number}/decision", json=decision, headers=keys[Role.MANAGER])
    assert decided.json()["appeal_list"][0]["state"] == "accepted"
    twice = await client.post(f"{path}/appeals/{number}/decision", json=decision, headers=keys[Role.MANAGER])
    assert (twice.status_code, twice.json()["type"]) == (409, "urn:sanihub:problem:appeal-decided")

    listed = await client.get("/api/v1/reports", params={"like": job["report"]}, headers=keys[Role.VIEWER])
    assert [item["revision"] for item in listed.json()["items"]] == [2, 1]
    audit = await client.get("/api/v1/audit", params={"target": f"report:{late['report']}"}, headers=keys[Role.MANAGER])
    assert [item["action"] for item in audit.json()["items"]] == ["report.decide", "report.appeal", "report.make"]


async def test_a_report_in_every_format_and_language(
    client: httpx.AsyncClient, city: City, fleet: int, keys: dict[Role, Headers]
) -> None:
    drive(city, fleet, 0, 80)
    number = (await made(client, keys))["report"]
    path = f"/api/v1/reports/{number}/file"
    for name, begin in (("json", b"{"), ("csv", b"PK"), ("xlsx", b"PK"), ("html", b"<!doctype"), ("pdf", b"%PDF")):
        answer = await client.get(path, params={"format": name, "lang": "zh"}, headers=keys[Role.VIEWER])
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(begin)
        assert "attachment; filename=" in answer.headers["content-disposition"]
        assert "sandbox" in answer.headers["content-security-policy"]
    book = openpyxl.load_workbook(
        BytesIO((await client.get(path, params={"format": "xlsx"}, headers=keys[Role.VIEWER])).content)
    )
    assert "全部站点" in book.sheetnames
    one = await client.get(path, params={"format": "csv", "table": "stops", "lang": "en"}, headers=keys[Role.VIEWER])
    assert one.headers["content-type"] == "text/csv; charset=utf-8"
    assert "人民路1号" in one.text
    wrong = await client.get(path, params={"format": "csv", "table": "nonsense"}, headers=keys[Role.VIEWER])
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "table"


async def test_what_cannot_be_ordered_names_the_field(client: httpx.AsyncClient, keys: dict[Role, Headers]) -> None:
    for change, field in (
        ({"kind": "nonsense"}, "kind"),
        ({"zone": "Middle/Earth"}, "zone"),
        ({"to": "2026-11-01T00:00:00+08:00"}, ""),
        ({"subject": {"toilet": "t"}}, "toilet"),
        ({"from": "2026-11-02"}, "from"),
    ):
        answer = await client.post("/api/v1/reports/jobs", json={**ORDER, **change}, headers=keys[Role.MANAGER])
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field


async def test_a_job_over_nothing_fails_with_a_reason(
    client: httpx.AsyncClient, fleet: int, keys: dict[Role, Headers]
) -> None:
    job = await made(client, keys, {**ORDER, "subject": {"route": "west"}})
    told = "route: no plan of route 'west' begins in this span; there are plans of east by truck-1"
    assert (job["state"], job["error"]) == ("failed", told)
    job = await made(client, keys, {**ORDER, "kind": "toilet_service", "subject": {}})
    told = "from: there is nothing to report on in this span; choose one with data, or with plans"
    assert (job["state"], job["error"]) == ("failed", told)


async def test_who_may_not(client: httpx.AsyncClient, nobody: httpx.AsyncClient, keys: dict[Role, Headers]) -> None:
    assert (await nobody.get("/api/v1/reports")).status_code == 401
    assert (await client.post("/api/v1/reports/jobs", json=ORDER, headers=keys[Role.VIEWER])).status_code == 403
    personal = {**ORDER, "kind": "evaluation", "subject": {}}
    refused = await client.post("/api/v1/reports/jobs", json=personal, headers=keys[Role.DISPATCHER])
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:sanihub:problem:role-not-enough")
    assert (await client.get("/api/v1/reports/99", headers=keys[Role.VIEWER])).status_code == 404
    assert (await client.get(f"/api/v1/reports/jobs/{'0' * 32}", headers=keys[Role.VIEWER])).status_code == 404


async def test_a_job_can_be_cancelled(
    client: httpx.AsyncClient, city: City, fleet: int, keys: dict[Role, Headers]
) -> None:
    answer = await client.post("/api/v1/reports/jobs", json=ORDER, headers=keys[Role.MANAGER])
    path = answer.headers["location"]
    assert (await client.delete(path, headers=keys[Role.DISPATCHER])).json()["state"] == "cancelled"
    assert (await client.get(path, headers=keys[Role.VIEWER])).json()["state"] == "cancelled"


async def test_a_level_in_per_cent_is_fuel_only_with_the_size_of_the_tank(
    client: httpx.AsyncClient, city: City, fleet: int, keys: dict[Role, Headers]
) -> None:
    drive(city, fleet, 0, 80)
    for step, level in ((0, 60.0), (40, 58.0), (79, 56.0)):
        city.reading(fleet, "fuel_pct", level, BEGIN + timedelta(minutes=20, seconds=10 * step))
    told = []
    for tank in ("{}", '{"tank_l": 200}', '{"tank_l": "large"}'):
        city.sql("UPDATE devices SET attributes = %s::jsonb WHERE key = %s", tank, fleet)
        job = await made(client, keys)
        figures = await figures_of(client, keys, job["report"])
        told.append((figures["fuel"], figures["driven"]))
    assert [fuel for fuel, _ in told] == [None, pytest.approx(8 / told[1][1] * 100, rel=0.001), None]


async def test_other_kinds_from_the_store(
    client: httpx.AsyncClient, city: City, fleet: int, keys: dict[Role, Headers]
) -> None:
    drive(city, fleet, 0, 80)
    city.alert(fleet, "speeding", BEGIN + timedelta(minutes=25))
    toilet = city.device("toilet-1", kind="toilet", name="中山公园公厕")
    for minute in range(0, 300, 5):
        city.reading(toilet, "nh3_ppm", 3.0 if minute < 120 else 0.2, BEGIN + timedelta(minutes=minute))
        city.reading(toilet, "people_in", 100.0 + minute, BEGIN + timedelta(minutes=minute))
    city.event(toilet, "cleaned", BEGIN + timedelta(hours=2))
    for kind in ("vehicle_day", "fleet_summary", "missed_pickups", "toilet_service", "evaluation"):
        job = await made(client, keys, {**ORDER, "kind": kind, "subject": {}})
        assert job["state"] == "done", job
        figures = await figures_of(client, keys, job["report"])
        expected = {
            "vehicle_day": ("trips", 1), "fleet_summary": ("alarms", 1), "missed_pickups": ("scheduled", 3),
            "toilet_service": ("visits", 295), "evaluation": ("corrected", 0),
        }[kind]  # fmt: skip
        assert figures[expected[0]] == expected[1], figures
