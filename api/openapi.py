"""The OpenAPI document: tags, and errors described as the problems that they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import examples, geojson
from api.access import roles
from api.problems import MEDIA_TYPE
from devices.access import Role

TAGS = [
    {"name": "Access", "description": "Signing in and out; people and keys."},
    {"name": "Me", "description": "What is a worker's own: shifts, tasks, evaluation, appeals."},
    {"name": "Intake", "description": "Telemetry from devices, and from servers that gather it."},
    {"name": "Commands", "description": "Telling devices what to do."},
    {"name": "Devices", "description": "Who is registered, and what is newest of each."},
    {"name": "Live", "description": "The city as it is, and what happens in it from then on."},
    {"name": "Telemetry", "description": "History: readings, tracks and events."},
    {"name": "Alerts", "description": "What was found to be wrong, what people do about it, and the shelf."},
    {"name": "Rules", "description": "What the hub looks for: rules of alerts."},
    {"name": "Fleet", "description": "What is planned, and what vehicles and workers did and are doing."},
    {"name": "Bins", "description": "When bins were emptied, which are to be emptied, and how full they will be."},
    {"name": "Reports", "description": "Planned against actual, with revisions, signatures and appeals."},
    {"name": "Evaluation", "description": "Evaluation of workers and crews: schemes, findings, appeals."},
    {"name": "Planning", "description": "Which bins are collected by whom, and the work orders."},
    {"name": "Work orders", "description": "What somebody is to do, until evidence shows that it was done."},
    {"name": "Incidents", "description": "What people report that no sensor sees, with photos."},
    {"name": "Metrics", "description": "The catalogue of measured quantities."},
    {"name": "Dead letters", "description": "Frames that could not be filed, with the reason."},
    {"name": "Audit", "description": "Who did what."},
    {"name": "Hub", "description": "How the hub itself is doing."},
]

DESCRIPTION = """
Telemetry in, and everything that was stored of it out. Instants are ISO 8601; those that come back are UTC with `Z`,
those that go in need a zone.
Units are part of a field's name (`speed_kmh`), or stand in the metric catalogue. Spans include `from` and not `to`.

What changes seldom (the catalogue, rules, all that is planned) and the newest states carry an `ETag`; ask again with
`If-None-Match`, and 304 says that it still holds.

Lists come in pages: hand `next_cursor` of one page in as `cursor` of the next, until it is null. Rows that arrive in
between are neither skipped nor repeated.

Everything here needs somebody: a key (`sanihub keys create`) or the `token` of a sign-in (`POST /session`), as
`Authorization: Bearer ...` or `X-API-Key`, or in a browser the cookie that the sign-in has set. Reading needs the role
viewer or more. Who is limited to areas finds nothing outside of them; what is about the whole city is refused to them
with 403 and the type `limited-to-areas`.

Errors are `application/problem+json` (RFC 9457); `errors` names each wrong field and what was expected of it.
"""

_PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:sanihub:problem:invalid-request"]},
        "title": {"type": "string", "examples": ["Unprocessable Entity"]},
        "status": {"type": "integer", "examples": [422]},
        "detail": {"type": "string", "examples": ["limit: Input should be less than or equal to 1000"]},
        "instance": {"type": "string", "examples": ["/api/v1/devices"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "field", "expected"],
                "properties": {
                    "where": {"type": "string", "enum": ["query", "path", "body", "header", "cookie"]},
                    "field": {"type": "string"},
                    "expected": {"type": "string"},
                    "got": {"type": ["string", "null"]},
                    "line": {"type": ["integer", "null"], "description": "Of a file of rules."},
                },
            },
        },
        "incident": {"type": "string", "description": "Under this name the hub's log has more (status 500)."},
    },
}

_DESCRIPTIONS = {
    400: "The body is not sound gzip.",
    401: "Nobody: no key or session, or none that is valid.",
    403: "The role is not enough, the areas do not reach so far, or the key speaks for another device.",
    404: "There is no such thing.",
    408: "The body was not complete in time.",
    409: "The device cannot be reached now.",
    413: "The body is too large, as it comes or unpacked.",
    415: "The body is not JSON, or packed by something else than gzip.",
    422: "Something in the request is wrong; `errors` names it.",
    428: "`If-Match` is missing: the version that the change is based on.",
    429: "Too many wrong keys from this address, or too many requests at once; `Retry-After` says when to try again.",
    503: "The store is away, or gave up on the question; try again.",
    504: "The device did not answer; whether it has done as it was told is not known.",
}
KEYED = (401, 403, 429)
BODIED = (400, 408, 413, 415)


def problems(*statuses: int, said: Mapping[int, str] | None = None) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer with these problems; ``said`` has a route's own words for some."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    words = {**_DESCRIPTIONS, **(said or {})}
    return {status: {"description": words[status], "content": content} for status in statuses}


def body(schema: Mapping[str, Any], *, required: bool = True, **examples: Any) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads its JSON body itself; an example's name tells what it shows."""
    told = {name: {"summary": name.replace("_", " "), "value": value} for name, value in examples.items()}
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema, "examples": told}}}
    }


def reference(model: type[BaseModel]) -> dict[str, str]:
    """A reference to a model that :func:`install` was told of."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _tell_roles(schema: dict[str, Any], app: FastAPI) -> None:
    """Let each operation say which roles may use it, in ``x-roles`` for programs and in its description for people."""
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = schema["paths"].get(route.path_format, {}).get(method.lower())
            needs = [need for call in _calls(route.dependant) if (need := roles(call)) is not None] if operation else []
            if operation and needs:
                able = frozenset.intersection(*needs)
                operation["x-roles"] = [role.value for role in Role if role in able]
                told = ", ".join(operation["x-roles"])
                operation["description"] = f"{operation.get('description', '')}\n\nRoles: {told}.".strip()


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for below in dependant.dependencies:
        if below.call is not None:
            yield below.call
        yield from _calls(below)


def install(app: FastAPI, bodies: Sequence[type[BaseModel]] = ()) -> None:
    """Let ``app`` describe itself with the Problem schema in place of FastAPI's own errors.

    ``bodies`` are the models of bodies that routes read themselves.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            _tell_roles(schema, app)
            parts = schema.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                parts.pop(unused, None)
            parts["Problem"] = _PROBLEM
            parts.update(geojson.SCHEMAS)
            _, told = models_json_schema(
                [(model, "validation") for model in bodies], ref_template="#/components/schemas/{model}"
            )
            parts.update(told.get("$defs", {}))
            examples.enter(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
