"""Errors as RFC 9457 problem details, for every answer that is one.

A problem names its type as a URN, so that programs can tell them apart without reading English; nothing of the hub's
inside is told to the outside: an unforeseen error carries an incident number, under which the log has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from alerts.records import AlertStateError
from api.methods import allowed
from api.ports.posting import NotTakenError
from api.security import API_HEADERS
from devices.errors import SanihubError, TransientError
from devices.read_models import CursorError, QueryTimeoutError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
_MAX_ECHO_CHARS = 100
_TRANSIENT_KINDS: dict[type[Exception], str] = {QueryTimeoutError: "query-timeout", NotTakenError: "not-taken"}

_log = structlog.get_logger("api")


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one field: where it stands (query, path, body), its name, what was expected, what came."""

    where: str
    field: str
    expected: str
    got: str | None = None


class LineFault(Fault, frozen=True, kw_only=True):
    """What is wrong with a field of a file; ``line`` counts from 1."""

    line: int | None = None


class ProblemError(SanihubError):
    """The request cannot be answered as it was put."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        faults: tuple[Fault, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.faults, self.headers = status, kind, detail, faults, headers


def not_found(what: str, name: object) -> ProblemError:
    """The problem of a thing that does not exist."""
    return ProblemError(404, f"no-such-{what}", f"there is no {what.replace('-', ' ')} {name!r}")


def invalid(field: str, expected: str, got: object = None) -> ProblemError:
    """The problem of one wrong query parameter."""
    fault = Fault("query", field, expected, None if got is None else str(got)[:_MAX_ECHO_CHARS])
    return ProblemError(422, "invalid-request", f"{field}: {expected}", faults=(fault,))


def problem(
    request: Request,
    status: int,
    kind: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """A problem as a response; ``members`` are further members of the body."""
    body = {
        "type": f"urn:sanihub:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **members,
    }
    return Response(msgspec.json.encode(body), status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(CursorError, _on_cursor)
    app.add_exception_handler(AlertStateError, _on_state)
    app.add_exception_handler(TransientError, _on_transient)
    app.add_exception_handler(ClientDisconnect, _on_gone)
    app.add_exception_handler(Exception, _on_unforeseen)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    members: dict[str, Any] = {"errors": error.faults} if error.faults else {}
    return problem(request, error.status, error.kind, error.detail, headers=error.headers, **members)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(item) for item in error.errors()]
    detail = "; ".join(f"{fault.field}: {fault.expected}" for fault in faults)
    return problem(request, 422, "invalid-request", detail, errors=faults)


def _fault(item: Mapping[str, Any]) -> Fault:
    where, *path = (str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        expected, got = "there is no such parameter here", None
    elif item["type"] == "missing":
        expected, got = "is required", None
    else:
        expected = str(item["msg"]).removeprefix("Value error, ")
        got = str(item.get("input"))[:_MAX_ECHO_CHARS]
    return Fault(where, ".".join(path), expected, got)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "no-such-page", 405: "method-not-allowed", 413: "body-too-large"}.get(error.status_code, "http")
    headers = dict(error.headers or {}) | ({"Allow": allowed(request)} if error.status_code == 405 else {})
    said = str(error.detail)
    if error.status_code == 404 and said == "Not Found":
        said = f"there is no {request.url.path[:200]}; /docs describes what there is"
    return problem(request, error.status_code, kind, said, headers=headers)


async def _on_cursor(request: Request, error: Exception) -> Response:
    fault = Fault("query", "cursor", str(error))
    return problem(request, 422, "invalid-request", f"cursor: {error}", errors=(fault,))


async def _on_transient(request: Request, error: Exception) -> Response:
    kind = _TRANSIENT_KINDS.get(type(error), "store-away")
    return problem(request, 503, kind, str(error), headers={"Retry-After": str(RETRY_AFTER_S)})


async def _on_state(request: Request, error: Exception) -> Response:
    return problem(request, 409, "alert-state", str(error))


async def _on_gone(request: Request, error: Exception) -> Response:
    # Nobody is there to read it; without this handler it would be told in the log as a fault of ours.
    return problem(request, 400, "gone", "the client went away before its request was complete")


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    incident = uuid4().hex
    _log.error("request.failed", incident=incident, method=request.method, path=request.url.path, exc_info=error)
    # This handler answers outside of the middleware, which therefore cannot add the headers.
    detail = "something went wrong inside the hub; its log has more under the incident"
    return problem(request, 500, "internal", detail, headers=API_HEADERS, incident=incident)
