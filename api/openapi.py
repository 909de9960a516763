"""The OpenAPI document: tags, and errors described as the problems that they are."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE

TAGS = [
    {"name": "Devices", "description": "Who is registered, and what is newest of each."},
    {"name": "Telemetry", "description": "History: readings, tracks and events."},
    {"name": "Metrics", "description": "The catalogue of measured quantities."},
    {"name": "Dead letters", "description": "Frames that could not be filed, with the reason."},
    {"name": "Hub", "description": "How the hub itself is doing."},
]

DESCRIPTION = """
Reads of the telemetry hub. Instants are ISO 8601; those that come back are UTC with `Z`, those that go in need a zone.
Units are part of a field's name (`speed_kmh`), or stand in the metric catalogue. Spans include `from` and not `to`.

Lists come in pages: hand `next_cursor` of one page in as `cursor` of the next, until it is null. Rows that arrive in
between are neither skipped nor repeated.

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
                },
            },
        },
        "incident": {"type": "string", "description": "Under this name the hub's log has more (status 500)."},
    },
}

_DESCRIPTIONS = {
    404: "There is no such thing.",
    422: "A parameter is wrong; `errors` names it.",
    503: "The store is away, or gave up on the question; try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _DESCRIPTIONS[status], "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Let ``app`` describe itself with the Problem schema in place of FastAPI's own errors."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            parts = schema.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                parts.pop(unused, None)
            parts["Problem"] = _PROBLEM
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
