"""The live board as the hub serves it: its files, their compressed forms, and its policy."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.board_files import BoardFile, BoardSettings, board_files
from api.ports.services import Services
from devices.datum import wgs84_to_gcj02

PAIRS = Path(__file__).parents[2] / "api" / "board" / "src" / "map" / "datum.pairs.json"
FIRST_LOAD = 1_000_000  # bytes as they travel, of everything together


def over(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub")


async def assets(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/")).raise_for_status().text
    return re.findall(r'(?:src|href)="(/board/[^"]+)"', page)


async def test_the_page_is_asked_for_each_time_and_assets_never_again(client: httpx.AsyncClient, city: Any) -> None:
    page = (await client.get("/")).raise_for_status()
    assert page.headers["cache-control"] == "no-cache"
    again = await client.get("/", headers={"if-none-match": f"W/{page.headers['etag']}"})
    assert (again.status_code, again.content) == (304, b"")
    named = await assets(client)
    assert named
    for name in named:
        answer = (await client.get(name)).raise_for_status()
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"-[\w-]{8}\.(js|css)$", name)
    head = await client.head("/")
    assert (head.status_code, head.headers["etag"]) == (200, page.headers["etag"])


async def test_it_travels_packed_where_the_browser_unpacks(client: httpx.AsyncClient, city: Any) -> None:
    script = next(name for name in await assets(client) if name.endswith(".js"))
    plain = await client.get(script, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    packed = await client.get(script, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("BR", "br"),
        ("*", "br"),
        ("*;q=0", None),
        ("identity", None),
        ("", None),
    ],
)
def test_codings_are_chosen_as_the_client_says(accepted: str, chosen: str | None) -> None:
    file = BoardFile(b"plain", "text/css", "0", {"br": b"br", "gzip": b"gzip"})
    assert file.chosen(accepted) == (chosen, chosen.encode() if chosen else b"plain")


def test_each_file_is_built_with_its_packed_forms_and_all_of_it_is_small() -> None:
    files = board_files()
    assert "index.html" in files, "the board is not built: run `sh tools/board.sh`"
    for file in files.values():
        assert gzip.decompress(file.packed["gzip"]) == file.content
        assert set(file.packed) == {"br", "gzip"}
    assert sum(len(file.packed["gzip"]) for file in files.values()) < FIRST_LOAD


async def test_its_policy_lets_in_its_own_files_and_the_tiles(services: Services, city: Any) -> None:
    tiles = BoardSettings(tiles_url="https://tiles.example:8443/{z}/{x}/{y}.png?key=1", tiles_datum="gcj02")
    async with over(create_app(dataclasses.replace(services, board=tiles))) as client:
        policy = (await client.get("/")).headers["content-security-policy"]
        told = (await client.get("/board/config.json")).raise_for_status().json()
    assert told["tiles_datum"] == "gcj02"
    rules = dict(part.split(" ", 1) for part in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["worker-src"] == "'self'"
    assert rules["connect-src"] == "'self' https://tiles.example:8443"
    assert "unsafe" not in policy
    async with over(create_app(services)) as client:
        assert "tiles.example" not in (await client.get("/")).headers["content-security-policy"]


async def test_nothing_of_the_page_comes_from_outside(client: httpx.AsyncClient, city: Any) -> None:
    page = (await client.get("/")).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)  # the policy forbids these
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) <= {*await assets(client), "/favicon.svg"}


@pytest.mark.parametrize("name", ["assets/nothing.js", "index.html", "../docs.html", "%2e%2e/docs.html"])
async def test_only_assets_are_served(client: httpx.AsyncClient, city: Any, name: str) -> None:
    answer = await client.get(f"/board/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_hub_whose_board_was_not_built_says_what_to_do(
    services: Services, city: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.pages.board_files", dict)
    async with over(create_app(services)) as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert "make install" in answer.json()["detail"]
        assert (await client.get("/docs")).status_code == 200


def test_positions_are_moved_in_the_page_as_in_the_hub() -> None:
    """The page's own test holds its conversion against the same pairs."""
    for pair in json.loads(PAIRS.read_text()):
        lon, lat = pair["wgs84"]
        assert wgs84_to_gcj02(lat, lon) == pytest.approx((pair["gcj02"][1], pair["gcj02"][0]), abs=1e-12)
