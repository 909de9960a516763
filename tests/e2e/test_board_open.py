"""The board for visitors, over tiles of a real server: in the datum of the earth, and in that of Chinese base maps."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from tests.crews import chromium, picture
from tests.hubs import HubProcess
from tests.servers import temporary_folder, wait_until

PATIENCE_MS = 60_000
pytestmark = pytest.mark.timeout(400)
# Public check pairs, latitude and longitude: WGS-84, and the same place in GCJ-02.
PAIRS = {
    "bin-shanghai": ((31.1774276, 121.5272106), (31.17530398, 121.53154186)),
    "bin-shenzhen": ((22.543847, 113.912316), (22.54079613, 113.91717658)),
}
EXACT_DEG = 1e-5  #: a metre; the pairs were computed by others


class Tiles:
    """A server of tiles that say which they are, and what was asked of it."""

    def __init__(self) -> None:
        asked: set[tuple[int, int, int]] = set()
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = re.fullmatch(r"/base/(\d+)/(\d+)/(\d+)\.png", self.path)
                if found is None:
                    self.send_error(404)
                    return
                zoom, x, y = (int(part) for part in found.groups())
                asked.add((zoom, x, y))
                content = _tile(zoom, x, y)
                self.send_response(200)
                self.send_header("Content-Type", "image/png")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/base/{{z}}/{{x}}/{{y}}.png"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _tile(zoom: int, x: int, y: int) -> bytes:
    image = Image.new("RGB", (256, 256), (226, 236, 246) if (x + y) % 2 else (240, 240, 226))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 255, 255), outline=(120, 120, 120))
    draw.text((70, 112), f"{zoom} / {x} / {y}", fill=(60, 60, 60), font_size=20)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


@pytest.fixture(scope="module")
def tiles() -> Iterator[Tiles]:
    server = Tiles()
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temporary_folder() as made:
        yield made


def enter(dsn: str) -> None:
    """A bin at each of the check places, of which one is full, and a person so that people can sign in."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name, ((lat, lon), _) in PAIRS.items():
            insert = (
                "INSERT INTO devices (id, kind, status, attributes) VALUES (%s, 'bin', 'active', %s)"
                " ON CONFLICT DO NOTHING RETURNING key"
            )
            for row in connection.execute(insert, (name, json.dumps({"lat": lat, "lon": lon}))).fetchall():
                alert = (
                    "INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at)"
                    " VALUES (%s, 'bin-full', 'warning', 1, now())"
                )
                connection.execute(alert, (row[0],))


DRAWN = """() => Object.fromEntries(document.querySelector('.map-host').map.querySourceFeatures('bins')
  .map((one) => [one.properties.id, one.geometry.coordinates]))"""


class Visit:
    """The page as somebody sees it who has not signed in."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        chosen = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", "reduced_motion": "reduce", **options}
        self.context = browser.new_context(**chosen)
        self.context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        expect(self.page.locator(".pulse")).to_have_attribute("data-state", "live")

    def finds(self, name: str, lat: float, lon: float) -> None:
        """Look closely at a bin; when the flight is over it is drawn just there on the map."""
        self.page.keyboard.press("2")
        self.page.locator(".chip", has_text="Bins").click()
        self.page.locator(".panel [data-row]").filter(has_text=name).click()

        def there() -> bool:
            x, y = self.page.evaluate(DRAWN).get(name, (0.0, 0.0))
            return bool(abs(x - lon) < EXACT_DEG and abs(y - lat) < EXACT_DEG)

        wait_until(there, f"{name} is drawn at {lat}, {lon}")


@pytest.mark.parametrize("datum", ["wgs84", "gcj02"])
def test_a_visitor_sees_the_city_over_tiles_of_either_datum(
    postgres_module_dsn: str, folder: Path, tiles: Tiles, browser: Browser, datum: str
) -> None:
    settings = f"""
[broker]
enabled = false
[api]
open_reading = true
[api.board]
tiles_url = "{tiles.url}"
tiles_datum = "{datum}"
attribution = "Tiles of the test"
"""
    process = HubProcess(folder, postgres_module_dsn, settings)
    process.start()
    try:
        wait_until(lambda: process.headers() and process.get("/readyz").is_success, "the hub is ready")
        enter(postgres_module_dsn)
        tiles.asked.clear()
        visit = Visit(browser, process.url)
        page = visit.page
        for name, (earth, moved) in PAIRS.items():
            visit.finds(name, *(moved if datum == "gcj02" else earth))
            page.keyboard.press("Escape")
            page.keyboard.press("2")
        wait_until(lambda: page.evaluate("document.querySelector('.map-host').map.areTilesLoaded()"), "tiles are drawn")
        assert max(zoom for zoom, _, _ in tiles.asked) >= 15
        picture(page, f"board-tiles-{datum}")
        stored = httpx.get(f"{process.url}/api/v1/devices").raise_for_status().json()["items"]
        places = {one["id"]: (one["attributes"]["lat"], one["attributes"]["lon"]) for one in stored}
        assert places == {name: earth for name, (earth, _) in PAIRS.items()}
        if datum == "wgs84":
            nothing_is_offered(page)
        assert visit.errors == []
        visit.context.close()
    finally:
        process.stop()


def nothing_is_offered(page: Page) -> None:
    """Whoever has not signed in reads, is led to nothing that names people, and may sign in."""
    page.keyboard.press("1")
    page.locator(".alert .row").first.click()
    expect(page.locator(".drawer")).to_be_visible()
    expect(page.locator(".alert textarea, .alert .buttons")).to_have_count(0)
    expect(page.locator(".rail")).not_to_contain_text(re.compile("Orders|Incidents|Reports|Evaluation"))
    picture(page, "board-visitor")
    page.keyboard.press("Escape")
    for place, title in enumerate(["Alerts", "Fleet", "Playback", "Hub"]):
        if place:
            page.keyboard.press(str(place + 1))
        expect(page.locator(".panel h2")).to_have_text(title)
    page.locator("#sign-in").click()
    expect(page.locator("input[name=password]")).to_be_visible()
    page.get_by_role("button", name="Look without signing in").click()
    expect(page.locator(".pulse")).to_have_attribute("data-state", "live")
