"""Evaluations over HTTP: roles, schemes, findings, tasks, appeals, and the way from a lost point to its return."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.ports.services import Services
from devices.access import Role
from fleet.evaluation.scheme_file import ready_made_text

PERIOD = {"from": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}
OWN = "id: own\nitems:\n  - {id: tasks, weight: 100, measures: [{kpi: tasks}]}\n"


class Office:
    """Somebody with a key of each role."""

    def __init__(self, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.client, self.keys = client, keys

    async def ask(self, role: str, method: str, path: str, status: int = 200, **options: Any) -> Any:
        headers = {"X-API-Key": self.keys[role], **options.pop("headers", {})} if role else {"X-API-Key": ""}
        answer = await self.client.request(method, f"/api/v1/evaluation{path}", headers=headers, **options)
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.json() if "json" in answer.headers["content-type"] else answer.text


@pytest.fixture
async def office(client: httpx.AsyncClient, services: Services, city: Any) -> Office:
    for table, content in (
        ("crews", '{"id": "east", "name": "East"}'),
        ("workers", '{"id": "li", "name": "Li Mei", "crew": "east"}'),
        ("workers", '{"id": "wang", "name": "Wang Bo"}'),
    ):
        city.sql(f"INSERT INTO {table} (id, content) VALUES (%s::jsonb ->> 'id', %s)", content, content)
    keys: Any = services.keys
    made = {
        role: (await keys.create(role, Role(role), device=None, expires_at=None, actor="test"))[0]
        for role in ("integration", "viewer", "dispatcher", "manager")
    }
    return Office(client, made)


async def task(office: Office, **changes: Any) -> Any:
    body = {"worker": "li", "title": "Flush", "start": "2026-10-05T06:00:00+08:00", "due": "2026-10-05T10:00:00+08:00"}
    return await office.ask("dispatcher", "POST", "/tasks", json={**body, **changes})


async def test_from_a_lost_point_to_its_return(office: Office) -> None:
    late = await task(office, external="order-1")
    assert await task(office, external="order-1") == late
    await task(office, title="Sweep")
    done = await office.ask(
        "dispatcher", "POST", f"/tasks/{late['id']}/settle", json={"done_at": "2026-10-05T11:00:00+08:00"}
    )
    assert (done["done_at"], done["entered_by"][:4]) == ("2026-10-05T03:00:00Z", "key:")
    told = await office.ask("viewer", "GET", "/workers/li", params=PERIOD)
    tasks = next(one for one in told["items"] if one["id"] == "tasks")
    assert (told["name"], told["scheme"], told["scheme_version"], tasks["score"]) == ("Li Mei", "weighted", 0, 0.25)
    assert next(one for one in told["items"] if one["id"] == "attendance")["score"] is None
    lost = next(one for one in tasks["deductions"] if one["evidence"]["en"] == "task 60 min late: Flush")
    assert (lost["evidence"]["zh"], lost["evidence"]["id"]) == ("任务超时60分钟：Flush", str(late["id"]))
    appeal = {"worker": "li", "deduction": lost["id"], "reason": "the hydrant was locked", **PERIOD}
    made = await office.ask("viewer", "POST", "/appeals", json=appeal)
    assert (made["state"], made["about"]["points"]) == ("open", 5)
    await office.ask("viewer", "POST", "/appeals", 409, json=appeal)
    await office.ask("viewer", "POST", "/appeals", 404, json={**appeal, "deduction": "task:99"})
    await office.ask(
        "dispatcher", "POST", f"/appeals/{made['id']}/decide", 403, json={"accepted": True, "reason": "so"}
    )
    path = f"/appeals/{made['id']}/decide"
    decided = await office.ask("manager", "POST", path, json={"accepted": True, "reason": "true"})
    assert (decided["state"], decided["remaining"]) == ("accepted", 0)
    await office.ask("manager", "POST", path, 409, json={"accepted": False, "reason": "no"})
    after = await office.ask("viewer", "GET", "/workers/li", params=PERIOD)
    assert next(one for one in after["items"] if one["id"] == "tasks")["score"] == 0.5
    (correction,) = after["corrections"]
    assert (correction["reason"], correction["by"], correction["appeal"]) == ("true", decided["decided_by"], made["id"])
    assert after["revision"] != told["revision"]
    assert await office.ask("viewer", "GET", "/workers/li", params=PERIOD) == after
    listed = await office.ask("viewer", "GET", "/appeals", params={"worker": "li", "state": "accepted"})
    assert [one["id"] for one in listed["items"]] == [made["id"]]
    assert (await office.ask("viewer", "GET", f"/appeals/{made['id']}"))["decision"] == "true"


async def test_findings_are_entered_decided_and_counted(office: Office) -> None:
    body = {"kind": "complaint", "crew": "east", "at": "2026-10-07T08:00:00Z", "outcome": "open", "text": "桶未归位"}
    complaint = await office.ask("dispatcher", "POST", "/findings", json=body)
    crew = await office.ask("viewer", "GET", "/crews/east", params={**PERIOD, "scheme": "deductions"})
    assert next(one for one in crew["items"] if one["id"] == "overall")["points"] == 100
    decide = {"outcome": "fault", "reason": "seen", "points": 2}
    await office.ask("dispatcher", "POST", f"/findings/{complaint['id']}/decide", 403, json=decide)
    decided = await office.ask("manager", "POST", f"/findings/{complaint['id']}/decide", json=decide)
    assert (decided["outcome"], decided["points"], decided["reason"]) == ("fault", 2, "seen")
    crew = await office.ask("viewer", "GET", "/crews/east", params={**PERIOD, "scheme": "deductions"})
    overall = next(one for one in crew["items"] if one["id"] == "overall")
    assert (overall["score"], overall["deductions"][0]["evidence"]["zh"]) == (0.8, "投诉：桶未归位")
    assert (crew["points"], crew["grade_zh"]) == (80, None)
    listed = await office.ask("viewer", "GET", "/findings", params={"crew": "east", "kind": "complaint"})
    assert [one["id"] for one in listed["items"]] == [complaint["id"]]
    assert (await office.ask("viewer", "GET", "/findings", params={"worker": "li"}))["items"] == []


async def test_workers_are_listed_in_pages(office: Office) -> None:
    first = await office.ask("viewer", "GET", "/workers", params={**PERIOD, "limit": 1})
    assert [(one["id"], one["points"]) for one in first["items"]] == [("li", None)]
    second = await office.ask("viewer", "GET", "/workers", params={**PERIOD, "cursor": first["next_cursor"]})
    assert ([one["id"] for one in second["items"]], second["next_cursor"]) == (["wang"], None)
    assert len((await office.ask("viewer", "GET", "/workers", params={"crew": "east"}))["items"]) == 1


async def test_a_scheme_is_entered_in_versions(office: Office) -> None:
    await office.ask("dispatcher", "PUT", "/schemes/own", 403, content=OWN)
    entered = await office.ask("manager", "PUT", "/schemes/own", content=OWN, params={"comment": "ours", "based_on": 0})
    assert (entered["version"], entered["comment"], entered["scheme"]["items"][0]["id"]) == (1, "ours", "tasks")
    await office.ask("manager", "PUT", "/schemes/own", 409, content=OWN, params={"based_on": 0})
    await office.ask("manager", "PUT", "/schemes/other", 422, content=OWN)
    wrong = await office.ask("manager", "PUT", "/schemes/own", 422, content=OWN.replace("100", "90"))
    (fault,) = wrong["errors"]
    expected = ("items", 2, "expected weights that make 100; these make 90")
    assert (fault["field"], fault["line"], fault["expected"]) == expected
    listed = await office.ask("viewer", "GET", "/schemes", params={"limit": 2})
    rest = await office.ask("viewer", "GET", "/schemes", params={"cursor": listed["next_cursor"]})
    assert rest["next_cursor"] is None
    told = [(one["id"], one["version"]) for one in listed["items"] + rest["items"]]
    assert told == [("deductions", 0), ("own", 1), ("weighted", 0)]
    assert await office.ask("viewer", "GET", "/schemes/own", params={"format": "yaml"}) == OWN
    assert await office.ask("viewer", "GET", "/schemes/weighted", params={"format": "yaml"}) == ready_made_text(
        "weighted"
    )
    await office.ask("viewer", "GET", "/schemes/none", 404)
    # In force since November: what began in October is judged by what was in force then, which is nothing.
    await office.ask("viewer", "GET", "/workers/li", 404, params={**PERIOD, "scheme": "own"})
    asked = await office.ask("viewer", "GET", "/workers/li", params={**PERIOD, "scheme": "own", "version": 1})
    assert asked["scheme_version"] == 1


async def test_who_may_and_what_is_refused(office: Office) -> None:
    for path in ("/workers", "/workers/li", "/crews/east", "/schemes", "/tasks", "/findings", "/appeals"):
        await office.ask("", "GET", path, 401)
        await office.ask("integration", "GET", path, 403)
    await office.ask("viewer", "POST", "/tasks", 403, json={})
    await office.ask("viewer", "GET", "/workers/nobody", 404, params=PERIOD)
    await office.ask("viewer", "GET", "/crews/li", 404, params=PERIOD)
    await office.ask("viewer", "GET", "/workers/li", 422, params={"from": "2024-01-01T00:00:00Z"})
    await office.ask("viewer", "GET", "/workers/li", 422, params={"form": "2024-01-01T00:00:00Z"})
    await office.ask("viewer", "GET", "/appeals/7", 404)
    backwards = {"worker": "li", "deduction": "x", "reason": "y", "from": PERIOD["to"], "to": PERIOD["from"]}
    assert (await office.ask("viewer", "POST", "/appeals", 422, json=backwards))["errors"][0]["field"] == "to"
    await office.ask("manager", "POST", "/appeals/7/decide", 404, json={"accepted": True, "reason": "so"})
    await office.ask("manager", "POST", "/findings/7/decide", 404, json={"outcome": "fault", "reason": "so"})
    await office.ask("dispatcher", "POST", "/tasks/7/settle", 404, json={})
    sound = {"kind": "inspection", "worker": "li", "at": "2026-10-07T08:00:00Z", "outcome": "fault"}
    for changes, field in (
        ({"worker": None}, ""),
        ({"worker": "nobody"}, "worker"),
        ({"worker": None, "crew": "li"}, "crew"),
        ({"crew": "east"}, ""),
        ({"at": "2026-10-07 08:00"}, "at"),
        ({"points": -1}, "points"),
        ({"text": "\0"}, "text"),
        ({"more": 1}, "more"),
    ):
        told = await office.ask("dispatcher", "POST", "/findings", 422, json={**sound, **changes})
        assert told["errors"][0]["field"] == field
    assert (await office.ask("viewer", "GET", "/findings"))["items"] == []
