"""People against a whole hub: a worker posts as their badge, the pipeline follows a manager, a proxy says https."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.passwords import hashed
from devices.access import Role
from devices.people import PersonSpec
from store.access.people import People
from store.writing import WriteSession
from tests.posting import Post, posting, until

PASSWORD = "seven green lorries"
TS = "2026-11-02T08:00:00Z"


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(postgres_dsn, tmp_path) as hub:
        people = People(WriteSession(hub.hub._pool))
        digest = await asyncio.to_thread(hashed, PASSWORD)
        for spec in (
            PersonSpec(name="li", display_name="Li Mei", role=Role.WORKER, worker="worker-1"),
            PersonSpec(name="chen", display_name="Chen", role=Role.MANAGER),
        ):
            await people.create(spec, digest, actor="test")
        badge = '{"id": "worker-1", "name": "Li Mei", "device": "badge-7"}'
        hub.sql("INSERT INTO workers (id, content) VALUES ('worker-1', %s)", badge)
        yield hub


async def signed_in(post: Post, name: str) -> dict[str, str]:
    form = {"name": name, "password": PASSWORD}
    async with httpx.AsyncClient(base_url=post.url, timeout=30) as client:
        answer = (await client.post("/api/v1/session", json=form)).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['token']}", "X-API-Key": ""}


async def test_a_worker_posts_as_their_badge_and_nothing_else(post: Post) -> None:
    li = await signed_in(post, "li")
    message: dict[str, Any] = {"ts": TS, "fix": {"lat": 31.2, "lon": 121.5}, "readings": {"battery_pct": 80}}
    answer = await post.client.post("/api/v1/telemetry", json=message, headers=li)
    assert answer.json() == {"accepted": 1, "problems": []}
    assert [device for device, *_ in post.readings()] == ["badge-7"]
    other = await post.client.post("/api/v1/telemetry", json={**message, "device": "badge-8"}, headers=li)
    assert (other.status_code, other.json()["type"]) == (403, "urn:sanihub:problem:another-device")
    assert (await post.client.get("/api/v1/devices/badge-7", headers=li)).status_code == 403
    chen = await signed_in(post, "chen")
    assert (await post.client.post("/api/v1/telemetry", json=message, headers=chen)).status_code == 403


async def test_a_device_that_a_manager_blocks_is_shut_out(post: Post) -> None:
    chen, key = await signed_in(post, "chen"), await post.key("integration")
    made = await post.client.post("/api/v1/devices", json={"id": "bin-1", "identities": ["dev_eui:1"]}, headers=chen)
    assert made.status_code == 201
    message = {"device": "bin-1", "ts": TS, "readings": {"fill_pct": 5}}
    assert (await post.telemetry(key, message)).json()["accepted"] == 1
    (device,) = [device for device, *_ in post.readings()]
    assert device == "bin-1"
    blocked = await post.client.patch("/api/v1/devices/bin-1", json={"status": "blocked"}, headers=chen)
    assert blocked.json()["status"] == "blocked"
    known = [one for one in post.hub.registry._by_key.values() if one.id == "bin-1"]
    await until(lambda: known[0].status == "blocked", "the registry follows")
    refused = await post.telemetry(key, {**message, "ts": "2026-11-02T09:00:00Z"})
    assert refused.status_code == 422


async def test_a_trusted_proxy_says_who_asks_and_how(post: Post, postgres_dsn: str, tmp_path: Path) -> None:
    form = {"name": "li", "password": PASSWORD}
    forwarded = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
    answer = await post.client.post("/api/v1/session", json=form, headers=forwarded)
    assert "Secure" in answer.headers["set-cookie"]
    nobody = {"X-API-Key": ""}
    assert (await post.client.get("/metrics", headers=nobody)).status_code == 200
    assert (await post.client.get("/metrics", headers={**nobody, **forwarded})).status_code == 401


async def test_a_proxy_that_is_not_trusted_is_not_believed(postgres_dsn: str, tmp_path: Path) -> None:
    async with posting(postgres_dsn, tmp_path, api={"trusted_proxies": [], "metrics": "loopback"}) as post:
        headers = {"X-API-Key": "", "X-Forwarded-For": "203.0.113.5"}
        assert (await post.client.get("/metrics", headers=headers)).status_code == 200
