"""Withdrawing what is planned through the API: who may, what is refused, what the lists then say."""

from __future__ import annotations

from typing import Any

import httpx

from api.ports.services import Services
from devices.access import Role

FLEET = """
routes:
- {id: r, kind: sweep, lines: "LINESTRING (114.3 30.58, 114.31 30.58)"}
shifts:
- {id: s, start: '05:00', length: 60}
crews:
- {id: c, name: C}
plans:
- {id: p, date: 2026-06-01, shift: s, route: r, crew: c}
"""
JUNE = {"from": "2026-06-01T00:00:00+08:00"}


async def key_of(services: Services, role: Role) -> dict[str, str]:
    made, _ = await services.keys.create(role.value, role, device=None, expires_at=None, actor="test")  # type: ignore[attr-defined]
    return {"X-API-Key": made}


async def withdraw(client: httpx.AsyncClient, path: str, headers: dict[str, str], **params: str) -> httpx.Response:
    return await client.delete(f"/api/v1/fleet/{path}", headers=headers, params=params)


async def ids(client: httpx.AsyncClient, path: str, **params: Any) -> list[str]:
    answer = (await client.get(f"/api/v1{path}", params=params)).raise_for_status().json()
    return [one["id"] for one in answer["items"]]


async def test_a_manager_withdraws_what_nothing_names_any_more(client: httpx.AsyncClient, services: Services) -> None:
    headers = await key_of(services, Role.MANAGER)
    yaml = headers | {"Content-Type": "application/yaml"}
    (await client.post("/api/v1/fleet", content=FLEET, headers=yaml)).raise_for_status()
    refused = await withdraw(client, "routes/r", headers, **JUNE)
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert refused.json()["detail"] == "r cannot be withdrawn from 2026-05-31T16:00:00Z on: named by plans p (route)"
    assert await ids(client, "/plans", **{"from": "2026-06-01"}) == ["p"]
    answer = await withdraw(client, "plans/p", headers)
    assert (answer.status_code, answer.json()) == (200, {"section": "plans", "id": "p", "changed": True})
    assert await ids(client, "/plans", **{"from": "2026-06-01"}) == []
    (await withdraw(client, "crews/c", headers, **{"from": "2099-01-01T00:00:00Z"})).raise_for_status()
    crews = (await client.get("/api/v1/crews")).json()["items"]
    assert [one["withdrawn"] for one in crews] == ["2099-01-01T00:00:00Z"]
    for path in ("routes/r", "crews/c", "shifts/s"):
        assert (await withdraw(client, path, headers, **JUNE)).json()["changed"] is True
        assert (await withdraw(client, path, headers, **JUNE)).json()["changed"] is False
    assert (await ids(client, "/crews"), await ids(client, "/shifts")) == ([], [])
    there = [await client.get("/api/v1/routes/r", params={"at": f"2026-{day}T00:00:00Z"}) for day in ("05-31", "06-01")]
    assert [one.status_code for one in there] == [200, 404]
    audit = await services.audit.entries(actor=None, action="fleet.withdraw", target=None, cursor=None, limit=9)
    assert [entry.details["ids"] for entry in audit.items] == [["s"], ["c"], ["r"], ["c"], ["p"]]


async def test_what_is_not_there_and_who_may_not(client: httpx.AsyncClient, services: Services) -> None:
    manager = await key_of(services, Role.MANAGER)
    assert (await withdraw(client, "plans/p", {"X-API-Key": "nobody"})).status_code == 401
    assert (await withdraw(client, "plans/p", await key_of(services, Role.DISPATCHER))).status_code == 403
    missing = await withdraw(client, "plans/p", manager)
    assert (missing.status_code, missing.json()["detail"]) == (404, "there is no plan 'p'")
    assert (await withdraw(client, "roads/p", manager)).status_code == 422
    assert (await withdraw(client, "plans/p", manager, **{"from": "May"})).status_code == 422
