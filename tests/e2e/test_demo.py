"""What the README promises: one command, a city on the page, and an end that leaves nothing but the data."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import psutil
import pytest

from tests.servers import wait_until

_OPEN = re.compile(r"open\s+(http://\S+?)/\s")
_LOG_IN = re.compile(r"sign in\s+(\w+)\s+(\S+)\s")
PEOPLE = {"admin", "manager", "dispatcher", "viewer", "worker"}
EVERY_PROTOCOL = {"mqtt-json", "http-json", "jt808", "nmea", "modbus", "chirpstack", "tts"}
pytestmark = pytest.mark.timeout(300)


class Demo:
    """`sanihub demo` as a person starts it, in a data folder."""

    def __init__(self, data: Path, *options: str) -> None:
        self.log = data.parent / "demo.log"
        self._output = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", "demo", "--port", "0", "--data", str(data), *options],
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        self.family: list[psutil.Process] = []
        self.url = ""
        self._headers: dict[str, str] = {}

    def serving(self) -> bool:
        found = _OPEN.search(self.log.read_text(errors="replace"))
        self.url = found[1] if found else ""
        if self.process.poll() is not None:
            pytest.fail(
                f"the demo ended with {self.process.returncode}: {self.log.read_text(errors='replace')[-3000:]}"
            )
        return bool(found)

    def people(self) -> dict[str, str]:
        """The passwords that it printed, by name."""
        return dict(_LOG_IN.findall(self.log.read_text(errors="replace")))

    def sign_in(self, name: str) -> dict[str, str]:
        """The headers of somebody who has signed in."""
        form = {"name": name, "password": self.people()[name]}
        answer = httpx.post(f"{self.url}/api/v1/session", json=form, timeout=30).raise_for_status().json()
        assert answer["role"] == {"admin": "admin"}.get(name, name)
        return {"Authorization": f"Bearer {answer['token']}"}

    def get(self, path: str, **params: object) -> httpx.Response:
        """GET of the API as the viewer, once the hub has entered people."""
        if not self._headers:
            wait_until(lambda: set(self.people()) == PEOPLE, "the people of the demo are told", 120)
            self._headers = self.sign_in("viewer")
        path = f"{self.url}/api/v1{path}"
        return httpx.get(path, params=params, headers=self._headers, timeout=30)  # type: ignore[arg-type]

    def reporting(self) -> int:
        devices = self.get("/status").json().get("devices")
        return devices["reporting"] if devices else 0  # there is no such count before the first tables are made

    def heard(self) -> set[str]:
        """The protocols that devices were heard through."""
        found = self.get("/status").json()["devices"]["by_protocol"]
        return {entry["protocol"] for entry in found if entry["reporting"]}

    def interrupt(self) -> None:
        """What ctrl-C does: SIGINT. Afterwards nothing of it may be alive."""
        family = [*psutil.Process(self.process.pid).children(recursive=True)]
        assert {"postgres", "nats-server"} <= {child.name() for child in family}
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.log.read_text(errors="replace")[-3000:]
        assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._output.close()


@pytest.fixture
def demo_data(open_folder: Path) -> Iterator[Path]:
    yield open_folder / "demo"


def readings(demo: Demo, device: str, metric: str, start: str, end: str) -> list[dict[str, object]]:
    answer = demo.get(f"/devices/{device}/series", **{"metric": metric, "from": start, "to": end, "limit": 1000})
    answer.raise_for_status()
    items: list[dict[str, object]] = answer.json()["points"]
    return items


def planned(demo: Demo) -> dict[str, int]:
    """The routes that the demo entered, with their versions; each vehicle has its plans today."""
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    plans = demo.get("/plans", **{"from": str(today), "vehicle": "vehicle-0001"}).raise_for_status().json()["items"]
    assert {plan["route"] for plan in plans} == {"route-0001"}
    found = demo.get("/routes", limit=1000).raise_for_status().json()["features"]
    return {
        one["properties"]["id"]: one["properties"]["version"] for one in found if one["properties"]["role"] == "route"
    }


def test_demo_shows_a_city_and_finds_its_data_again(demo_data: Path) -> None:
    demo = Demo(demo_data)
    try:
        wait_until(demo.serving, "the page answers", 120)
        wait_until(lambda: demo.reporting() >= 500, "500 devices report", 120)
        wait_until(lambda: demo.heard() == EVERY_PROTOCOL, "devices are heard through every protocol")
        status = demo.get("/status").json()
        assert httpx.get(f"{demo.url}/api/v1/devices").status_code == 401
        everybody = {name: demo.sign_in(name) for name in PEOPLE}
        own = httpx.get(f"{demo.url}/api/v1/session", headers=everybody["worker"]).json()
        assert own["worker"] and own["device"]
        users = httpx.get(f"{demo.url}/api/v1/users", headers=everybody["admin"]).json()["items"]
        assert {one["name"] for one in users} == PEOPLE
        with in_the_name_of(demo.url, everybody["viewer"]) as url:
            page = screenshot_text(url)
        assert str(status["devices"]["total"]) in page
        assert re.search(r'href="/api/v1/alerts\?open=true" id="alerts">[\d,]+<', page)
        assert "://" not in re.sub(r"https?://(127\.0\.0\.1|www\.w3\.org)", "", page)
        device = demo.get("/devices", kind="toilet", limit=1).json()["items"][0]["id"]
        window = ("2020-01-01T00:00:00Z", status["as_of"])
        wait_until(lambda: readings(demo, device, "nh3_ppm", *window), "a toilet has history")
        before = readings(demo, device, "nh3_ppm", *window)
        versions = planned(demo)
        assert len(versions) == 40
        told = demo.people()
        demo.interrupt()
    finally:
        demo.close()
    again = Demo(demo_data, "--minutes", "0.2")
    try:
        wait_until(again.serving, "the page answers again", 120)
        kept = readings(again, device, "nh3_ppm", *window)
        assert [row for row in kept if row in before] == before
        assert planned(again) == versions
        assert not set(again.people().values()) & set(told.values())
        assert again.process.wait(120) == 0
    finally:
        again.close()


@contextmanager
def in_the_name_of(hub: str, headers: dict[str, str]) -> Iterator[str]:
    """The hub as somebody sees it who has signed in: the page has no form for it, so their headers are added here."""

    class Forwarding(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = httpx.get(hub + self.path, headers=headers, timeout=30)
            self.send_response(answer.status_code)
            for name in ("content-type", "content-security-policy"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Forwarding) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


def screenshot_text(url: str) -> str:
    """The page's DOM after its scripts ran, as headless Chromium sees it."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.fail("Chromium is not installed: `make test` installs it, or apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        found = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage",
             f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom", url + "/"],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    return found.stdout
