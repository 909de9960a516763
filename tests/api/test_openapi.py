"""The OpenAPI document is good enough to make a client from it, and to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.api.test_authorisation import EVERYBODY, MATRIX

WHOLE = {
    "list_metrics": "the catalogue", "list_route_versions": "of one route", "list_area_versions": "of one area",
    "list_bin_readiness": "worked out together", "list_work_order_candidates": "the nearest few",
    "list_commands": "of one device", "list_schemes": "a handful", "list_keys": "those of an installation",
}  # fmt: skip
"""Lists that come whole."""
OWN = "of whoever is a worker of the master data"
IN_THE_ROUTE = {
    **dict.fromkeys(("get_my_day", "list_my_tasks", "get_my_evaluation", "list_my_appeals", "enter_my_appeal"), OWN),
    "end_session": "keys have no session",
    "change_password": "keys have no password",
    "get_prometheus_metrics": "this machine may always",
}
"""What a route decides by itself beside the role."""
BARE = re.compile(
    r"^(lat|lon|value|low|high|number|west|south|east|north|.*(_pct|_ppm|_kmh|_v|_m|_s|_ms|_h|_l|_kg|_deg|_dbm|_c|_min)"
    r"|(weight|points|least|score|share|.*_share|.*_chance|completeness|order_kept|chance|hdop|litres|kg|min|max|avg"
    r"|first|last|sum|width|mean|lost|remaining|measured|target|p\d+|.*_per_s|.*_value|covered|taken|ts|compaction|minutes|days_.*))$"
)
"""Numbers whose unit stands in their name, or that have none: degrees of a place, shares, points, the metric's own."""


class Operation(NamedTuple):
    """An operation with its address."""

    label: str
    told: dict[str, Any]


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get("/openapi.json")).raise_for_status().json())


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method, told in item.items():
            yield Operation(f"{method.upper()} {path}", told)


def whole(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def answers(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Media types and contents of what an operation answers when it does what it was asked."""
    for status, answer in told["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).items()


def followed(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


async def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


async def test_operations_have_names_and_words(document: dict[str, Any]) -> None:
    names = [told["operationId"] for _, told in operations(document)]
    assert len(names) == len(set(names))
    assert not [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)]
    tags = {tag["name"] for tag in document["tags"]}
    for label, told in operations(document):
        assert told["summary"], label
        assert told["description"], label
        assert len(told["tags"]) == 1, label
        assert set(told["tags"]) <= tags, label


async def test_operations_say_who_may_use_them(document: dict[str, Any]) -> None:
    for label, told in operations(document):
        able = MATRIX[label].who
        if able == EVERYBODY:
            assert "security" not in told, label
        elif told["operationId"] not in IN_THE_ROUTE:
            assert tuple(told["x-roles"]) == tuple(able), label
            assert f"Roles: {', '.join(able)}." in told["description"], label
            assert {name for one in told["security"] for name in one} == {"bearer", "header", "cookie"}, label


async def test_bodies_have_examples_that_fit(document: dict[str, Any]) -> None:
    for label, told in operations(document):
        for kind, content in told.get("requestBody", {}).get("content", {}).items():
            if kind.startswith("image/"):
                continue
            shown = content.get("examples", {})
            assert shown, f"{label}: no example of {kind}"
            for name, one in shown.items():
                faults = [fault.message for fault in whole(document, content["schema"]).iter_errors(one["value"])]
                assert not faults, f"{label}, {name}: {faults}"


async def test_answers_have_examples_that_fit(document: dict[str, Any]) -> None:
    for label, told in operations(document):
        for kind, content in answers(told):
            if kind.endswith("json"):
                faults = [fault.message for fault in whole(document, content["schema"]).iter_errors(content["example"])]
                assert not faults, f"{label}: {faults}"


async def test_parameters_of_paths_have_examples(document: dict[str, Any]) -> None:
    for label, told in operations(document):
        for one in told.get("parameters", []):
            if one["in"] == "path":
                shown = "example" in one or "examples" in one["schema"] or "enum" in one["schema"]
                assert shown, f"{label}: no example of {one['name']}"


async def test_lists_come_in_pages(document: dict[str, Any]) -> None:
    for label, told in operations(document):
        names = {one["name"] for one in told.get("parameters", [])}
        for _, content in answers(told):
            schema = followed(document, content.get("schema", {}))
            fields = schema.get("properties", {})
            listed = (
                schema.get("type") == "array" or fields.get("items", fields.get("features", {})).get("type") == "array"
            )
            if listed and told["operationId"].startswith("list_") and told["operationId"] not in WHOLE:
                assert "next_cursor" in fields, label
                assert {"cursor", "limit"} <= names, label


async def test_numbers_tell_their_unit(document: dict[str, Any]) -> None:
    bare = set()
    for model, schema in document["components"]["schemas"].items():
        for name, field in schema.get("properties", {}).items():
            if any(one.get("type") == "number" for one in field.get("anyOf", [field])) and not BARE.match(name):
                bare.add(f"{model}.{name}")
    assert not bare, sorted(bare)
