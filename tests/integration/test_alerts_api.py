"""Alerts, the shelf and rules through a real hub: posted telemetry, real sockets, PostgreSQL, keys and roles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.notify.channels.webhook import WebhookSection
from tests.posting import Post, posting

RULES = """version: 1
rules:
  - {id: hot, kind: threshold, title: Hot, severity: critical, params: {metric: temperature_c, limit: 50, clear: 40}}
"""
WRONG = """version: 1
rules:
  - id: hot
    kind: threshold
    params: {metric: temprature_c, limit: 50, clear: 60}
  - {id: odd, kind: thresholt}
"""


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(postgres_dsn, tmp_path) as running:
        await eventually(running.hub._ready.is_set)
        yield running


async def eventually(condition: Callable[[], Any], deadline_s: float = 60.0) -> Any:
    """What an asynchronous or plain condition gives once it gives something."""
    async with asyncio.timeout(deadline_s):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)


class Person:
    """Somebody with a key."""

    def __init__(self, post: Post, key: str) -> None:
        self.client = post.client
        self.headers = {"X-API-Key": key}

    async def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        headers = {**self.headers, **options.pop("headers", {})}
        answer = await self.client.request(method, f"/api/v1{path}", headers=headers, **options)
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.json() if "json" in answer.headers["content-type"] else answer.text


async def person(post: Post, role: str) -> Person:
    return Person(post, await post.key(role))


async def raised(post: Post, rule: str = "bin-full", **readings: float) -> dict[str, Any]:
    """Post readings of bin-1; the alert of that rule that is told of them."""
    poster = await post.key("integration")
    accepted = await post.telemetry(poster, {"device": "bin-1", "readings": readings})
    assert accepted.status_code == 200
    listed = (await post.client.get("/api/v1/alerts", params={"open": "true", "rule": rule})).json()
    found: dict[str, Any] = listed["items"][0]
    return found


async def test_an_alert_from_the_reading_to_its_close(post: Post) -> None:
    alert = await raised(post, fill_pct=90)
    assert (alert["rule"], alert["stage"], alert["severity"]) == ("bin-full", "raised", "warning")
    path = f"/alerts/{alert['id']}"
    wang, chen = await person(post, "dispatcher"), await person(post, "manager")
    seen = await wang.ask("POST", f"{path}/acknowledge", json={"comment": "on my way"})
    assert (seen["stage"], seen["acknowledged_by"][:4]) == ("acknowledged", "key:")
    again = await chen.ask("POST", f"{path}/acknowledge")  # without a body; it stays Wang's
    assert again["acknowledged_by"] == seen["acknowledged_by"]
    await wang.ask("POST", f"{path}/comment", json={"comment": "盖子坏了"})
    snoozed = await wang.ask("POST", f"{path}/snooze", json={"minutes": 30})
    assert snoozed["quiet_until"] > snoozed["acknowledged_at"]
    closed = await chen.ask("POST", f"{path}/close", json={})
    assert [(one["action"], one["detail"].get("comment") or one["detail"].get("text")) for one in closed["log"]] == [
        ("raised", None), ("acknowledged", "on my way"), ("commented", "盖子坏了"), ("snoozed", None), ("closed", None),
    ]  # fmt: skip
    problem = await wang.ask("POST", f"{path}/acknowledge", 409)
    assert (problem["type"], "closed already" in problem["detail"]) == ("urn:sanihub:problem:alert-state", True)
    audited = (await chen.ask("GET", "/audit", params={"target": f"alert:{alert['id']}"}))["items"]
    assert [one["action"] for one in audited[::-1]] == [
        "alert.acknowledge", "alert.comment", "alert.snooze", "alert.close",
    ]  # fmt: skip
    assert {one["outcome"] for one in audited} == {"done"}
    assert (await wang.ask("GET", "/alerts", params={"open": "true", "rule": "bin-full"}))["items"] == []
    assert [one["id"] for one in (await wang.ask("GET", "/alerts", params={"stage": "closed"}))["items"]] == [
        alert["id"]
    ]


async def test_who_may_and_what_is_refused(post: Post) -> None:
    alert = await raised(post, fill_pct=90)
    path = f"/alerts/{alert['id']}"
    nobody = Person(post, "")
    viewer, wang = await person(post, "viewer"), await person(post, "dispatcher")
    for method, place in (("POST", f"{path}/acknowledge"), ("POST", "/shelves"), ("DELETE", "/shelves/1")):
        await nobody.ask(method, place, 401)
        await viewer.ask(method, place, 403)
    await wang.ask("PUT", "/rules", 403, content=RULES, headers={"If-Match": "*"})
    await viewer.ask("POST", "/rules/check", 403, content=RULES)
    await wang.ask("POST", "/alerts/999999/acknowledge", 404)
    await wang.ask("GET", "/alerts/999999", 404)
    for body in ({}, {"comment": ""}, {"comment": "x" * 2_001}, {"comment": "x", "more": 1}, []):
        assert (await wang.ask("POST", f"{path}/comment", 422, json=body))["errors"]
    past, far = "2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    wrong = ({"minutes": 5, "until": far}, {"minutes": -1}, {"minutes": 1e300}, {"until": past}, {"until": far}, {})
    for body in (*wrong, {"until": "tomorrow"}):
        assert (await wang.ask("POST", f"{path}/snooze", 422, json=body))["errors"]
    await wang.ask("POST", f"{path}/comment", 415, content="x", headers={"Content-Type": "text/plain"})
    for query in ("stage=open", "severity=high", "sevrity=info", "limit=0", "from=yesterday", "storm=0"):
        await wang.ask("GET", f"/alerts?{query}", 422)
    shown = await wang.ask("GET", path)
    assert (shown["stage"], len(shown["log"])) == ("raised", 1)


async def test_the_shelf(post: Post) -> None:
    wang = await person(post, "dispatcher")
    await raised(post, "bin-fire", temperature_c=90)
    await wang.ask("POST", "/shelves", 404, json={"device": "bin-99", "minutes": 5, "reason": "x"})
    await wang.ask("POST", "/shelves", 404, json={"rule": "bin-ful", "minutes": 5, "reason": "x"})
    for body in (
        {"minutes": 5, "reason": "x"},
        {"rule": "A b", "minutes": 5, "reason": "x"},
        {"rule": "bin-full", "minutes": 5},
        {"rule": "bin-full", "minutes": 600_000, "reason": "x"},
    ):
        assert (await wang.ask("POST", "/shelves", 422, json=body))["errors"]
    shelf = await wang.ask(
        "POST", "/shelves", json={"rule": "bin-full", "device": "bin-1", "minutes": 5, "reason": "being mended"}
    )
    assert (shelf["rule"], shelf["device"], shelf["reason"]) == ("bin-full", "bin-1", "being mended")
    other = await wang.ask("POST", "/shelves", json={"rule": "battery-low", "minutes": 5, "reason": "known"})
    alert = await raised(post, fill_pct=90)
    shown = await wang.ask("GET", f"/alerts/{alert['id']}")
    assert (shown["rule"], shown["shelved"], shown["notifications"]) == ("bin-full", True, [])
    page = await wang.ask("GET", "/shelves", params={"limit": 1})
    rest = await wang.ask("GET", "/shelves", params={"limit": 1, "cursor": page["next_cursor"]})
    assert [one["id"] for one in page["items"] + rest["items"]] == [other["id"], shelf["id"]]
    assert (await wang.ask("DELETE", f"/shelves/{shelf['id']}"))["id"] == shelf["id"]
    await wang.ask("DELETE", f"/shelves/{shelf['id']}", 404)
    assert [one["id"] for one in (await wang.ask("GET", "/shelves"))["items"]] == [other["id"]]
    assert len((await wang.ask("GET", "/shelves", params={"ended": "true"}))["items"]) == 2
    chen = await person(post, "manager")
    audited = (await chen.ask("GET", "/audit", params={"target": f"shelf:{shelf['id']}"}))["items"]
    assert [one["action"] for one in audited] == ["alert.unshelve", "alert.shelve"]


async def test_rules_are_entered_whole_or_not_at_all(post: Post) -> None:
    chen, wang = await person(post, "manager"), await person(post, "dispatcher")
    first = await wang.ask("GET", "/rules")
    assert first["version"] == 1
    assert {"bin-full", "sos"} <= {rule["id"] for rule in first["rules"]}
    assert (await wang.ask("GET", "/rules", params={"format": "yaml"})).startswith("#")
    for method, place, headers in (("PUT", "/rules", {"If-Match": '"1"'}), ("POST", "/rules/check", {})):
        refused = await chen.ask(method, place, 422, content=WRONG, headers=headers)
        assert refused["type"] == "urn:sanihub:problem:wrong-rules"
        assert [(one["line"], one["field"]) for one in refused["errors"]] == [
            (5, "rules[0].params.clear"), (5, "rules[0].params.metric"), (6, "rules[1].kind"),
        ]  # fmt: skip
        assert "did you mean temperature_c?" in refused["errors"][1]["expected"]
    for body in (b"", b"\xff", b"version: 1\nrules: {}\n", b"x" * (2 << 20)):
        await chen.ask("PUT", "/rules", 413 if len(body) > 99 else 422, content=body, headers={"If-Match": "*"})
    assert (await wang.ask("POST", "/rules/check", content=RULES)) == {"rules": 1}
    assert (await wang.ask("GET", "/rules"))["version"] == 1
    await raised(post, fill_pct=90)  # the old rules go on

    await chen.ask("PUT", "/rules", 428, content=RULES)
    await chen.ask("PUT", "/rules", 422, content=RULES, headers={"If-Match": '"x"'})
    yaml = {"If-Match": '"1"', "Content-Type": "application/yaml"}
    second = await chen.ask("PUT", "/rules", content=RULES, headers=yaml, params={"comment": "only heat"})
    assert (second["version"], [rule["id"] for rule in second["rules"]]) == (2, ["hot"])
    stale = await chen.ask("PUT", "/rules", 409, content=RULES, headers=yaml)
    assert stale["type"] == "urn:sanihub:problem:stale-rules"
    assert (await wang.ask("GET", "/rules", params={"format": "yaml"})) == RULES
    versions = (await wang.ask("GET", "/rules/versions"))["items"]
    assert [(one["version"], one["comment"]) for one in versions] == [
        (2, "only heat"), (1, "the rules that come along"),
    ]  # fmt: skip
    poster = await post.key("integration")

    async def found() -> Any:
        await post.telemetry(poster, {"device": "bin-2", "readings": {"temperature_c": 55}})
        return (await wang.ask("GET", "/alerts", params={"rule": "hot"}))["items"]

    (hot,) = await eventually(found)
    assert (hot["device"], hot["severity"]) == ("bin-2", "critical")
    third = await chen.ask(
        "PUT", "/rules", json={"version": 1, "rules": first["rules"]}, headers={"If-Match": '"2"'}
    )  # as JSON
    assert [rule["id"] for rule in third["rules"]] == [rule["id"] for rule in first["rules"]]
    audited = (await chen.ask("GET", "/audit", params={"action": "rules.enter"}))["items"]
    assert [(one["target"], one["details"]["before"]) for one in audited] == [("rules:3", 2), ("rules:2", 1)]


async def test_of_two_managers_one_enters(post: Post) -> None:
    people = [await person(post, "manager") for _ in range(6)]
    answers = await asyncio.gather(
        *(one.client.put("/api/v1/rules", content=RULES, headers={**one.headers, "If-Match": '"1"'}) for one in people)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert len((await people[0].ask("GET", "/rules/versions"))["items"]) == 2


async def test_status_and_counts(post: Post) -> None:
    assert (await post.client.get("/api/v1/status")).json()["alerts_open"] == {
        "total": 0, "unacknowledged": 0, "critical": 0, "warning": 0, "info": 0,
    }  # fmt: skip
    alert = await raised(post, fill_pct=90, temperature_c=70)
    wang = await person(post, "dispatcher")
    await wang.ask("POST", f"/alerts/{alert['id']}/acknowledge")
    status = (await post.client.get("/api/v1/status")).json()["alerts_open"]
    counts = await wang.ask("GET", "/alerts/counts")
    assert (status["total"], status["unacknowledged"]) == (counts["open"], counts["unacknowledged"])
    assert status["total"] == status["unacknowledged"] + 1
    assert {name: counts[name]["open"] for name in ("critical", "warning", "info")} == {
        name: status[name] for name in ("critical", "warning", "info")
    }


async def test_what_became_of_the_notifications(postgres_dsn: str, tmp_path: Path, free_port: int) -> None:
    channel = WebhookSection(
        name="desk", kind="webhook", url=f"http://127.0.0.1:{free_port}/", allow_http=True, secrets=["x" * 24]
    )
    notify = {
        "channels": [channel],
        "routes": [{"channels": ["desk"], "severities": ["critical"]}],
        "allowed_networks": ["127.0.0.0/8"],
    }
    async with posting(postgres_dsn, tmp_path, notify=notify) as post:
        await eventually(post.hub._ready.is_set)
        await raised(post, fill_pct=90, temperature_c=70)
        listed = (await post.client.get("/api/v1/alerts", params={"open": "true"})).json()["items"]
        numbers = {one["rule"]: one["id"] for one in listed}

        async def told(rule: str) -> list[dict[str, Any]]:
            answer = await post.client.get(f"/api/v1/alerts/{numbers[rule]}")
            found: list[dict[str, Any]] = answer.json()["notifications"]
            return found

        async def tried() -> bool:
            ((one,),) = (await told("bin-fire"),)
            return bool(one["attempts"] and one["answer"])

        await eventually(tried)
        (one,) = await told("bin-fire")
        assert (one["action"], one["channel"], one["delivered_at"]) == ("raised", "desk", None)
        assert one["state"] in ("waiting", "sending")
        (other,) = await told("bin-full")
        assert (other["channel"], other["state"], other["attempts"]) == (None, "nobody", 0)


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def test_escalation_reaches_the_log(postgres_dsn: str, tmp_path: Path) -> None:
    alerts = {"escalate_after_s": {"warning": [1, 2]}}
    async with posting(postgres_dsn, tmp_path, alerts=alerts) as post:
        await eventually(post.hub._ready.is_set)
        alert = await raised(post, fill_pct=90)

        async def escalated() -> bool:
            shown = (await post.client.get(f"/api/v1/alerts/{alert['id']}")).json()
            return bool(shown["escalation"] == 2)

        await eventually(escalated)
        shown = (await post.client.get(f"/api/v1/alerts/{alert['id']}")).json()
        assert [(one["action"], one["detail"].get("step")) for one in shown["log"]] == [
            ("raised", None), ("escalated", 1), ("escalated", 2),
        ]  # fmt: skip
        assert [one["action"] for one in shown["notifications"]] == ["raised", "escalated", "escalated"]


async def test_times_are_instants(post: Post) -> None:
    alert = await raised(post, fill_pct=90)
    at = datetime.fromisoformat(alert["raised_at"])
    assert at.tzinfo == UTC
    listed = httpx.QueryParams({"rule": "bin-full", "from": alert["raised_at"], "to": "2999-01-01T00:00:00Z"})
    assert [one["id"] for one in (await post.client.get("/api/v1/alerts", params=listed)).json()["items"]] == [
        alert["id"]
    ]
