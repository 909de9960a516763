"""A hub with people who sign in, and the browser in which they do: for tests of the pages."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.access_keys import make_key
from tests.hubs import HubProcess
from tests.servers import temporary_folder, wait_until

AXE = Path(__file__).parents[1] / "api" / "board" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
SHOTS = os.environ.get("SANIHUB_SCREENSHOTS")  #: a folder for pictures of the pages, for docs and for whoever looks

MASTER: dict[str, list[dict[str, Any]]] = {
    "crews": [{"id": "east", "name": "East", "name_zh": "东湖一班"}],
    "workers": [
        {"id": "li", "name": "李梅", "crew": "east", "device": "badge-li"},
        {"id": "wang", "name": "王波", "crew": "east", "device": "badge-wang"},
    ],
    "shifts": [
        {"id": "day", "start": 0, "length": 1439, "name": "Day shift", "name_zh": "白班", "breaks": [[720, 30]]}
    ],
}
POST = {
    "id": "post-1", "version": 1, "kind": "post", "name": "Zhongshan Road", "name_zh": "中山路", "width_m": 20,
    "lines": [[[114.30, 30.57], [114.31, 30.575]]],
}  # fmt: skip


class CrewHub:
    """A running hub with a crew of two and a dispatcher (`wang`, `li`, `chen`), looked at through the API."""

    def __init__(self, process: HubProcess, dsn: str) -> None:
        self._process, self._dsn, self.url = process, dsn, process.url
        keys = {role: make_key(dsn, role) for role in ("dispatcher", "manager")}
        self._clients = {
            role: httpx.Client(base_url=f"{self.url}/api/v1", headers={"X-API-Key": key}, timeout=30)
            for role, key in keys.items()
        }
        self.passwords: dict[str, str] = {}
        self._enter()

    def _enter(self) -> None:
        today = datetime.now(UTC) + timedelta(hours=8)
        plan = {"id": "plan-1", "on": f"{today:%Y-%m-%d}", "shift": "day", "area": "post-1", "workers": ["li", "wang"]}
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            for table, rows in {**MASTER, "plans": [{**plan, "note": "先扫路口"}]}.items():
                for row in rows:
                    insert = f"INSERT INTO {table} (id, content) VALUES (%s, %s)"
                    connection.execute(insert.encode(), (row["id"], json.dumps(row)))
            connection.execute(
                "INSERT INTO areas (id, version, valid_from, entered_by, content)"
                " VALUES ('post-1', 1, '2026-01-01Z', 'test', %s)",
                (json.dumps(POST),),
            )
        for name, shown in (("li", "李梅"), ("wang", "王波")):
            self.told("manager", "POST", "/devices", json={"id": f"badge-{name}", "kind": "worker", "name": shown})
            self.person(name, "--role", "worker", "--worker", name, "--display-name", shown)
        self.person("chen", "--role", "dispatcher", "--display-name", "陈")

    def person(self, name: str, *more: str) -> None:
        """Enter somebody over the command line."""
        said = self._process.cli("people", "create", name, *more)
        found = re.search(r"\S{16}(?=\s*$)", said)
        assert found, said
        self.passwords[name] = found[0]

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Straight into the tables, for what no route enters."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def told(self, role: str, method: str, path: str, **options: Any) -> Any:
        answer = self._clients[role].request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, role: str, body: Any) -> None:
        """Telemetry, with a key of that role."""
        headers = {"X-API-Key": make_key(self._dsn, role)}
        answer = httpx.post(f"{self.url}/api/v1/telemetry", json=body, headers=headers, timeout=30)
        assert answer.is_success, answer.text

    def content(self, path: str) -> bytes:
        """What a dispatcher is given at a path."""
        return self._clients["dispatcher"].get(path).raise_for_status().content

    def events(self, name: str) -> list[dict[str, Any]]:
        """Check-ins and check-outs of a badge, the newest first."""
        found = self.told("dispatcher", "GET", f"/devices/badge-{name}/events", params=_today())
        return [one for one in found["items"] if one["kind"] in ("check_in", "check_out")]

    def track(self, name: str) -> list[tuple[float, ...]]:
        found = self.told("dispatcher", "GET", f"/devices/badge-{name}/track", params=_today())
        return [tuple(point[:2]) for point in (found["geometry"] or {"coordinates": []})["coordinates"]]

    def duty(self, name: str) -> list[float]:
        """What was said of being on duty, in order of time."""
        found = self.told(
            "dispatcher", "GET", f"/devices/badge-{name}/series", params={"metric": "on_duty", **_today()}
        )
        return [one["value"] for one in found["points"]]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def _today() -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "from": f"{now - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }


@contextmanager
def crew_hub(dsn: str) -> Iterator[CrewHub]:
    """The hub over a fresh database."""
    with temporary_folder() as folder:
        process = HubProcess(folder, dsn, "[broker]\nenabled = false\n")
        process.start()
        try:
            wait_until(lambda: process.headers() and process.get("/readyz").is_success, "the hub is ready")
            made = CrewHub(process, dsn)
            yield made
            made.close()
        finally:
            process.stop()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own browser, without a graphics card."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("Chromium is not installed: `make test` installs it, or apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=FLAGS, chromium_sandbox=False, env={**os.environ}
        )
        yield started
        started.close()


def picture(page: Page, name: str) -> None:
    """Take a picture, where somebody wants pictures."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def photo(width: int, height: int) -> bytes:
    """A JPEG as a camera makes it, with what cameras write into it."""
    noise = random.Random(7)
    small = Image.frombytes("RGB", (60, 40), noise.randbytes(60 * 40 * 3))
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    written = io.BytesIO()
    small.resize((width, height)).save(written, "JPEG", quality=92, exif=exif)
    return written.getvalue()


def serious(page: Page) -> list[str]:
    """What axe finds serious or worse."""
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
