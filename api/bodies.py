"""Bodies of requests that write: JSON, perhaps packed by gzip, bounded in size and in time.

Routes read their body here and not through FastAPI, which would read it before it asks for the key.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from api.ports.posting import PostLimits
from api.problems import Fault, ProblemError

_GZIP = 16 + zlib.MAX_WBITS
_JSON_TYPES = ("application/json",)
_GEOJSON_TYPES = ("application/geo+json", "application/json")
_YAML_TYPES = ("", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain")
M = TypeVar("M", bound=BaseModel)
_MAX_MEMBERS = 16  #: of one gzip body; each costs a decompressor


def check_json(content_type: str | None) -> None:
    """Raises a 415 problem for a type that is not JSON. Small devices name none, and are believed."""
    if content_type is None:
        return
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    subtype = media_type.removeprefix("application/")
    charsets = [value.strip('"') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    if media_type == subtype or not (subtype == "json" or subtype.endswith("+json")):
        raise ProblemError(415, "not-json", f"content-type: expected application/json, got {content_type[:100]!r}")
    if any(charset not in ("utf-8", "utf8", "us-ascii") for charset in charsets):
        raise ProblemError(415, "not-json", f"content-type: JSON is UTF-8, got {content_type[:100]!r}")


def check_rules(content_type: str | None) -> None:
    """Raises a 415 problem for a type that is neither YAML nor JSON. Who names none, or plain text, is believed."""
    media_type = "" if content_type is None else content_type.partition(";")[0].strip().lower()
    if media_type in _JSON_TYPES:
        check_json(content_type)
    elif media_type not in _YAML_TYPES:
        detail = f"content-type: expected application/yaml or application/json, got {str(content_type)[:100]!r}"
        raise ProblemError(415, "not-yaml", detail)


def check_fleet(content_type: str | None) -> None:
    """Raises a 415 problem for a type that is neither GeoJSON nor YAML. Who names none is believed to send YAML."""
    media_type = "" if content_type is None else content_type.partition(";")[0].strip().lower()
    if media_type not in (*_GEOJSON_TYPES, *_YAML_TYPES):
        detail = f"content-type: expected application/geo+json or application/yaml, got {str(content_type)[:100]!r}"
        raise ProblemError(415, "not-yaml", detail)


def is_geojson(content_type: str | None) -> bool:
    """Whether a body says that it is GeoJSON."""
    return content_type is not None and content_type.partition(";")[0].strip().lower() in _GEOJSON_TYPES


def validated(model: type[M], payload: bytes) -> M:
    """A body as a model. Raises a 422 problem that names each field.

    A value of another type than the field's is refused and not converted: ``false`` is no latitude.
    """
    try:
        return model.model_validate_json(payload, strict=True)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        faults = tuple(
            Fault("body", ".".join(str(part) for part in item["loc"]), str(item["msg"]).removeprefix("Value error, "))
            for item in told
        )
        detail = "; ".join(f"{fault.field}: {fault.expected}" if fault.field else fault.expected for fault in faults)
        raise ProblemError(422, "invalid-request", detail, faults=faults) from None


async def read_body(
    request: Request,
    limits: PostLimits,
    check: Callable[[str | None], None] = check_json,
    *,
    most_bytes: int | None = None,
) -> bytes:
    """The body of a request that says JSON, or what ``check`` allows. Raises problems: 400, 408, 413, 415.

    ``most_bytes`` takes the place of the limit that bodies have in general.
    """
    most = limits.body_bytes if most_bytes is None else most_bytes
    check(request.headers.get("content-type"))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        detail = f"content-encoding: expected gzip or none, got {encoding[:60]!r}"
        raise ProblemError(415, "unknown-encoding", detail, headers={"Accept-Encoding": "gzip"})
    body = _Unpacking(most) if "gzip" in encoding else _Plain(most)
    try:
        async with asyncio.timeout(limits.body_within_s):
            async for chunk in request.stream():
                body.feed(chunk)
    except TimeoutError:
        detail = f"the body was not complete within {limits.body_within_s:g} s"
        raise ProblemError(408, "body-too-slow", detail, headers={"Connection": "close"}) from None
    return body.whole()


class _Plain:
    """A body as it comes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > self._limit:
            raise _too_large(self._limit)

    def whole(self) -> bytes:
        return bytes(self._body)


class _Unpacking:
    """A body packed by gzip (RFC 1952), unpacked as it comes and never beyond the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._body = bytearray()
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1
        self._taken = 0  #: bytes as they came; unpacked, they may be nothing

    def feed(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        if self._taken > self._limit:
            raise _too_large(self._limit)
        while chunk:
            if self._member.eof:
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise _not_gzip(f"more than {_MAX_MEMBERS} members")
                self._member = zlib.decompressobj(_GZIP)
            try:
                self._body += self._member.decompress(chunk, self._limit + 1 - len(self._body))
            except zlib.error as error:
                raise _not_gzip(str(error)) from None
            if len(self._body) > self._limit:
                raise _too_large(self._limit)
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def whole(self) -> bytes:
        if not self._member.eof:
            raise _not_gzip("the body ends in the middle")
        return bytes(self._body)


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, "body-too-large", f"a body may have up to {limit} bytes, as it comes and unpacked")


def _not_gzip(reason: str) -> ProblemError:
    return ProblemError(400, "not-gzip", f"content-encoding: the body is not sound gzip: {reason}")
