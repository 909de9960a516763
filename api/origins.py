"""Requests that another site has a browser make in somebody's name (CSRF).

The cookie of a session is SameSite=Strict, so browsers do not send it from other sites. Beside that, a request that
changes something and brings the cookie has to come from a page of the hub: by ``Sec-Fetch-Site``, which browsers set
and pages cannot, or where that is missing by ``Origin``. Without both it is no browser's (Fetch, "HTTP-network-or-cache
fetch": each request but GET and HEAD across origins has an ``Origin``), and nobody's session is abused by it.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import Request

from api.problems import ProblemError

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def check_origin(request: Request, trusted: Collection[str] = ()) -> None:
    """Raises a 403 problem for a request that changes something and comes from a page of another origin."""
    if request.method in _SAFE:
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None and origin in trusted:
        return
    if site is not None:
        if site in ("same-origin", "none"):
            return
    elif origin is None or _host(origin) == request.headers.get("host", "").lower():
        return
    raise ProblemError(403, "another-origin", "this was sent by a page of another origin; nothing was changed")


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
