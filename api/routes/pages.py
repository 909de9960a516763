"""Pages for people: the live board, and the API's description.

Everything is served from the package, without one request to the outside: customers' networks have none. The board is
built beforehand (``api/board``, ADR 0025). ``/docs`` is a page of our own that lays out ``/openapi.json`` and lets GET
requests be tried: FastAPI's loads Swagger UI from a CDN and starts it with an inline script that our content security
policy forbids; packages that bundle its 1.5 MB patch the application class for it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import Match

from api.board_files import BoardFile, BoardSettings, board_files
from api.etags import tag_of, unchanged
from api.problems import ProblemError, not_found
from api.security import PAGE_HEADERS

router = APIRouter(include_in_schema=False)

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
_PLACES = {
    "/docs": "docs.html",
    **{f"/pages/{name}": name for name in ("docs.css", "docs.js")},
    "/favicon.svg": "favicon.svg",
    "/favicon.ico": "favicon.svg",
    # At the root: a service worker may serve what lies in the folder that it comes from.
    "/worker-sw.js": "worker-sw.js",
    "/worker.webmanifest": "worker.webmanifest",
    **{f"/worker-icon-{name}.png": f"worker-icon-{name}.png" for name in ("192", "512", "maskable")},
}
_BOARD_PAGES = {"/": "index.html", "/worker": "worker.html"}
_YEAR = "public, max-age=31536000, immutable"


def _load(name: str) -> BoardFile:
    content = (files("api") / "pages" / name).read_bytes()
    return BoardFile(content, _MEDIA_TYPES[name.rpartition(".")[2]], tag_of(content).strip('"'), {})


_ASSETS = {place: _load(name) for place, name in _PLACES.items()}


class Board(msgspec.Struct, frozen=True):
    """The built board with its settings, as ``app.state.board``."""

    files: dict[str, BoardFile]
    settings: BoardSettings
    policy: str
    config: BoardFile


def install(app: FastAPI, settings: BoardSettings) -> None:
    """Read the board's files for ``app``, and make what its page is told of the settings.

    Called after the routers are there: the page is told which of the API it can use.
    """
    told: dict[str, Any] = {
        "version": app.version,
        "sign_in": _answers(app, "/api/v1/session"),
        "live": _answers(app, "/api/v1/live"),
        "open": app.state.policy.open_reading,
        **msgspec.structs.asdict(settings),
    }
    content = msgspec.json.encode(told)
    config = BoardFile(content, "application/json", tag_of(content).strip('"'), {})
    app.state.board = Board(board_files(), settings, settings.policy, config)


def _answers(app: FastAPI, path: str) -> bool:
    asked = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return any(route.matches(asked)[0] is Match.FULL for route in app.routes)


def _answer(request: Request, file: BoardFile, policy: str, caching: str = "no-cache") -> Response:
    coding, content = file.chosen(request.headers.get("accept-encoding", ""))
    etag = f'"{file.etag}-{coding}"' if coding else f'"{file.etag}"'
    headers = {"ETag": etag, "Cache-Control": caching, **PAGE_HEADERS, "Content-Security-Policy": policy}
    if file.packed:
        headers["Vary"] = "Accept-Encoding"
    if coding:
        headers["Content-Encoding"] = coding
    if unchanged(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=file.media_type, headers=headers)


async def serve(request: Request) -> Response:
    """A file of the package. Browsers ask each time (`no-cache`) and get 304, so an upgraded hub shows at once."""
    return _answer(request, _ASSETS[request.url.path], PAGE_HEADERS["Content-Security-Policy"])


async def serve_page(request: Request) -> Response:
    """A page of the board. Browsers ask each time, and so learn the names of the newest assets."""
    board: Board = request.app.state.board
    if not board.files:
        detail = "the board was not built: run `make install` (or `sh tools/board.sh`) and start the hub again"
        raise ProblemError(503, "no-board", detail)
    file = board.files.get(_BOARD_PAGES[request.url.path])
    if file is None:
        raise not_found("page", request.url.path)
    return _answer(request, file, board.policy)


@router.api_route("/board/config.json", methods=["GET", "HEAD"])
async def board_config(request: Request) -> Response:
    """What the board is told of the settings."""
    board: Board = request.app.state.board
    return _answer(request, board.config, PAGE_HEADERS["Content-Security-Policy"])


@router.api_route("/board/{path:path}", methods=["GET", "HEAD"])
async def serve_asset(request: Request, path: str) -> Response:
    """An asset of the board; its name changes with its content, so it may be kept.

    A worker takes its policy from the answer that brought it, hence the board's own.
    """
    board: Board = request.app.state.board
    file = board.files.get(path)
    if file is None or not path.startswith("assets/"):
        raise not_found("file", path)
    return _answer(request, file, board.policy, _YEAR)


for _place in _ASSETS:
    router.add_api_route(_place, serve, methods=["GET", "HEAD"], response_model=None)
for _place in _BOARD_PAGES:
    router.add_api_route(_place, serve_page, methods=["GET", "HEAD"], response_model=None)
