"""The live board as a dispatcher uses it: a real hub with a city, in a real browser without a graphics card."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.demos import PEOPLE, Demo
from tests.servers import wait_until

BOARD = Path(__file__).parents[2] / "api" / "board"
FLAGS = [
    "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 60_000  # other tests work beside this one, and the graphics are computed
pytestmark = pytest.mark.timeout(400)


class Entered:
    """A running demo, and how to get in."""

    def __init__(self, demo: Demo) -> None:
        self.url = demo.url
        self.process = demo.process
        self.people = demo.people()

    def headers(self, name: str = "dispatcher") -> dict[str, str]:
        """Of a program that uses the API beside the page."""
        form = {"name": name, "password": self.people[name]}
        answer = httpx.post(f"{self.url}/api/v1/session", json=form, timeout=30)
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['token']}"}

    def sign_in(self, page: Page, name: str = "dispatcher") -> None:
        """Sign in, and see the board live."""
        self.enter(page, name)
        expect(page.locator(".pulse")).to_have_attribute("data-state", "live")

    def enter(self, page: Page, name: str) -> None:
        """Fill in the sign-in page."""
        page.goto(self.url)
        page.fill("input[name=name]", name)
        page.fill("input[name=password]", self.people[name])
        page.click("button[type=submit]")


@pytest.fixture(scope="module")
def hub() -> Iterator[Entered]:
    with tempfile.TemporaryDirectory(prefix="sanihub-board-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "demo"
        demo = Demo(data)
        try:
            wait_until(demo.serving, "the page answers", 120)
            wait_until(lambda: "city_live" in demo.log.read_text(errors="replace"), "the city lives", 120)
            wait_until(lambda: set(demo.people()) == PEOPLE, "people are told how to sign in", 120)
            yield Entered(demo)
            demo.interrupt()
        finally:
            demo.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("Chromium is not installed: `make test` installs it, or apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=FLAGS, chromium_sandbox=False, env={**os.environ}
        )
        yield started
        started.close()


class Seen:
    """What a page asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.addresses: set[str] = set()
        self.bytes = 0
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _response(self, response: Response) -> None:
        self.addresses.add(response.url)
        if "/board/assets/" in response.url:
            self.bytes += int(response.headers.get("content-length", 0))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=DESK, locale="en-GB", timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
    made.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


VEHICLES = """() => {
  const map = document.querySelector('.map-host').map;
  const found = map?.getLayer('vehicles') ? map.querySourceFeatures('vehicles') : [];
  return Object.fromEntries(found.map(one => [one.properties.id, one.geometry.coordinates.join()]));
}"""


def vehicles(page: Page) -> dict[str, str]:
    found: dict[str, str] = page.evaluate(VEHICLES)
    return found


def test_vehicles_move_on_a_map_that_needs_nobody_else(hub: Entered, page: Page) -> None:
    seen = Seen(page)
    hub.sign_in(page)
    wait_until(lambda: len(vehicles(page)) >= 30, "the vehicles are drawn")
    before = vehicles(page)

    def moved() -> bool:
        now = vehicles(page)
        return sum(now[name] != place for name, place in before.items() if name in now) >= 3

    wait_until(moved, "vehicles move")
    assert seen.errors == []
    assert {address.startswith((hub.url, "data:", "blob:")) for address in seen.addresses} == {True}
    assert 200_000 < seen.bytes < 1_000_000  # as it travelled, with the map


def test_an_alert_is_acknowledged_with_a_remark(hub: Entered, page: Page) -> None:
    hub.sign_in(page)
    page.click(".chip:has-text('New only')")
    first = page.locator(".alert").first
    number = first.get_attribute("data-id")
    first.locator(".row").click()
    expect(page.locator(".drawer")).to_be_visible()
    row = page.locator(f".alert[data-id='{number}']")
    row.locator("textarea").fill("Crew 3 is on its way")
    row.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".toast.done")).to_be_visible()
    expect(row).to_have_count(0)  # it is not new any more
    told = httpx.get(f"{hub.url}/api/v1/alerts/{number}", headers=hub.headers()).raise_for_status().json()
    assert told["stage"] == "acknowledged"
    assert told["log"][-1]["detail"]["comment"] == "Crew 3 is on its way"


def test_language_and_light_change_without_a_reload_and_are_remembered(hub: Entered, page: Page) -> None:
    hub.sign_in(page)
    page.evaluate("window.same = true")
    expect(page.locator(".panel h2")).to_have_text("Alerts")
    page.click("#language")
    expect(page.locator(".panel h2")).to_have_text("告警")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.keyboard.press("d")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("window.same") is True
    page.reload()
    expect(page.locator(".panel h2")).to_have_text("告警")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_an_address_opens_a_device_and_a_panel(hub: Entered, page: Page) -> None:
    """As the boards of Grafana link: into a page that is there, and into a new one."""
    hub.sign_in(page)
    page.goto(f"{hub.url}/#device=bin-0001")
    expect(page.locator(".drawer")).to_contain_text("bin-0001")
    page.goto(f"{hub.url}/#panel=fleet&device=toilet-0001")
    page.reload()
    expect(page.locator(".frame")).to_have_attribute("data-panel", "fleet")
    expect(page.locator(".drawer")).to_contain_text("toilet-0001")


def test_keys_open_panels_move_in_lists_and_close(hub: Entered, page: Page) -> None:
    hub.sign_in(page)
    page.keyboard.press("2")
    rows = page.locator(".panel [data-row]")
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".drawer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".drawer")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


PLAYED = """() => {
  const map = document.querySelector('.map-host').map;
  const of = (source) => map.querySourceFeatures(source);
  return [of('play').length, of('track').length, [...new Set(of('covered').map(one => one.properties.part))].sort()];
}"""


def under_way(hub: Entered) -> list[str]:
    """Vehicles that drive, those that have come furthest first."""
    answer = httpx.get(f"{hub.url}/api/v1/fleet/live", headers=hub.headers()).raise_for_status()
    moving = [
        one for one in answer.json()["items"] if one["kind"] == "vehicle" and one["state"] in ("working", "transit")
    ]
    return [one["id"] for one in sorted(moving, key=lambda one: -one["trip_m"])]


def test_a_day_is_played_back_with_what_became_of_its_routes(hub: Entered, page: Page) -> None:
    wait_until(lambda: under_way(hub), "a vehicle is under way", 120)
    vehicle = under_way(hub)[0]
    hub.sign_in(page)
    page.keyboard.press("4")
    page.locator(".panel select").select_option(vehicle)
    page.locator(".panel form button.main").click()
    slider = page.locator(".player input[type=range]")
    expect(slider).to_be_visible()
    page.get_by_label("Speed").select_option("900")
    page.get_by_role("button", name="Play", exact=True).click()
    begin = float(slider.get_attribute("min") or 0)
    wait_until(lambda: float(slider.input_value()) > begin, "the slider moves")
    slider.evaluate("one => { one.value = one.max; one.dispatchEvent(new Event('input', {bubbles: true})); }")
    wait_until(lambda: page.evaluate(PLAYED)[0] >= 1 and page.evaluate(PLAYED)[1] >= 1, "vehicle and track are drawn")
    wait_until(lambda: page.evaluate(PLAYED)[2], "its routes are drawn")
    assert set(page.evaluate(PLAYED)[2]) <= {"covered", "passed", "missed", "pending"}


def test_it_says_that_data_are_old_and_comes_back_by_itself(hub: Entered, page: Page) -> None:
    hub.sign_in(page)
    hub.process.send_signal(signal.SIGSTOP)  # its connections stay open and say nothing: the worst kind of silence
    try:
        expect(page.locator(".stale")).to_contain_text(re.compile(r"since \d\d:\d\d:\d\d"))
    finally:
        hub.process.send_signal(signal.SIGCONT)
    expect(page.locator(".stale")).to_be_hidden()
    expect(page.locator(".pulse")).to_have_attribute("data-state", "live")


def test_an_alert_that_somebody_else_acknowledges_changes_at_once(hub: Entered, page: Page) -> None:
    hub.sign_in(page, "viewer")
    page.click(".chip:has-text('New only')")
    number = page.locator(".alert").first.get_attribute("data-id")
    url = f"{hub.url}/api/v1/alerts/{number}/acknowledge"
    httpx.post(url, json={"comment": ""}, headers=hub.headers(), timeout=30).raise_for_status()
    expect(page.locator(f".alert[data-id='{number}']")).to_have_count(0)


def test_who_may_not_act_is_offered_nothing_to_do(hub: Entered, page: Page) -> None:
    seen = Seen(page)
    hub.sign_in(page, "viewer")
    page.locator(".alert .row").first.click()
    expect(page.locator(".alert .log")).to_be_visible()
    expect(page.locator(".alert textarea, .alert .buttons")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("6")
    expect(page.locator(".panel h2")).to_have_text("Reports")
    expect(page.locator(".panel form")).to_have_count(0)
    assert seen.errors == []


def test_who_is_limited_to_areas_is_led_to_nothing_of_all_areas(hub: Entered, page: Page) -> None:
    seen = Seen(page)
    rights = {"role": "dispatcher", "areas": ["west"]}
    person = {"name": "west", "display_name": "West", "password": "correct horse battery", **rights}
    httpx.post(f"{hub.url}/api/v1/users", json=person, headers=hub.headers("admin"), timeout=30).raise_for_status()
    hub.people["west"] = "correct horse battery"
    hub.sign_in(page, "west")
    expect(page.locator(".alert")).to_have_count(0)  # no device lies there
    offered = page.locator(".rail button")
    for place in range(offered.count()):
        page.keyboard.press(str(place + 1)) if place else None
        expect(offered.nth(place)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".rail")).not_to_contain_text(re.compile("Reports|Evaluation"))
    assert seen.errors == []


def serious(page: Page) -> list[str]:
    """What axe finds serious or worse."""
    page.evaluate((BOARD / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(hub: Entered, browser: Browser, theme: Any) -> None:
    context = browser.new_context(viewport=DESK, locale="en-GB", color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    hub.sign_in(page)
    page.locator(".alert .row").first.click()
    expect(page.locator(".drawer .readings")).to_be_visible()
    found = serious(page)
    for panel in "234567":
        page.keyboard.press("Escape")
        page.keyboard.press(panel)
        expect(page.locator(".panel")).to_be_visible()
        if page.locator("dialog").count():
            page.keyboard.press("Escape")
        found += serious(page)
    context.close()
    assert found == []


def test_on_a_phone_everything_is_a_thumb_away(hub: Entered, browser: Browser) -> None:
    context = browser.new_context(
        viewport=PHONE, locale="zh-CN", has_touch=True, is_mobile=True, device_scale_factor=2, reduced_motion="reduce"
    )  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    seen = Seen(page)
    hub.sign_in(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("button", name="设备").tap()
    page.locator(".device .row").first.tap()
    expect(page.locator(".drawer")).to_be_visible()
    found = serious(page)
    page.get_by_role("button", name="告警").first.tap()
    expect(page.locator(".panel .alert").first).to_be_visible()
    found += serious(page)
    assert seen.errors == []
    assert found == []
    context.close()
