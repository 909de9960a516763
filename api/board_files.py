"""The live board as files: what Vite built from ``api/board`` into ``api/pages/board``, and the board's settings.

Names of assets carry a hash of their content, so browsers keep them for a year; the page itself they ask for each time.
Compressed forms were made at the build. Everything is read once, when the application is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal
from urllib.parse import urlsplit

import msgspec

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
_PACKED = {"br": ".br", "gzip": ".gz"}  # in the order of preference


class BoardSettings(msgspec.Struct, frozen=True):
    """What the board's page is told. Without ``tiles_url`` the map has no background but its own layers.

    ``tiles_url`` is a template with ``{z}``, ``{x}`` and ``{y}``; over tiles of the datum GCJ-02 the page shifts what
    it draws. ``zone`` is the city's, in which the page shows times.
    """

    tiles_url: str = ""
    tiles_datum: Literal["wgs84", "gcj02"] = "wgs84"
    attribution: str = ""
    zone: str = "Asia/Shanghai"

    @property
    def policy(self) -> str:
        """The content security policy of the board: its own files, and the host of the tiles.

        MapLibre's worker is a file of ours; what it draws travels as ``blob:`` images.
        """
        parts = urlsplit(self.tiles_url.replace("{", "").replace("}", ""))
        tiles = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
        return (
            "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
            f"img-src 'self' data: blob:{tiles}; connect-src 'self'{tiles}; manifest-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


class BoardFile(msgspec.Struct, frozen=True):
    """A file as it is served. ``packed`` has it by content coding; ``etag`` is that of the plain form."""

    content: bytes
    media_type: str
    etag: str
    packed: Mapping[str, bytes]

    def chosen(self, accept_encoding: str) -> tuple[str | None, bytes]:
        """The coding and the bytes for a client that accepts these codings (RFC 9110, 12.5.3)."""
        accepted = {}
        for part in accept_encoding.split(","):
            name, _, weight = part.strip().lower().partition(";")
            accepted[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        for coding, content in self.packed.items():
            if accepted.get(coding, accepted.get("*", False)):
                return coding, content
        return None, self.content


def board_files() -> dict[str, BoardFile]:
    """All files of the board by their path within it; none where it was not built."""
    folder = files("api") / "pages" / "board"
    return dict(_read(folder, "")) if folder.is_dir() else {}


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, BoardFile]]:
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        ending = entry.name.rpartition(".")[2]
        if entry.is_dir():
            yield from _read(entry, f"{name}/")
        elif ending in _MEDIA_TYPES:
            content = entry.read_bytes()
            beside = {coding: folder / f"{entry.name}{suffix}" for coding, suffix in _PACKED.items()}
            packed = {coding: file.read_bytes() for coding, file in beside.items() if file.is_file()}
            yield name, BoardFile(content, _MEDIA_TYPES[ending], sha256(content).hexdigest()[:32], packed)
