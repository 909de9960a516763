"""The worker's page on a phone: a real hub, a real browser, a network that goes away and comes back."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.crews import CrewHub, chromium, crew_hub, photo, picture, serious
from tests.servers import wait_until

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True,
    "timezone_id": "Asia/Shanghai", "permissions": ["geolocation"], "reduced_motion": "reduce",
}  # fmt: skip
HERE = {"latitude": 30.5721, "longitude": 114.3055, "accuracy": 8}
PATIENCE_MS = 60_000  # other tests work beside this one
LEAST_PX = 56  # a thumb in a glove
GONE = re.compile(r"ERR_INTERNET_DISCONNECTED|401 \(Unauthorized\)|Failed to fetch")
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def hub(postgres_module_dsn: str) -> Iterator[CrewHub]:
    with crew_hub(postgres_module_dsn) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


class Phone:
    """A phone with the page open."""

    def __init__(self, hub: CrewHub, browser: Browser, **options: Any) -> None:
        self._hub = hub
        self.context: BrowserContext = browser.new_context(
            **{**PHONE, "locale": "en-GB", "geolocation": HERE, **options}
        )
        self.context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        # What a browser itself says of a network that the test has taken away, or of a session that it has ended.
        if message.type == "error" and not GONE.search(message.text):
            self.errors.append(message.text)

    def open(self, name: str = "li") -> Page:
        self.page.goto(f"{self._hub.url}/worker")
        self.enter(name)
        return self.page

    def enter(self, name: str) -> None:
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", self._hub.passwords[name])
        self.page.click("button[type=submit]")
        expect(self.page.locator("nav.ways")).to_be_visible()

    def at(self, lat: float, lon: float) -> None:
        self.context.set_geolocation({"latitude": lat, "longitude": lon, "accuracy": 8})

    def offline(self, gone: bool) -> None:
        self.context.set_offline(gone)

    def controlled(self) -> None:
        """Wait until the page would open without network."""
        kept = "navigator.serviceWorker.ready.then(() => caches.match('/worker')).then(Boolean)"
        wait_until(lambda: self.page.evaluate(kept), "the page is kept")

    def waiting(self) -> list[dict[str, Any]]:
        """What waits on the phone, without the photos."""
        found: list[dict[str, Any]] = self.page.evaluate(_WAITING)
        return found


_WAITING = """() => new Promise((resolve, reject) => {
  const asked = indexedDB.open('sanihub-worker', 1);
  asked.onerror = () => reject(asked.error);
  asked.onsuccess = () => {
    const all = asked.result.transaction('outbox').objectStore('outbox').getAll();
    all.onsuccess = () => resolve(all.result.map(({ photos, ...rest }) => rest));
  };
})"""
_DIGESTS = """() => new Promise((resolve, reject) => {
  const asked = indexedDB.open('sanihub-worker', 1);
  asked.onerror = () => reject(asked.error);
  asked.onsuccess = () => {
    const all = asked.result.transaction('outbox').objectStore('outbox').getAll();
    all.onsuccess = async () => {
      const blobs = all.result.flatMap((one) => one.photos ?? []);
      const digest = async (one) => new Uint8Array(await crypto.subtle.digest('SHA-256', await one.arrayBuffer()));
      const digests = await Promise.all(blobs.map(digest));
      resolve(digests.map((one) => [...one].map((byte) => byte.toString(16).padStart(2, '0')).join('')));
    };
  };
})"""


@pytest.fixture
def phone(hub: CrewHub, browser: Browser) -> Iterator[Phone]:
    made = Phone(hub, browser)
    yield made
    made.context.close()
    assert made.errors == []


def tab(page: Page, name: str) -> None:
    page.locator("nav.ways").get_by_role("button", name=name).tap()


def test_a_shift_with_a_hole_in_the_network(hub: CrewHub, phone: Phone) -> None:
    page = phone.open()
    phone.controlled()
    expect(page.locator("header")).to_contain_text("Not on shift")
    expect(page.get_by_text("Zhongshan Road")).to_be_visible()
    assert hub.events("li") == []
    page.get_by_role("button", name="Check in").tap()
    expect(page.locator("header h1")).to_have_text("On shift")
    expect(page.locator("[data-sharing]")).to_have_attribute("data-sharing", "shared")
    wait_until(lambda: [one["kind"] for one in hub.events("li")] == ["check_in"], "the check-in is filed")
    phone.offline(True)
    expect(page.locator("[data-net]")).to_have_attribute("data-net", "offline")

    def shared() -> int:
        return sum("fix" in one["message"] for one in phone.waiting())

    before = shared()  # the first position may wait with the next ones
    phone.at(30.5731, 114.3065)
    wait_until(lambda: shared() > before, "a position is kept")
    phone.page.reload()  # the phone has thrown the page away, without network
    expect(page.locator("header h1")).to_have_text("On shift")
    expect(page.get_by_text("Zhongshan Road")).to_be_visible()
    expect(page.locator("[data-net]")).to_contain_text("wait to be sent")
    page.get_by_role("button", name="Check out").tap()
    page.get_by_role("button", name="Yes, my shift is over").tap()
    expect(page.locator("header h1")).to_have_text("Not on shift")
    kept = phone.waiting()
    assert [event["kind"] for one in kept for event in one["message"].get("events", [])] == ["check_out"]
    assert [one["kind"] for one in hub.events("li")] == ["check_in"]
    phone.offline(False)
    wait_until(lambda: phone.waiting() == [], "everything is sent")
    out, came = hub.events("li")
    assert (out["kind"], came["kind"]) == ("check_out", "check_in")
    told = next(one["message"] for one in kept if one["message"].get("events"))
    assert _same(out["observed_at"], told["ts"])  # the phone's own time, not that of its arrival
    positions = hub.track("li")
    assert positions == [(114.3055, 30.5721), (114.3065, 30.5731)]
    duty = hub.duty("li")
    assert (duty[0], duty[-1], duty.count(0.0)) == (1.0, 0.0, 1)
    # Off shift nothing is shared, wherever the phone goes.
    phone.at(30.6, 114.4)
    page.reload()
    expect(page.get_by_text("Your position is not shared")).to_be_visible()
    assert phone.waiting() == []
    assert hub.track("li") == positions


def _same(one: str, other: str) -> bool:
    return abs((datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds()) < 0.001


def test_an_order_is_accepted_and_done_without_network(hub: CrewHub, phone: Phone) -> None:
    given = hub.told(
        "dispatcher", "POST", "/work-orders",
        json={"title": "Clear the bus stop", "worker": "li", "lat": 30.5741, "lon": 114.3055, "place": "Stop 7",
              "note": "Two bags"},
    )["order"]  # fmt: skip
    crews = hub.told("dispatcher", "POST", "/work-orders", json={"title": "Wash the pavement", "crew": "east"})["order"]
    page = phone.open()
    phone.controlled()
    tab(page, "Orders")
    card = page.locator(f"[data-order='{given['id']}']")
    expect(card).to_contain_text("Stop 7")
    expect(page.locator(f"[data-order='{crews['id']}']")).to_contain_text("for the crew")
    card.get_by_role("button", name="Accept").tap()
    card.get_by_role("button", name="Accept").tap()
    wait_until(lambda: _order(hub, given["id"])["accepted_at"], "the order is accepted")
    picture(page, "orders")
    phone.offline(True)
    card.get_by_role("button", name="Done").tap()
    card.locator("textarea").fill("One bag only")
    card.get_by_role("button", name="Done").tap()
    expect(card).to_contain_text("waits to be sent")
    assert _order(hub, given["id"])["done_at"] is None
    phone.offline(False)
    wait_until(lambda: _order(hub, given["id"])["done_at"], "the order is done")
    done = _order(hub, given["id"])
    assert (done["state"], done["done_by"]) == ("done", "person:li")
    history = hub.told("dispatcher", "GET", f"/work-orders/{given['id']}")["history"]
    assert [line["text"] for line in history if line["action"] == "done"] == ["One bag only"]
    expect(card).to_have_count(0)


def _order(hub: CrewHub, name: str) -> dict[str, Any]:
    found: dict[str, Any] = hub.told("dispatcher", "GET", f"/work-orders/{name}")["order"]
    return found


def test_a_report_with_a_photo_waits_for_the_network(hub: CrewHub, phone: Phone) -> None:
    page = phone.open()
    phone.controlled()
    tab(page, "Report")
    page.get_by_role("button", name="Rubbish heap").tap()
    expect(page.locator("[data-spot]")).to_have_attribute("data-spot", "found")
    file = {"name": "heap.jpg", "mimeType": "image/jpeg", "buffer": photo(3000, 2000)}
    page.set_input_files("input[name=photo]", [file])  # type: ignore[list-item]
    expect(page.locator(".photo img")).to_be_visible()
    page.get_by_label("In words").fill("Three mattresses")
    picture(page, "report")
    phone.offline(True)
    page.get_by_role("button", name="Send the report").tap()
    expect(page.locator("[data-waits]")).to_contain_text("Rubbish heap")
    (waits,) = phone.waiting()
    (digest,) = page.evaluate(_DIGESTS)
    page.reload()
    expect(page.locator("[data-net]")).to_contain_text("1 wait to be sent")
    assert hub.told("dispatcher", "GET", "/incidents")["items"] == []
    phone.offline(False)
    wait_until(lambda: phone.waiting() == [], "the report is sent")
    (incident,) = hub.told("dispatcher", "GET", "/incidents")["items"]
    assert (incident["reference"], incident["category"], incident["text"], incident["worker"]) == (
        waits["form"]["reference"], "rubbish-heap", "Three mattresses", "li",
    )  # fmt: skip
    assert (incident["lat"], incident["lon"], incident["claimed_at"]) == (30.5721, 114.3055, None)
    assert _same(incident["seen_at"], waits["form"]["seen_at"])
    (kept,) = hub.told("dispatcher", "GET", f"/incidents/{incident['id']}")["photos"]
    assert (kept["sha256"], kept["media_type"], kept["width"], kept["height"]) == (digest, "image/jpeg", 1920, 1280)
    content = hub.content(f"/incidents/{incident['id']}/photos/{digest}")
    assert sha256(content).hexdigest() == digest
    assert not Image.open(io.BytesIO(content)).getexif()
    tab(page, "Report")
    expect(page.locator(f"[data-incident='{incident['id']}']")).to_contain_text("Reported")


def test_a_lost_point_is_appealed_against(hub: CrewHub, phone: Phone) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    late = {"start": f"{yesterday:%Y-%m-%dT%H:00:00Z}", "due": f"{yesterday:%Y-%m-%dT%H:30:00Z}"}
    hub.told("dispatcher", "POST", "/evaluation/tasks", json={"worker": "li", "title": "Flush the drain", **late})
    page = phone.open()
    tab(page, "My points")
    lost = page.locator("[data-lost]").filter(has_text="Flush the drain")
    expect(lost).to_be_visible()
    lost.get_by_role("button", name="That is wrong").tap()
    lost.locator("textarea").fill("The hydrant was locked")
    phone.controlled()
    phone.offline(True)
    lost.get_by_role("button", name="Send the appeal").tap()
    expect(page.locator("[data-waits]")).to_contain_text("The hydrant was locked")
    expect(lost.locator(".queued")).to_be_visible()
    picture(page, "points")
    page.reload()
    expect(page.locator("[data-net]")).to_contain_text("1 wait to be sent")
    assert hub.told("manager", "GET", "/evaluation/appeals")["items"] == []
    phone.offline(False)
    tab(page, "My points")
    expect(page.locator("[data-appeal]")).to_contain_text("The hydrant was locked")
    assert phone.waiting() == []
    (made,) = hub.told("manager", "GET", "/evaluation/appeals")["items"]
    assert (made["about"]["name"], made["entered_by"], made["reason"]) == ("li", "person:li", "The hydrant was locked")
    answer = {"accepted": True, "reason": "Confirmed"}
    hub.told("manager", "POST", f"/evaluation/appeals/{made['id']}/decide", json=answer)
    tab(page, "Shift")
    page.reload()
    tab(page, "My points")
    expect(page.locator("[data-appeal]")).to_contain_text("Appeal accepted: Confirmed")
    assert hub.told("manager", "GET", "/evaluation/appeals", params={"worker": "wang"})["items"] == []


def test_nothing_is_sent_as_somebody_else(hub: CrewHub, phone: Phone) -> None:
    page = phone.open("li")
    before = len(hub.events("li"))
    phone.offline(True)
    page.get_by_role("button", name="Check in").tap()
    expect(page.locator("header h1")).to_have_text("On shift")
    phone.context.clear_cookies()  # the session is over
    phone.offline(False)
    expect(page.get_by_text("entries wait on this phone")).to_be_visible()
    expect(page.get_by_text("You are on shift.")).to_be_visible()
    phone.enter("wang")
    expect(page.locator("header")).to_contain_text("王波")
    expect(page.locator("header h1")).to_have_text("Not on shift")  # his shift has not begun; hers is ended here
    page.get_by_role("button", name="Check in").tap()
    wait_until(lambda: [one["kind"] for one in hub.events("wang")] == ["check_in"], "his check-in is filed")
    assert {one["owner"] for one in phone.waiting()} >= {"li"}
    assert len(hub.events("li")) == before
    page.get_by_role("button", name="Check out").tap()
    page.get_by_role("button", name="Yes, my shift is over").tap()
    wait_until(lambda: len(hub.events("wang")) == 2, "his check-out is filed")
    page.get_by_role("button", name="Settings").tap()
    page.get_by_role("button", name="Sign out").tap()
    phone.enter("li")
    wait_until(lambda: phone.waiting() == [], "hers is sent as hers")
    assert [one["kind"] for one in hub.events("li")][: len(hub.events("li")) - before] == ["check_out", "check_in"]
    assert len(hub.events("wang")) == 2


_SMALL = f"""() => [...document.querySelectorAll('button, select, input:not([type=file]), textarea, label.take')]
  .filter((one) => one.checkVisibility() && !one.closest('label.toggle') && !one.classList.contains('link'))
  .filter((one) => one.getBoundingClientRect().height < {LEAST_PX} || one.getBoundingClientRect().width < {LEAST_PX})
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(
    ("locale", "theme"), [("zh-CN", "light"), ("zh-CN", "dark"), ("en-GB", "light"), ("en-GB", "dark")]
)
def test_it_can_be_read_and_touched(hub: CrewHub, browser: Browser, locale: str, theme: str) -> None:
    phone = Phone(hub, browser, locale=locale, color_scheme=theme)
    page = phone.page
    page.goto(f"{hub.url}/worker")
    expect(page.locator("input[name=name]")).to_be_visible()
    name = f"{locale[:2]}-{theme}"
    picture(page, f"{name}-entry")
    wrong, small = serious(page), page.evaluate(_SMALL)
    phone.enter("wang")
    expect(page.locator("article.card").first).to_be_visible()

    def look(what: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]
        wrong.extend(serious(page))
        small.extend(page.evaluate(_SMALL))
        picture(page, f"{name}-{what}")

    look("off")
    page.locator(".giant.in").tap()
    expect(page.locator("[data-sharing]")).to_have_attribute("data-sharing", "shared")
    look("on")
    page.locator(".giant.out").tap()
    look("ask")
    for number, what in ((1, "orders"), (2, "report"), (3, "points")):
        page.locator("nav.ways button").nth(number).tap()
        expect(page.locator("nav.ways button").nth(number)).to_have_attribute("aria-current", "page")
        expect(page.locator("main .none, main .card, main .grid").first).to_be_visible()
        expect(page.get_by_text(re.compile("Loading|加载中"))).to_have_count(0)
        look(what)
    page.locator("header button").first.tap()
    look("settings")
    phone.offline(True)
    look("offline")
    phone.offline(False)
    page.locator("nav.ways button").first.tap()
    page.locator(".giant.out").tap()
    page.locator(".giant.out").tap()
    wait_until(lambda: phone.waiting() == [], "everything is sent")
    phone.context.close()
    assert (wrong, small, phone.errors) == ([], [], [])


def test_it_can_be_installed(hub: CrewHub, phone: Phone) -> None:
    page = phone.open()
    phone.controlled()
    told = httpx.get(f"{hub.url}/worker.webmanifest").raise_for_status()
    assert told.headers["content-type"] == "application/manifest+json"
    manifest = told.json()
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/worker", "/worker", "standalone")
    for icon in manifest["icons"]:
        content = httpx.get(hub.url + icon["src"]).raise_for_status().content
        if icon["type"] == "image/png":
            assert "{}x{}".format(*Image.open(io.BytesIO(content)).size) == icon["sizes"]
    assert page.evaluate("document.querySelector('link[rel=manifest]').getAttribute('href')") == "/worker.webmanifest"
    session = phone.context.new_cdp_session(page)
    wrong = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in wrong] == ["in-incognito"]  # as every page of these tests
    kept = page.evaluate(
        "caches.open('sanihub-worker-1').then((one) => one.keys()).then((all) => all.map((one) => one.url))"
    )
    assert not [one for one in kept if "/api/" in one]
    policy = httpx.get(f"{hub.url}/worker").headers["content-security-policy"]
    assert "unsafe" not in policy
