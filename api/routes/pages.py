"""Pages for people: the landing page and the API's description.

Everything is served from the package, without a build step and without one request to the outside: customers' networks
have none. That rules out FastAPI's own ``/docs``, which loads Swagger UI from a CDN and starts it with an inline script
that our content security policy forbids; packages that bundle its 1.5 MB patch the application class for it. So
``/docs`` is a page of our own that lays out ``/openapi.json`` and lets GET requests be tried.
"""

from __future__ import annotations

from importlib.resources import files

import msgspec
from fastapi import APIRouter, Request, Response

from api.etags import tag_of, unchanged
from api.security import PAGE_HEADERS

router = APIRouter(include_in_schema=False)

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PLACES = {
    "/": "landing.html",
    "/docs": "docs.html",
    **{f"/pages/{name}": name for name in ("landing.css", "landing.js", "map.js", "words.js", "docs.css", "docs.js")},
    "/favicon.svg": "favicon.svg",
    "/favicon.ico": "favicon.svg",
}


class _Asset(msgspec.Struct, frozen=True):
    content: bytes
    media_type: str
    etag: str


def _load(name: str) -> _Asset:
    content = (files("api") / "pages" / name).read_bytes()
    return _Asset(content, _MEDIA_TYPES[name.rpartition(".")[2]], tag_of(content))


_ASSETS = {place: _load(name) for place, name in _PLACES.items()}


async def serve(request: Request) -> Response:
    """A file of the package. Browsers ask each time (`no-cache`) and get 304, so an upgraded hub shows at once."""
    asset = _ASSETS[request.url.path]
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", **PAGE_HEADERS}
    if unchanged(request.headers.get("if-none-match", ""), asset.etag):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


for _place in _ASSETS:
    router.add_api_route(_place, serve, methods=["GET", "HEAD"], response_model=None)
