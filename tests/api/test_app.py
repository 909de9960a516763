from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import Request
from jsonschema import Draft202012Validator

from api.app import create_app
from api.ports import Services
from devices.access import Role
from fleet.planning.problem import CollectionPlan
from hub.reporting.desk import ReportDesk
from tests.report_samples import ORDER, compliance_document

PAGES = ["/docs", "/pages/docs.css", "/pages/docs.js"]  # those of the board: test_board_pages


async def test_unknown_pages_and_methods(client: httpx.AsyncClient, city: Any) -> None:
    missing = await client.get("/api/v1/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert set(missing.json()) == {"type", "title", "status", "detail", "instance"}
    assert missing.json()["instance"] == "/api/v1/nothing"
    refused = await client.post("/api/v1/devices", json={})
    assert (refused.status_code, refused.headers["content-type"]) == (405, "application/problem+json")
    assert "GET" in refused.headers["allow"]


async def test_unforeseen_errors_tell_nothing(services: Services, city: Any) -> None:
    class Broken:
        async def devices(self, **_: Any) -> None:
            raise RuntimeError("password=hunter2 in /srv/secret.py")

    app = create_app(dataclasses.replace(services, devices=Broken()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    key = {"X-API-Key": city.key(Role.VIEWER)}
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=key) as client:
        answer = await client.get("/api/v1/devices")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "hunter2" not in answer.text
    assert "secret" not in answer.text
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["incident"])
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_security_headers_stand_everywhere(client: httpx.AsyncClient, city: Any) -> None:
    served = ("/", "/board/config.json", *PAGES)
    for path in (*served, "/api/v1/devices", "/api/v1/nothing", "/metrics", "/openapi.json"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert ("script-src 'self'" in policy) == (path in served)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_come_from_the_hub_alone(client: httpx.AsyncClient, city: Any, path: str) -> None:
    answer = (await client.get(path)).raise_for_status()
    etag = answer.headers["etag"]
    assert re.fullmatch('"[0-9a-f]{32}"', etag)
    assert answer.headers["cache-control"] == "no-cache"
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await client.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await client.get(path, headers={"if-none-match": '"other"'})).status_code == 200
    head = await client.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, etag)
    outside = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", answer.text)) - {"http://www.w3.org"}
    assert not outside
    if answer.headers["content-type"].startswith("text/html"):
        assert not re.search(
            r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text
        )  # the policy forbids these
        for name in re.findall(r'(?:src|href)="(/[^"#]*)"', answer.text):
            assert (await client.get(name)).status_code == 200, name


async def test_bodies_are_bounded(services: Services) -> None:
    app = create_app(services, max_body_bytes=1000)

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        assert (await client.post("/echo", content=b"x" * 1000)).json() == 1000
        for content in (b"x" * 1001, stream()):
            answer = await client.post("/echo", content=content)
            assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
            assert "1000 bytes" in answer.json()["detail"]
            assert answer.headers["x-frame-options"] == "DENY"


def _refs(part: Any) -> set[str]:
    if isinstance(part, dict):
        found = {part["$ref"]} if "$ref" in part else set()
        return found.union(*(_refs(item) for item in part.values()))
    return set().union(*(_refs(item) for item in part)) if isinstance(part, list) else set()


async def test_openapi_is_sound(client: httpx.AsyncClient, city: Any) -> None:
    document = (await client.get("/openapi.json")).raise_for_status().json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    assert {ref.removeprefix("#/components/schemas/") for ref in _refs(document)} <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    tags = {tag["name"] for tag in document["tags"]}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= tags
        for parameter in operation.get("parameters", []):
            Draft202012Validator.check_schema(parameter["schema"])
        for status, answer in operation["responses"].items():
            if not status.startswith("2"):
                assert set(answer["content"]) == {"application/problem+json"}
    assert "from" in {p["name"] for p in document["paths"]["/api/v1/devices/{device_id}/series"]["get"]["parameters"]}


async def test_answers_are_what_openapi_says(
    client: httpx.AsyncClient, services: Services, city: Any, now: Any
) -> None:
    key = city.device("bin-1", name="Corner", id="bin-1")
    city.heard(key, lat=31.2, lon=121.5)
    city.latest(key, "fill_pct", 40)
    city.reading(key, "fill_pct", 40, now.replace(hour=7))
    city.event(key, "emptied", now.replace(hour=7), fill_before_pct=90)
    letter = city.dead_letter(b"x")
    document = (await client.get("/openapi.json")).json()
    alert = city.alert(key, "bin-full", now)
    await services.alert_handling.shelve("bin-full", "bin-1", city.micros(now) + 10**15, "being mended", "wang")
    await services.rules.enter("version: 1\nrules: []\n", "chen")
    for table in ("workers", "crews"):
        city.sql(f'INSERT INTO {table} (id, content) VALUES (\'li\', \'{{"id": "li", "name": "Li Mei"}}\')')
    city.sql(
        "INSERT INTO appeals (subject, name, scheme, version, item, deduction, points, start_at, end_at, en, zh,"
        " reason, entered_by)"
        " VALUES ('worker', 'li', 'weighted', 0, 'tasks', 'task:1', 5, now(), now(), '', '', '', 'test')"
    )
    names = {"device_id": "bin-1", "letter_id": letter, "alert_id": alert, "person_id": "li", "scheme_id": "weighted"}
    names |= {"route_id": "r1", "area_id": "a1"}
    names["number"] = 1
    desk = services.reports
    assert isinstance(desk, ReportDesk)
    names["report_id"] = (await desk.store.keep(ORDER, compliance_document(), "test")).entry.id
    names["order_id"] = desk.order(ORDER, "test").id
    depot = {"id": "depot", "role": "depot", "lon": 121.5, "lat": 31.2}
    job = services.planning.ask({"on": "2026-11-25", "begin": 0, "end": 1, "depot": depot}, "tester", enter=False)
    names["planning_id"] = job.id
    plan = CollectionPlan(date(2026, 5, 29), "planned", (), ())
    names["run"] = (await services.orders.enter(plan, "test")).run  # type: ignore[attr-defined]
    checked = 0
    key_, _ = await services.keys.create("board", Role.MANAGER, device=None, expires_at=None, actor="test")  # type: ignore[attr-defined]
    client.headers["X-API-Key"] = key_
    for template, path in document["paths"].items():
        if "get" not in path:
            continue  # what posts answer is tested with the posts
        content = path["get"]["responses"]["200"].get("content", {}).get("application/json")
        if content is None:
            continue
        for extra in ("", "&bucket=1h") if template.endswith("/series") else ("",):
            query = f"?metric=fill_pct{extra}" if template.endswith("/series") else ""
            query = "?from=2026-06-01" if template.endswith("/plans") else query
            body = (await client.get(template.format(**names) + query)).raise_for_status().json()
            schema = {**content["schema"], "components": document["components"]}
            Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)
            checked += 1
    assert checked >= 12


async def test_over_a_real_server(services: Services, city: Any) -> None:
    city.device("bin-1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            key, transport = {"X-API-Key": city.key(Role.VIEWER)}, httpx.AsyncHTTPTransport(retries=5)
            async with httpx.AsyncClient(base_url=base, transport=transport, headers=key) as client:
                answers = await asyncio.gather(*(client.get("/api/v1/devices") for _ in range(40)))
                assert {answer.status_code for answer in answers} == {200}
                assert answers[0].json()["items"][0]["id"] == "bin-1"
                odd = await client.get("/api/v1/devices/%FF%FE")
                assert (odd.status_code, odd.headers["content-type"]) == (422, "application/problem+json")
                large = await client.post("/api/v1/devices", content=b"x" * (2 << 20))
                assert large.status_code == 413
        finally:
            server.should_exit = True
            await serving
