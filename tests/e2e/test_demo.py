"""What the README promises: one command, a city on the page, and an end that leaves nothing but the data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.demos import PEOPLE, Demo
from tests.servers import wait_until

EVERY_PROTOCOL = {"mqtt-json", "http-json", "jt808", "nmea", "modbus", "chirpstack", "tts"}
pytestmark = pytest.mark.timeout(300)


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
