from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from inspect import iscoroutinefunction
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from starlette.routing import BaseRoute

from api.app import create_app
from api.ports.services import Services
from devices.access import Role

PAGES = ["/docs", "/pages/docs.css", "/pages/docs.js"]  # those of the board: test_board_pages


async def test_unknown_pages_and_methods(client: httpx.AsyncClient, city: Any) -> None:
    missing = await client.get("/api/v1/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert set(missing.json()) == {"type", "title", "status", "detail", "instance"}
    assert missing.json()["instance"] == "/api/v1/nothing"
    refused = await client.delete("/api/v1/devices")
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
        own = "(self)" if path in served else "()"
        assert headers["permissions-policy"] == f"camera={own}, geolocation={own}, microphone=()"


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
            if status.startswith(("4", "5")):
                assert set(answer["content"]) == {"application/problem+json"}
    assert "from" in {p["name"] for p in document["paths"]["/api/v1/devices/{device_id}/series"]["get"]["parameters"]}


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
                manager = {"X-API-Key": city.key(Role.MANAGER)}
                large = await client.post("/api/v1/devices", content=b"x" * (2 << 20), headers=manager)
                assert large.status_code == 413
        finally:
            server.should_exit = True
            await serving


async def test_no_route_waits_for_a_thread_to_be_told_what_it_works_with(services: Services) -> None:
    """A dependency that is a plain function is called in a thread, which costs a post more than its commit does."""

    def routes_of(routes: Sequence[BaseRoute]) -> Iterator[APIRoute]:
        for route in routes:
            if isinstance(route, APIRoute):
                yield route
            if (included := getattr(route, "original_router", None)) is not None:
                yield from routes_of(included.routes)

    def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
        for below in dependant.dependencies:
            if below.call is not None:
                yield below.call
            yield from calls_of(below)

    found = {call for route in routes_of(create_app(services).routes) for call in calls_of(route.dependant)}
    assert len(found) > 10
    plain = [call for call in found if not iscoroutinefunction(call) and not iscoroutinefunction(type(call).__call__)]
    assert plain == []
