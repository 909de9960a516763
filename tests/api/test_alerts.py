"""Reading alerts over tables that hold them; and a store that is away."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import httpx
import pytest
from psycopg_pool import AsyncConnectionPool

from api.app import create_app
from api.ports.services import Services
from devices.access import Role
from store.alerts.actions import AlertActions
from store.alerts.rule_sets import RuleSets
from store.readers.devices import Readers
from store.reading import ReadSession
from store.writing import WriteSession


async def ids(client: httpx.AsyncClient, **params: Any) -> list[int]:
    body = (await client.get("/api/v1/alerts", params=params)).raise_for_status().json()
    return [item["id"] for item in body["items"]]


async def test_filters_and_pages(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    bin_, toilet = city.device("bin-1"), city.device("toilet-1", kind="toilet")
    city.sql("""UPDATE devices SET attributes = '{"area": "north"}' WHERE id = 'toilet-1'""")
    numbers = [
        city.alert(bin_, "bin-full", now - timedelta(hours=number), cleared_at=now if number else None)
        for number in range(5)
    ]
    smoke = city.alert(toilet, "smoke", now - timedelta(days=1), severity="critical")
    city.sql("UPDATE alerts SET storm = %s WHERE id = %s", numbers[0], numbers[1])
    assert await ids(client) == [*numbers, smoke]
    assert await ids(client, open="true") == [numbers[0], smoke]
    assert await ids(client, open="false") == numbers[1:]
    assert await ids(client, severity="critical") == await ids(client, area="north") == [smoke]
    assert await ids(client, kind="toilet") == await ids(client, device="toilet-1") == [smoke]
    assert await ids(client, rule=["smoke", "none"]) == [smoke]
    assert await ids(client, stage=["raised"]) == [numbers[0], smoke]
    assert await ids(client, **{"from": (now - timedelta(hours=1)).isoformat()}) == numbers[:2]
    assert await ids(client, to=(now - timedelta(hours=4)).isoformat()) == [smoke]
    assert await ids(client, storm=numbers[0]) == await ids(client, parts="true") == [numbers[1]]
    assert len(await ids(client, parts="false")) == 5
    first = (await client.get("/api/v1/alerts", params={"limit": 4})).json()
    rest = await ids(client, limit=4, cursor=first["next_cursor"])
    assert [item["id"] for item in first["items"]] + rest == [*numbers, smoke]
    assert first["items"][0]["parts"] == 1
    counts = (await client.get("/api/v1/alerts/counts")).json()
    assert counts["critical"] == {"open": 1, "unacknowledged": 1, "parts": 0}
    assert (counts["open"], counts["info"]["open"]) == (2, 0)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/alerts", None),
        ("GET", "/alerts/1", None),
        ("GET", "/alerts/counts", None),
        ("GET", "/shelves", None),
        ("GET", "/rules", None),
        ("GET", "/rules/versions", None),
        ("POST", "/alerts/1/acknowledge", {}),
        ("POST", "/alerts/1/comment", {"comment": "x"}),
        ("POST", "/alerts/1/snooze", {"minutes": 5}),
        ("POST", "/alerts/1/close", {}),
        ("POST", "/shelves", {"rule": "x", "minutes": 5, "reason": "x"}),
        ("DELETE", "/shelves/1", None),
        ("PUT", "/rules", {"version": 1, "rules": []}),
    ],
)
async def test_a_store_that_is_away(services: Services, city: Any, method: str, path: str, body: Any) -> None:
    key, _ = await services.keys.create("chief", Role.ADMIN, device=None, expires_at=None, actor="test")  # type: ignore[attr-defined]
    nowhere = "postgresql://127.0.0.1:1/none"
    async with AsyncConnectionPool(nowhere, min_size=0, max_size=1, open=False, reconnect_timeout=0.1) as pool:
        reads, writes = ReadSession(pool, acquire_timeout_s=0.2), WriteSession(pool, acquire_timeout_s=0.2)
        away = dataclasses.replace(
            services,
            alerts=Readers.over(pool, acquire_timeout_s=0.2).alerts,
            alert_handling=AlertActions(writes),
            rules=RuleSets(reads, writes),
        )
        headers = {"X-API-Key": key, "If-Match": '"1"'}
        transport = httpx.ASGITransport(create_app(away))
        async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as client:
            answer = await client.request(method, f"/api/v1{path}", json=body)
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
            status = (await client.get("/api/v1/status")).json()
            assert (status["store"]["reachable"], status["alerts_open"]) == (False, None)
