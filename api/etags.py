"""Answers that change seldom: asked again with what came before, they say that it still holds (RFC 9110, 13.1.2)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What `If-None-Match` names still holds; there is no body."}
}


def tag_of(content: bytes) -> str:
    """The strong tag of a content."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def unchanged(if_none_match: str, etag: str) -> bool:
    """Whether a tag is among those of ``If-None-Match``.

    The comparison is weak, so that a proxy that compressed and marked the tag as weak still matches.
    """
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in known or etag in known


class TaggedRoute(APIRoute):
    """A route whose GET answers carry an ``ETag`` (its own, or that of its content), and 304 to who has it already."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if "GET" in (options.get("methods") or ("GET",)):
            options["responses"] = {**NOT_MODIFIED, **(options.get("responses") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a request, with the tag held against what the client has."""
        answer = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await answer(request)
            if request.method not in ("GET", "HEAD") or response.status_code != 200:
                return response
            etag = response.headers.get("etag") or tag_of(bytes(response.body))
            headers = {"ETag": etag, "Cache-Control": "no-cache"}
            if unchanged(request.headers.get("if-none-match", ""), etag):
                return Response(status_code=304, headers=headers)
            response.headers.update(headers)
            return response

        return tagged
