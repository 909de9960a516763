"""Signing in and out, over the real application and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.passwords import Passwords, hashed
from api.policy import AccessPolicy
from api.ports.services import Services
from api.problems import ProblemError
from api.sessions import Sessions
from api.signing_in import SignIn
from devices.access import Role
from devices.people import IDLE_US, LONGEST_US, PersonSpec

PASSWORD = "seven green lorries"
HASH = hashed(PASSWORD)
PATH = "/api/v1/session"


class Clock:
    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(services: Services) -> Clock:
    return Clock(services.clock())


@pytest.fixture
async def hub(services: Services, clock: Clock) -> Services:
    """With a dispatcher called wang, and a worker called li with a badge."""
    wang = PersonSpec(name="wang", display_name="Wang Jianguo", role=Role.DISPATCHER, areas=("north",))
    li = PersonSpec(name="li", display_name="Li Mei", role=Role.WORKER, worker="worker-1", language="zh")
    for spec in (wang, li):
        await services.people.create(spec, HASH, actor="test")
    return replace(services, clock=clock)


def browser(services: Services, host: str = "127.0.0.1", scheme: str = "http") -> httpx.AsyncClient:
    """A client that keeps cookies, as browsers do."""
    transport = httpx.ASGITransport(create_app(services), client=(host, 50_000))
    return httpx.AsyncClient(transport=transport, base_url=f"{scheme}://hub")


@pytest.fixture
async def page(hub: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(hub) as opened:
        yield opened


async def sign_in(client: httpx.AsyncClient, name: str = "wang", password: str = PASSWORD, **options: Any) -> Any:
    return await client.post(PATH, json={"name": name, "password": password}, **options)


async def test_signing_in_and_out(page: httpx.AsyncClient, city: Any) -> None:
    assert (await page.get(PATH)).status_code == 401
    answer = (await sign_in(page, " Wang ")).raise_for_status()
    told = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    token = told.pop("token")
    assert told == {
        "name": "wang", "display_name": "Wang Jianguo", "role": "dispatcher", "areas": ["north"], "worker": None,
        "device": None, "language": None, "may": ["read", "dispatch"], "expires_at": "2026-11-02T08:30:00Z",
    }  # fmt: skip
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"sanihub_session={token};")
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert (await page.get(PATH)).json() == told  # by the cookie
    page.cookies.clear()
    for header in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
        assert (await page.get(PATH, headers=header)).json() == told
    assert (await page.delete(PATH, headers=header)).status_code == 204
    assert (await page.get(PATH, headers=header)).status_code == 401
    assert token not in str(city.sql("SELECT s::text FROM sessions s") + city.sql("SELECT a::text FROM audit a"))
    assert city.sql("SELECT actor, action, target FROM audit WHERE action LIKE 'session%%' ORDER BY id") == [
        ("person:wang", "session.begin", "person:wang"),
        ("person:wang", "session.end", "person:wang"),
    ]


async def test_signing_out_takes_the_cookie(page: httpx.AsyncClient) -> None:
    await sign_in(page)
    answer = await page.delete(PATH)
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert not page.cookies
    assert (await page.get(PATH)).status_code == 401


async def test_a_key_is_told_who_it_is(page: httpx.AsyncClient, city: Any) -> None:
    headers = {"X-API-Key": city.key(Role.DEVICE, device="bin-1")}
    told = (await page.get(PATH, headers=headers)).json()
    assert (told["role"], told["device"], told["may"], told["expires_at"]) == ("device", "bin-1", ["post"], None)
    assert (await page.delete(PATH, headers=headers)).json()["type"] == "urn:sanihub:problem:no-session"


async def test_a_worker_has_the_badge_of_the_master_data(page: httpx.AsyncClient, city: Any) -> None:
    headers = {"Authorization": f"Bearer {(await sign_in(page, 'li')).json()['token']}"}
    page.cookies.clear()
    told = (await page.get(PATH, headers=headers)).json()
    assert (told["worker"], told["device"], told["may"], told["language"]) == ("worker-1", None, ["own"], "zh")
    refused = await page.post("/api/v1/telemetry", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:sanihub:problem:no-badge")
    city.sql('INSERT INTO workers VALUES (\'worker-1\', \'{"id": "worker-1", "name": "Li", "device": "badge-7"}\')')
    again = (await sign_in(page, "li")).json()
    assert (again["device"], again["may"]) == ("badge-7", ["post", "own"])


async def test_what_anybody_may_send_is_small(page: httpx.AsyncClient) -> None:
    assert (
        await page.post(PATH, content=b" " * 5_000, headers={"Content-Type": "application/json"})
    ).status_code == 413
    for body in ({}, {"name": "wang"}, {"name": "wang", "password": "x" * 201}, {"name": "", "password": "x"}, []):
        assert (await page.post(PATH, json=body)).status_code == 422


async def test_wrong_names_and_passwords_are_the_same(page: httpx.AsyncClient) -> None:
    wrong, unknown = await sign_in(page, password="x"), await sign_in(page, "nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert not page.cookies


async def test_a_session_slides_and_ends(page: httpx.AsyncClient, clock: Clock) -> None:
    await sign_in(page)
    begun = clock.now
    while clock.now + IDLE_US - 1 < begun + LONGEST_US:
        clock.now += IDLE_US - 1
        assert (await page.get(PATH)).status_code == 200, clock.now - begun
    clock.now = begun + LONGEST_US
    assert (await page.get(PATH)).status_code == 401
    await sign_in(page)
    clock.now += IDLE_US
    assert (await page.get(PATH)).status_code == 401


async def test_a_workers_session_lasts_the_shift_and_no_longer(page: httpx.AsyncClient, clock: Clock) -> None:
    await sign_in(page, "li")
    clock.now += LONGEST_US - 1
    assert (await page.get(PATH)).status_code == 200
    clock.now += 1
    assert (await page.get(PATH)).status_code == 401


async def test_a_session_slides_over_another_start_of_the_hub(hub: Services, clock: Clock) -> None:
    async with browser(hub) as first:
        token = (await sign_in(first)).json()["token"]
        clock.now += IDLE_US - 1
        await first.get(PATH)
    clock.now += IDLE_US - 1
    async with browser(hub) as second:
        headers = {"Authorization": f"Bearer {token}"}
        assert (await second.get(PATH, headers=headers)).status_code == 200
        clock.now += IDLE_US
        assert (await second.get(PATH, headers=headers)).status_code == 401


async def test_what_ends_a_session_elsewhere_is_seen(page: httpx.AsyncClient, hub: Services) -> None:
    await sign_in(page)
    page.headers["Authorization"] = f"Bearer {page.cookies['sanihub_session']}"
    spec = PersonSpec(name="wang", display_name="Wang", role=Role.DISPATCHER, active=False)
    await hub.people.change(spec, actor="test")  # as another hub or the command line does
    for _ in range(1_000):
        if (await page.get(PATH)).status_code == 401:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the session goes on")
    assert (await sign_in(page)).status_code == 401


async def test_other_sites_have_nothing_done(page: httpx.AsyncClient) -> None:
    await sign_in(page)
    path = "/api/v1/alerts/1/acknowledge"
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.hub"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://hub.evil.example"},
    ):
        answer = await page.post(path, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:sanihub:problem:another-origin"), headers
        assert (await sign_in(page, headers=headers)).status_code == 403
        assert (await page.get(PATH, headers=headers)).status_code == 200  # nothing is done by it
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "http://hub"}, {"Origin": "http://hub"}, {}):
        assert (await page.post(path, headers=headers)).status_code == 404  # there is no such alert
    token = {"Authorization": f"Bearer {page.cookies['sanihub_session']}", "Origin": "https://evil.example"}
    assert (await page.post(path, headers=token)).status_code == 404  # no browser adds this by itself


@pytest.fixture
def door(hub: Services, clock: Clock) -> SignIn:
    """What signs people in, with a clock that stands still."""
    sessions = Sessions(hub.sessions, clock)
    return SignIn(hub.people, sessions, Passwords(), steady=lambda: clock.now / 1_000_000)


async def try_at(door: SignIn, name: str, host: str, password: str = "wrong") -> int:
    try:
        await door.sign_in(name, password, host)
    except ProblemError as problem:
        assert problem.status != 429 or problem.headers is not None
        return problem.status
    return 200


async def test_names_are_throttled_from_everywhere(door: SignIn, clock: Clock) -> None:
    assert [await try_at(door, "wang", f"10.0.0.{n}") for n in range(12)] == [401] * 10 + [429] * 2
    assert await try_at(door, "WANG ", "10.0.1.1", PASSWORD) == 429
    assert await try_at(door, "li", "10.0.0.1", PASSWORD) == 200
    clock.now += 30_000_000
    assert [await try_at(door, "wang", "10.0.1.2") for _ in range(2)] == [401, 429]
    clock.now += 30_000_000
    assert await try_at(door, "wang", "10.0.1.2", PASSWORD) == 200


async def test_addresses_are_throttled_over_all_names(door: SignIn) -> None:
    assert [await try_at(door, f"name-{n}", "10.1.1.1") for n in range(22)] == [401] * 20 + [429] * 2
    assert await try_at(door, "wang", "10.1.1.1", PASSWORD) == 429
    assert await try_at(door, "wang", "10.1.1.2", PASSWORD) == 200


async def test_many_tries_at_once_are_no_way_round(door: SignIn) -> None:
    counted = await asyncio.gather(*(try_at(door, "wang", "10.0.0.1", f"wrong {n}") for n in range(30)))
    assert counted.count(401) == 10
    assert set(counted) <= {401, 429, 503}


async def test_the_right_password_costs_no_try(page: httpx.AsyncClient) -> None:
    for _ in range(25):
        assert (await sign_in(page)).status_code == 200


async def test_changing_the_password(hub: Services, page: httpx.AsyncClient, city: Any) -> None:
    await sign_in(page)
    async with browser(hub) as other:
        await sign_in(other)
        for new, field in (("short", "new"), ("w" * 40, "new"), ("x" * 201, "new")):
            refused = await page.patch(f"{PATH}/password", json={"current": PASSWORD, "new": new})
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
        wrong = await page.patch(f"{PATH}/password", json={"current": "x", "new": "eight green lorries"})
        assert (wrong.status_code, wrong.json()["type"]) == (403, "urn:sanihub:problem:wrong-password")
        done = await page.patch(f"{PATH}/password", json={"current": PASSWORD, "new": "eight green lorries"})
        assert done.status_code == 204
        assert (await page.get(PATH)).status_code == 200  # one's own goes on
    async with browser(hub) as another:
        another.cookies = other.cookies
        assert (await another.get(PATH)).status_code == 401
        assert (await sign_in(another)).status_code == 401
        assert (await sign_in(another, password="eight green lorries")).status_code == 200
    assert "eight green" not in str(city.sql("SELECT p::text FROM people p") + city.sql("SELECT a::text FROM audit a"))


async def test_sessions_of_one_person_are_bounded(page: httpx.AsyncClient, city: Any) -> None:
    tokens = [(await sign_in(page)).json()["token"] for _ in range(22)]
    page.cookies.clear()
    assert city.sql("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(20,)]
    assert (await page.get(PATH, headers={"X-API-Key": tokens[-1]})).status_code == 200


async def test_cookies_are_secure_under_https_and_by_setting(hub: Services) -> None:
    async with browser(hub, scheme="https") as client:
        assert "Secure" in (await sign_in(client)).headers["set-cookie"]
    async with browser(replace(hub, access=AccessPolicy(secure_cookies=True))) as client:
        assert "Secure" in (await sign_in(client)).headers["set-cookie"]


async def test_open_reading_is_for_reading(hub: Services, city: Any) -> None:
    city.device("bin-1")
    async with browser(replace(hub, access=AccessPolicy(open_reading=True))) as client:
        assert (await client.get("/api/v1/devices/bin-1")).status_code == 200
        assert (await client.get("/api/v1/status")).status_code == 200
        for path in ("/reports", "/evaluation/workers", "/audit", "/users", "/session"):
            assert (await client.get(f"/api/v1{path}")).status_code == 401, path
        assert (await client.patch("/api/v1/devices/bin-1", json={})).status_code == 401
        assert (await client.post("/api/v1/alerts/1/close")).status_code == 401


async def test_other_origins_by_setting(hub: Services, city: Any) -> None:
    ask = {"Origin": "https://board.example", "Access-Control-Request-Method": "GET"}
    async with browser(hub) as client:
        assert "access-control-allow-origin" not in (await client.options("/api/v1/devices", headers=ask)).headers
    key = {"X-API-Key": city.key(Role.VIEWER), "Origin": "https://board.example"}
    allowing = AccessPolicy(origins=frozenset({"https://board.example"}))
    async with browser(replace(hub, access=allowing)) as client:
        answer = await client.options("/api/v1/devices", headers=ask)
        assert answer.headers["access-control-allow-origin"] == "https://board.example"
        assert "access-control-allow-credentials" not in answer.headers
        answer = await client.get("/api/v1/devices", headers=key)
        assert answer.headers["access-control-allow-origin"] == "https://board.example"
        other = await client.get("/api/v1/devices", headers={**key, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        assert (await sign_in(client, headers={"Origin": "https://board.example"})).status_code == 200


@pytest.mark.parametrize(
    ("setting", "host", "status"),
    [("loopback", "127.0.0.1", 200), ("loopback", "::1", 200), ("loopback", "10.0.0.1", 401), ("open", "10.0.0.1", 200),
     ("key", "127.0.0.1", 401)],
)  # fmt: skip
async def test_who_may_scrape(hub: Services, city: Any, setting: Any, host: str, status: int) -> None:
    async with browser(replace(hub, access=AccessPolicy(metrics=setting)), host=host) as client:
        assert (await client.get("/metrics")).status_code == status
        assert (await client.get("/metrics", headers={"X-API-Key": city.key(Role.VIEWER)})).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
