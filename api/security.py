"""Security headers on every answer, as plain ASGI middleware."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API_CSP = "default-src 'none'; frame-ancestors 'none'"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For pages: everything comes from the hub itself, nothing is inline, nothing may frame it."""

PAGE_HEADERS = {
    "Content-Security-Policy": PAGE_CSP,
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
}
"""Of pages: a worker's shares where the phone is, and takes pictures; nothing else may."""

API_HEADERS = {
    "Content-Security-Policy": API_CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


CORS: dict[str, Any] = {
    "allow_credentials": False,  # a cookie belongs to the hub's own pages; others bring a token
    "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": ["Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"],
    "expose_headers": ["ETag", "Location", "Retry-After"],
    "max_age": 600,
}
"""What pages of the origins in the settings may do."""


class SecurityHeaders:
    """Adds :data:`API_HEADERS` to every response; a header that the route set itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in API_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
