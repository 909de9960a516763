"""Answers that change seldom are not sent twice, and lists and errors look the same everywhere."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from api.ports.services import Services

RULES = """version: 1
rules:
  - {id: hot, kind: threshold, title: Hot, severity: critical, params: {metric: temperature_c, limit: 50, clear: 40}}
"""
TAGGED = [
    "/metrics",
    "/routes",
    "/areas",
    "/places",
    "/crews",
    "/workers",
    "/shifts",
    "/latest.geojson",
    "/rules/versions",
]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
IN_ONE_PIECE = {
    "/api/v1/metrics",
    "/api/v1/me/evaluation",
    "/api/v1/evaluation/workers/{person_id}",
    "/api/v1/evaluation/crews/{person_id}",
}
"""Lists that are bounded by their nature, or by what was asked."""


@pytest.mark.parametrize("path", TAGGED)
async def test_who_has_it_is_told_that_it_still_holds(client: httpx.AsyncClient, city: Any, path: str) -> None:
    first = (await client.get(f"/api/v1{path}")).raise_for_status()
    etag = first.headers["etag"]
    assert re.fullmatch('"[0-9a-f]{32}"', etag)
    assert first.headers["cache-control"] == "no-cache"
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await client.get(f"/api/v1{path}", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["x-content-type-options"] == "nosniff"
    other = await client.get(f"/api/v1{path}", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_what_has_changed_has_another_tag(client: httpx.AsyncClient, city: Any) -> None:
    before = (await client.get("/api/v1/latest.geojson")).headers["etag"]
    city.heard(city.device("vehicle-1", kind="vehicle"), lat=31.2, lon=121.5)
    after = await client.get("/api/v1/latest.geojson", headers={"If-None-Match": before})
    assert after.status_code == 200
    assert after.headers["etag"] != before
    filtered = await client.get("/api/v1/latest.geojson", params={"kind": "bin"})
    assert filtered.headers["etag"] == before


async def test_the_tag_of_the_rules_is_their_version(client: httpx.AsyncClient, services: Services) -> None:
    entered = await services.rules.enter(RULES, "test", "", expected=None)
    etag = f'"{entered.version}"'
    first = await client.get("/api/v1/rules")
    assert first.headers["etag"] == etag
    for form in ("json", "yaml"):
        again = await client.get("/api/v1/rules", params={"format": form}, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
    await services.rules.enter(RULES.replace("50", "60"), "test", "", expected=None)
    assert (await client.get("/api/v1/rules", headers={"If-None-Match": etag})).status_code == 200


async def test_errors_and_wrong_filters_carry_no_tag(client: httpx.AsyncClient, city: Any) -> None:
    for path in ("/api/v1/rules", "/api/v1/routes/none", "/api/v1/routes?at=yesterday"):
        answer = await client.get(path, headers={"If-None-Match": "*"})
        assert answer.status_code in (404, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "etag" not in answer.headers


async def test_every_error_is_a_problem_and_every_list_has_pages(client: httpx.AsyncClient, city: Any) -> None:
    document = (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    whole = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not path.startswith("/api/v1"):
                continue
            for status, answer in operation["responses"].items():
                if status[0] in "45":
                    assert answer["content"] == PROBLEM, (path, method, status)
            assert "422" in operation["responses"] or not operation.get("parameters"), (path, method)
            reference = (
                operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
            )
            schema = schemas.get(reference.get("$ref", "").rpartition("/")[2], reference)
            if method == "get" and "items" in schema.get("properties", {}):
                asked = {one["name"] for one in operation.get("parameters", ())}
                if "next_cursor" not in schema["properties"]:
                    whole.add(path)
                    continue
                assert {"cursor", "limit"} <= asked, path
    assert whole <= IN_ONE_PIECE, whole
