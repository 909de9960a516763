"""The limit of request bodies, as plain ASGI middleware.

FastAPI has a limit of its own (``max_body_size``), but it answers outside of all middleware and exception handlers:
neither as a problem nor with the security headers.
"""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

MAX_BODY_BYTES = 1 << 20


class BodyLimit:
    """Refuses bodies beyond ``limit`` bytes with 413: at once where the length is announced, else while they stream."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit
        self._detail = f"the body of a request may have up to {limit} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._limit:
            refusal = problem(Request(scope), 413, "body-too-large", self._detail)
            await refusal(scope, receive, send)
            return
        taken = 0

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                # Whoever reads the body is a route, and a route's HTTPException becomes a problem.
                raise HTTPException(413, self._detail)
            return message

        await self._app(scope, receive_counted, send)
