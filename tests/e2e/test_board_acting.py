"""Dispatchers at work on the board: a work order in one click, by hand, and incidents with photos on the map."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.crews import CrewHub, chromium, crew_hub, photo, picture, serious
from tests.servers import wait_until

PATIENCE_MS = 60_000
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def hub(postgres_module_dsn: str) -> Iterator[CrewHub]:
    with crew_hub(postgres_module_dsn) as made:
        for number, (name, kind, lat, more) in enumerate(
            [
                ("bin-7", "bin", 30.5721, {"lat": 30.5721, "lon": 114.3055}),
                ("truck-1", "vehicle", 30.58, {"type": "refuse_truck"}),
                ("truck-2", "vehicle", 30.60, {"type": "refuse_truck"}),
            ]
        ):
            row = made.sql(
                "INSERT INTO devices (id, kind, status, name, attributes) VALUES (%s, %s, 'active', %s, %s)"
                " RETURNING key",
                *(name, kind, f"Nr {number}", json.dumps(more)),
            )
            made.sql("INSERT INTO identities (scheme, value, device_key) VALUES ('id', %s, %s)", name, row[0][0])
            if kind == "vehicle":
                state = (
                    "INSERT INTO device_state (device_key, received_at, fix_at, lat, lon)"
                    " VALUES (%s, now(), now(), %s, 114.3)"
                )
                made.sql(state, row[0][0], lat)
            else:
                made.sql(
                    "INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at)"
                    " VALUES (%s, 'bin-full', 'warning', 1, now())",
                    row[0][0],
                )
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


class Board:
    """The board, with a dispatcher signed in."""

    def __init__(self, hub: CrewHub, browser: Browser, name: str = "chen", **options: Any) -> None:
        chosen = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", "reduced_motion": "reduce", **options}
        self.context = browser.new_context(**chosen)
        self.context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(hub.url)
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", hub.passwords[name])
        self.page.click("button[type=submit]")
        expect(self.page.locator(".pulse")).to_have_attribute("data-state", re.compile("live|polling"))


@pytest.fixture
def board(hub: CrewHub, browser: Browser) -> Iterator[Board]:
    made = Board(hub, browser)
    yield made
    made.context.close()
    assert made.errors == []


def said(page: Page, words: str) -> str:
    """The name of an order that a toast tells of."""
    toast = page.locator(".toast").filter(has_text=re.compile(words))
    expect(toast).to_be_visible()
    found = re.search(r"order-[0-9a-f]{16}", toast.inner_text())
    assert found
    return found[0]


def order(hub: CrewHub, name: str) -> dict[str, Any]:
    found: dict[str, Any] = hub.told("dispatcher", "GET", f"/work-orders/{name}")["order"]
    return found


def test_an_alert_becomes_an_order_in_one_click_and_is_done(hub: CrewHub, board: Board) -> None:
    page = board.page
    page.locator(".alert .row").first.click()
    page.get_by_role("button", name="Work order", exact=True).click()
    name = said(page, "is given")
    given = order(hub, name)
    assert (given["origin"], given["device"], given["vehicle"]) == ("alert", "bin-7", "truck-1")
    page.keyboard.press("3")
    page.locator(f"[data-order='{name}']").click()
    detail = page.locator(f"[data-detail='{name}']")
    first = hub.told("dispatcher", "GET", "/work-orders/candidates", params={"lat": 30.5721, "lon": 114.3, "limit": 1})
    more = {"lat": 30.5721, "lon": 114.3, "limit": 1, "cursor": first["next_cursor"]}
    rest = hub.told("dispatcher", "GET", "/work-orders/candidates", params=more)
    assert [one["vehicle"] for one in first["items"] + rest["items"]] == ["truck-1", "truck-2"]
    assert rest["next_cursor"] is None
    detail.get_by_role("button", name="Assign").click()
    detail.locator("[data-candidate='truck-2']").click()
    wait_until(lambda: order(hub, name)["vehicle"] == "truck-2", "the other truck is to do it")
    detail.get_by_label("Remark (optional)").fill("Emptied by hand")
    picture(page, "board-order")
    detail.get_by_role("button", name="Done", exact=True).click()
    wait_until(lambda: order(hub, name)["state"] == "done", "it is done")
    expect(detail.locator(".log")).to_contain_text("Emptied by hand")
    assert order(hub, name)["done_by"] == "person:chen"


PLACED = """() => {
  const map = document.querySelector('.map-host').map;
  const free = map.getContainer().clientWidth - (document.querySelector('.drawer')?.offsetWidth ?? 0);
  const ring = map.querySourceFeatures('picked')[0];
  const at = ring && map.project(ring.geometry.coordinates);
  return at && !map.isMoving() ? [at.x / free, at.y / map.getContainer().clientHeight] : null;
}"""


def in_the_middle(page: Page) -> bool:
    """Whether the device that is chosen stands in the middle third of what is free of the map."""
    at: list[float] | None = page.evaluate(PLACED)
    return at is not None and all(1 / 3 < share < 2 / 3 for share in at)


def test_a_vehicle_that_is_chosen_comes_to_the_middle_wherever_it_has_gone(hub: CrewHub, board: Board) -> None:
    page = board.page
    page.keyboard.press("2")
    page.locator(".panel [data-row]").filter(has_text="Nr 2").click()
    expect(page.locator(".drawer")).to_be_visible()
    wait_until(lambda: in_the_middle(page), "it stands in the middle")
    hub.post("integration", {"device": "truck-2", "fix": {"lat": 30.604, "lon": 114.304}})  # it is further by now
    there = "document.querySelector('.map-host').map.querySourceFeatures('picked')[0].geometry.coordinates[1]"
    wait_until(lambda: page.evaluate(there) > 30.603, "the newer position is drawn")
    wait_until(lambda: in_the_middle(page), "it stands in the middle again")
    picture(page, "board-vehicle")


def test_an_order_is_given_by_hand_and_cancelled(hub: CrewHub, board: Board) -> None:
    page = board.page
    page.keyboard.press("3")
    page.get_by_role("button", name="Give an order").click()
    page.locator("input[name=title]").fill("Check the fire lane")
    page.locator("form.give select").nth(1).select_option("worker")
    page.get_by_label("Who (id)").fill("li")
    page.get_by_role("button", name="Where the map is").click()
    page.locator("form.give button.main").click()
    name = said(page, "is given")
    given = order(hub, name)
    assert (given["title"], given["worker"], given["origin"]) == ("Check the fire lane", "li", "hand")
    assert 30 < given["lat"] < 31
    page.locator(f"[data-detail='{name}']").get_by_role("button", name="Cancel").click()
    wait_until(lambda: order(hub, name)["state"] == "cancelled", "it is cancelled")
    page.get_by_role("button", name="Back to the list").click()
    expect(page.locator(f"[data-order='{name}']")).to_have_count(0)  # only open ones are listed
    page.get_by_label("State").select_option("cancelled")
    expect(page.locator(f"[data-order='{name}']")).to_be_visible()


def report(hub: CrewHub, reference: str, category: str, lat: float) -> int:
    form = {"reference": reference, "category": category, "lat": lat, "lon": 114.3055, "text": "Three mattresses"}
    number: int = hub.told("dispatcher", "POST", "/incidents", json=form)["incident"]["id"]
    content, kind = photo(640, 480), {"Content-Type": "image/jpeg"}
    hub.told("dispatcher", "POST", f"/incidents/{number}/photos", content=content, headers=kind)
    return number


def incident(hub: CrewHub, number: int) -> dict[str, Any]:
    found: dict[str, Any] = hub.told("dispatcher", "GET", f"/incidents/{number}")
    return found


def test_an_incident_is_seen_ordered_and_counted(hub: CrewHub, board: Board) -> None:
    first, second = report(hub, "heap-0001", "rubbish-heap", 30.5721), report(hub, "heap-0002", "spill", 30.5725)
    page = board.page
    page.keyboard.press("8")
    row = page.locator(f"[data-incident='{first}']")
    wide = "document.querySelector('.cover img')?.naturalWidth"
    wait_until(lambda: page.evaluate(wide) == 640, "the photo is seen")
    expect(page.locator(".cover img")).to_have_count(2)
    picture(page, "board-incidents")
    row.click()
    dossier = page.locator(f"[data-dossier='{first}']")
    expect(dossier.locator("figure")).to_contain_text("640 × 480")
    dossier.get_by_label("Remark or reason").fill("By the bus stop")
    dossier.get_by_role("button", name="Work order").click()
    name = said(page, "is given")
    assert (order(hub, name)["incident"], incident(hub, first)["incident"]["state"]) == (first, "ordered")
    expect(dossier.locator(".stage")).to_have_text("In work")
    picture(page, "board-incident")
    page.get_by_role("button", name="Back to the list").click()
    page.locator(f"[data-incident='{second}']").click()
    other = page.locator(f"[data-dossier='{second}']")
    other.get_by_role("button", name="Reject").click()
    expect(page.locator(".toast")).to_contain_text(["Rejecting needs a reason"])
    assert incident(hub, second)["incident"]["state"] == "reported"
    other.get_by_label("Remark or reason").fill("Private ground")
    other.get_by_role("button", name="Reject").click()
    expect(other.locator(".stage")).to_have_text("Rejected")
    assert [line["text"] for line in incident(hub, second)["log"] if line["action"] == "rejected"] == ["Private ground"]
    page.get_by_role("button", name="Heat map").click()
    expect(page.locator(".heat")).to_contain_text("1 in all")
    cells = "document.querySelector('.map-host').map.querySourceFeatures('incidents-heat').map((one) => one.properties)"
    wait_until(lambda: [one["count"] for one in page.evaluate(cells)][:1] == [1], "the cell is on the map")
    picture(page, "board-heat")
    page.keyboard.press("d")  # another style: the layers are put in again
    there = "document.querySelector('.map-host').map.getLayer('incidents-heat') !== undefined"
    wait_until(lambda: page.evaluate("document.documentElement.dataset.theme") == "dark", "it is dark")
    wait_until(lambda: page.evaluate(there), "the layer is there again")
    page.keyboard.press("1")
    wait_until(lambda: not page.evaluate(there), "it goes with its panel")


def test_a_report_is_made_and_downloaded_as_pdf(board: Board) -> None:
    page = board.page
    page.get_by_role("button", name="Reports").first.click()
    page.locator("form.filters select").first.select_option("fleet_summary")
    page.get_by_role("button", name="Make it").click()
    row = page.locator("article.report").first
    expect(row).to_be_visible()
    with page.expect_download() as told:
        row.get_by_role("button", name=re.compile("PDF")).click()
    content = Path(told.value.path()).read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(pypdfium2.PdfDocument(content)) >= 1


def test_an_admin_enters_a_viewer_who_sees_no_actions(hub: CrewHub, browser: Browser) -> None:
    hub.person("root", "--role", "admin", "--display-name", "Root")
    board = Board(hub, browser, name="root")
    page = board.page
    assert not page.evaluate("performance.getEntriesByType('resource').some((one) => /assets\\/panel/.test(one.name))")
    page.keyboard.press("9")
    page.get_by_role("button", name="Add a person").click()
    for field, text in (("name", "zhao"), ("display_name", "赵")):
        page.fill(f".give input[name={field}]", text)
    page.get_by_role("button", name="Save").click()
    hub.passwords["zhao"] = page.locator(".secret").inner_text()
    found = serious(page)
    page.get_by_role("button", name="I have it").click()
    row = page.locator("[data-person=zhao]")
    expect(row).to_contain_text("Viewer")
    picture(page, "board-people")
    viewer = Board(hub, browser, name="zhao")
    viewer.page.locator(".alert .row").first.click()
    expect(viewer.page.locator(".drawer")).to_be_visible()
    expect(viewer.page.locator(".alert textarea, .alert .buttons")).to_have_count(0)
    expect(viewer.page.locator(".rail")).not_to_contain_text("People")
    row.click()
    page.get_by_label("Role").select_option("dispatcher")
    page.fill(".give input[name=areas]", "east")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("east")
    row.click()
    page.get_by_role("button", name="New password").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator(".secret")).not_to_have_text(hub.passwords["zhao"])
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("[data-sheet=zhao]")).to_contain_text("disabled")
    found += serious(page)
    page.get_by_role("button", name="Keys", exact=True).click()
    page.get_by_role("button", name="Make a key").click()
    page.fill("input[name=key-name]", "weighbridge")
    page.get_by_role("button", name="Make a key").click()
    assert len(page.locator(".secret").inner_text()) > 30
    page.get_by_role("button", name="I have it").click()
    key = page.locator("[data-key]").filter(has_text="weighbridge")
    found += serious(page)
    key.get_by_role("button", name="Revoke").click()
    key.get_by_role("button", name="Yes").click()
    expect(key).to_have_count(0)
    page.get_by_role("button", name="Audit", exact=True).click()
    page.fill("input[name=target]", "person:zhao")
    entries = page.locator("[data-entry]")
    expect(entries.filter(has_text="person:zhao").first).to_be_visible()
    expect(entries.filter(has_not_text="person:zhao")).to_have_count(0)
    found += serious(page)
    picture(page, "board-audit")
    page.set_viewport_size({"width": 390, "height": 844})
    picture(page, "board-phone-audit")
    wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") == 390, "nothing is wider than the phone")
    for one in (board, viewer):
        one.context.close()
    assert (found, board.errors, viewer.errors) == ([], [], [])


def test_a_worker_who_signs_in_here_comes_to_their_own_page(hub: CrewHub, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(hub.url)
    page.fill("input[name=name]", "li")
    page.fill("input[name=password]", hub.passwords["li"])
    page.click("button[type=submit]")
    page.wait_for_url(f"{hub.url}/worker")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(hub: CrewHub, browser: Browser, theme: str) -> None:
    number = report(hub, f"axe-{theme}-1", "other", 30.571)
    board = Board(hub, browser, color_scheme=theme)
    page = board.page
    found: list[str] = []
    page.keyboard.press("3")
    expect(page.locator(".panel h2")).to_have_text("Orders")
    page.get_by_role("button", name="Give an order").click()
    found += serious(page)
    page.keyboard.press("8")
    page.locator(f"[data-incident='{number}']").wait_for()
    found += serious(page)
    page.locator(f"[data-incident='{number}']").click()
    page.locator(f"[data-dossier='{number}']").wait_for()
    found += serious(page)
    page.get_by_role("button", name="Heat map").click()
    expect(page.locator(".heat")).to_contain_text("in all")
    found += serious(page)
    board.context.close()
    assert (found, board.errors) == ([], [])


def test_supervisors_have_it_on_a_phone(hub: CrewHub, browser: Browser) -> None:
    number = report(hub, "phone-0001", "dirty-road", 30.571)
    board = Board(hub, browser, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="zh-CN")
    page = board.page
    page.get_by_role("button", name="更多").tap()
    page.locator(".sheet").get_by_role("button", name="事件").tap()
    page.locator(f"[data-incident='{number}']").tap()
    dossier = page.locator(f"[data-dossier='{number}']")
    dossier.get_by_label("备注或理由").fill("今早已看过")
    dossier.get_by_role("button", name="备注", exact=True).tap()
    expect(dossier.locator(".log").first).to_contain_text("今早已看过")
    file = {"name": "more.jpg", "mimeType": "image/jpeg", "buffer": photo(2400, 1200)}
    page.set_input_files("input[name=photo]", [file])  # type: ignore[list-item]
    wait_until(lambda: len(incident(hub, number)["photos"]) == 2, "the photo is there")
    assert (incident(hub, number)["photos"][1]["width"], incident(hub, number)["photos"][1]["height"]) == (1920, 960)
    expect(dossier.locator("figure")).to_have_count(2)
    wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") == 390, "nothing is wider than the phone")
    picture(page, "board-phone-incident")
    board.context.close()
    assert board.errors == []
