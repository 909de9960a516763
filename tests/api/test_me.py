"""What is a worker's own: shifts, tasks, evaluation and appeals, and never another's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.passwords import hashed
from api.ports.services import Services
from devices.access import Role, fingerprint
from devices.people import PersonSpec, new_token

PERIOD = {"from": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}
PASSWORD = hashed("correct horse battery staple")
TABLES = {
    "crews": [{"id": "east", "name": "East"}, {"id": "west", "name": "West"}],
    "workers": [
        {"id": "li", "name": "Li Mei", "crew": "east", "device": "badge-1"},
        {"id": "wang", "name": "Wang Bo", "crew": "east", "device": "badge-2"},
        {"id": "zhao", "name": "Zhao", "crew": "west"},
    ],
    "shifts": [
        {"id": "late", "start": 14 * 60, "length": 480, "name": "Late", "name_zh": "中班", "breaks": [[240, 30]]},
        {"id": "night", "start": 21 * 60, "length": 480, "name": "Night", "name_zh": "夜班"},
    ],
}
PLANS = [
    {"id": "p-crew", "on": "2026-11-02", "shift": "late", "area": "post-1", "crew": "east"},
    {"id": "p-other", "on": "2026-11-02", "shift": "night", "crew": "east", "workers": ["wang"]},
    {"id": "p-past", "on": "2026-10-31", "shift": "late", "workers": ["li"]},
    {"id": "p-tonight", "on": "2026-11-02", "shift": "night", "workers": ["li"], "vehicle": "cart-1", "note": "雨天"},
]


class Phone:
    """Somebody who has signed in."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = await self._client.request(method, f"/api/v1{path}", headers=self._headers, **options)
        assert answer.status_code == status, answer.text
        return answer.json()


async def signed_in(services: Services, client: httpx.AsyncClient, worker: str | None, role: str = "worker") -> Phone:
    spec = PersonSpec(name=f"{role}-{worker}", display_name="Somebody", role=Role(role), worker=worker)
    person = await services.people.create(spec, PASSWORD, actor="test")
    token = new_token()
    await services.sessions.open_session(person, fingerprint(token), services.clock())
    return Phone(client, token)


@pytest.fixture
def town(city: Any) -> Any:
    for table, rows in TABLES.items():
        for row in rows:
            city.sql(f"INSERT INTO {table} (id, content) VALUES (%s, %s)", row["id"], json.dumps(row))
    for plan in PLANS:
        content = {"workers": [], **plan}
        columns = "INSERT INTO plans (id, content) VALUES (%s, %s)"
        city.sql(columns, plan["id"], json.dumps(content))
    area = {"kind": "post", "name": "People's Road", "name_zh": "人民路", "lines": [[[114.3, 30.57], [114.31, 30.57]]]}
    insert = (
        "INSERT INTO areas (id, version, valid_from, entered_by, content) VALUES ('post-1', 1, '2026-01-01Z', 'me', %s)"
    )
    city.sql(insert, json.dumps({"id": "post-1", "version": 1, "width_m": 20, **area}))
    city.badge = city.device("badge-1", "worker", id="badge-1")
    city.device("badge-2", "worker", id="badge-2")
    return city


@pytest.fixture
async def outside(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as opened:
        yield opened


async def test_today_is_what_is_planned_for_me_and_my_last_check(
    services: Services, outside: httpx.AsyncClient, town: Any
) -> None:
    li = await signed_in(services, outside, "li")
    told = await li.ask("GET", "/me/today")
    assert (told["worker"], told["name"], told["crew"], told["device"]) == ("li", "Li Mei", "east", "badge-1")
    assert told["last_check"] is None
    crew, tonight = told["duties"]  # not what is for Wang alone, nor what is over for long
    assert (crew["plan"], crew["shift_name_zh"], crew["area_name_zh"]) == ("p-crew", "中班", "人民路")
    assert (crew["start"], crew["end"]) == ("2026-11-02T06:00:00Z", "2026-11-02T14:00:00Z")
    assert crew["breaks"] == [{"start": "2026-11-02T10:00:00Z", "end": "2026-11-02T10:30:00Z"}]
    assert (tonight["plan"], tonight["vehicle"], tonight["note"]) == ("p-tonight", "cart-1", "雨天")
    town.event(town.badge, "check_in", town.now - timedelta(hours=2))
    assert (await li.ask("GET", "/me/today"))["last_check"] == {"kind": "check_in", "at": "2026-11-02T06:00:00Z"}
    town.event(town.badge, "check_out", town.now - timedelta(hours=1))
    assert (await li.ask("GET", "/me/today"))["last_check"]["kind"] == "check_out"
    wang = await (await signed_in(services, outside, "wang")).ask("GET", "/me/today")
    assert (wang["device"], wang["last_check"]) == ("badge-2", None)
    assert [one["plan"] for one in wang["duties"]] == ["p-crew", "p-other"]


async def task(services: Services, city: Any, **whose: str) -> Any:
    key = {"X-API-Key": city.key(Role.DISPATCHER)}
    body = {"title": "Flush", "start": "2026-10-30T06:00:00+08:00", "due": "2026-10-30T10:00:00+08:00", **whose}
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        answer = await client.post("/api/v1/evaluation/tasks", headers=key, json=body)
        assert answer.is_success, answer.text
        return answer.json()["id"]


async def test_tasks_are_mine_and_my_crews(services: Services, outside: httpx.AsyncClient, town: Any) -> None:
    mine = await task(services, town, worker="li")
    crews = await task(services, town, crew="east")
    for whose in ({"worker": "wang"}, {"crew": "west"}):
        await task(services, town, **whose)
    li = await signed_in(services, outside, "li")
    assert [one["id"] for one in (await li.ask("GET", "/me/tasks"))["items"]] == [crews, mine]
    first = await li.ask("GET", "/me/tasks?limit=1")
    second = await li.ask("GET", f"/me/tasks?limit=1&cursor={first['next_cursor']}")
    assert [one["id"] for one in second["items"]] == [mine]
    zhao = await signed_in(services, outside, "zhao")
    assert len((await zhao.ask("GET", "/me/tasks"))["items"]) == 1


async def test_from_my_lost_point_to_my_appeal(services: Services, outside: httpx.AsyncClient, town: Any) -> None:
    number = await task(services, town, worker="li")
    li, wang = await signed_in(services, outside, "li"), await signed_in(services, outside, "wang")
    told = await li.ask("GET", "/me/evaluation", params=PERIOD)
    assert (told["id"], told["name"], told["scheme"]) == ("li", "Li Mei", "weighted")
    (lost,) = [one for item in told["items"] for one in item["deductions"]]
    assert lost["evidence"]["id"] == str(number)
    form = {"deduction": lost["id"], "reason": "消防栓锁着", **PERIOD}
    await wang.ask("POST", "/me/appeals", 404, json=form)  # his evaluation has no such deduction
    made = await li.ask("POST", "/me/appeals", json=form)
    assert (made["about"]["name"], made["state"], made["entered_by"]) == ("li", "open", "person:worker-li")
    await li.ask("POST", "/me/appeals", 409, json=form)
    assert [one["id"] for one in (await li.ask("GET", "/me/appeals"))["items"]] == [made["id"]]
    assert (await wang.ask("GET", "/me/appeals"))["items"] == []
    audited = town.sql("SELECT actor FROM audit WHERE action = 'evaluation.appeal'")
    assert audited == [("person:worker-li",)]


async def test_nobody_can_be_named(services: Services, outside: httpx.AsyncClient, town: Any) -> None:
    li = await signed_in(services, outside, "li")
    await li.ask("GET", "/me/evaluation?worker=wang", 422)
    await li.ask("GET", "/me/tasks?worker=wang", 422)
    form = {"deduction": "x", "reason": "y", **PERIOD}
    await li.ask("POST", "/me/appeals", 422, json={**form, "worker": "wang"})
    await li.ask("POST", "/me/appeals", 422, json={**form, "to": PERIOD["from"]})


async def test_a_supervisor_who_is_a_worker_has_a_page_and_others_have_none(
    services: Services, outside: httpx.AsyncClient, town: Any
) -> None:
    supervisor = await signed_in(services, outside, "zhao", "dispatcher")
    assert (await supervisor.ask("GET", "/me/today"))["worker"] == "zhao"
    manager = await signed_in(services, outside, None, "manager")
    assert (await manager.ask("GET", "/me/today", 403))["type"] == "urn:sanihub:problem:not-a-worker"
    town.sql("DELETE FROM workers WHERE id = 'zhao'")
    await supervisor.ask("GET", "/me/today", 404)
