from __future__ import annotations

import base64
import dataclasses
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg_pool import AsyncConnectionPool

from api.app import create_app
from api.ports.probe import Connection
from api.ports.services import Services
from devices.access import Role
from store.readers.devices import Readers


async def test_dead_letters(client: httpx.AsyncClient, city: Any) -> None:
    numbers = [city.dead_letter(b'{"fill', device="bin-1"), city.dead_letter("满".encode(), code="invalid")]
    numbers += [city.dead_letter(b"\xff\x00\xfe"), city.dead_letter(None, code="unknown_device", replayed=True)]

    async def ids(**params: Any) -> list[int]:
        body = (await client.get("/api/v1/dead-letters", params=params)).raise_for_status().json()
        return [item["id"] for item in body["items"]]

    assert await ids() == numbers[::-1]
    assert await ids(open="true") == numbers[2::-1]
    assert await ids(open="false") == numbers[3:]
    assert await ids(code=["invalid", "unknown_device"]) == [numbers[3], numbers[1]]
    assert await ids(device="bin-1") == numbers[:1]
    first = (await client.get("/api/v1/dead-letters", params={"limit": 3})).json()
    city.dead_letter(b"newer")
    rest = (await client.get("/api/v1/dead-letters", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in rest["items"]] == numbers[:1]

    async def payload(number: int) -> tuple[bytes | None, str | None]:
        body = (await client.get(f"/api/v1/dead-letters/{number}")).raise_for_status().json()
        raw = body["payload_base64"]
        return None if raw is None else base64.b64decode(raw), body["payload_text"]

    assert await payload(numbers[1]) == ("满".encode(), "满")
    assert await payload(numbers[2]) == (b"\xff\x00\xfe", None)
    assert await payload(numbers[3]) == (None, None)
    assert (await client.get("/api/v1/dead-letters/999")).status_code == 404
    assert (await client.get("/api/v1/dead-letters/0")).status_code == 422
    assert (await client.get("/api/v1/dead-letters/99999999999999999999")).status_code == 422


async def test_status(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    city.heard(city.device("bin-1"), now - timedelta(minutes=15), lat=1, lon=1)
    city.heard(city.device("bin-2", status="pending"), now - timedelta(minutes=16))
    city.device("bin-3", status="retired")
    key = city.device("vehicle-1", kind="vehicle")
    for minute in range(7):
        city.reading(key, "speed_kmh", minute, now - timedelta(days=minute))
    city.dead_letter(b"x")
    city.dead_letter(b"y", replayed=True)
    city.sql("SELECT pg_stat_force_next_flush()")
    city.sql("ANALYZE readings")  # also notes the sum at the partitioned table itself, which must not count twice
    body = (await client.get("/api/v1/status")).raise_for_status().json()
    assert body["devices"]["by_kind"] == [
        {"kind": "bin", "devices": 2, "reporting": 1, "positioned": 1, "pending": 1},
        {"kind": "vehicle", "devices": 1, "reporting": 0, "positioned": 0, "pending": 0},
    ]
    assert (body["devices"]["total"], body["devices"]["reporting"]) == (3, 1)
    assert body["devices"]["newest_received_at"] == "2026-11-02T07:45:00Z"
    assert body["dead_letters_open"] == 1
    assert body["store"]["rows"] == {"readings": 7, "fixes": 0, "events": 0, "total": 7}
    assert (body["store"]["reachable"], body["store"]["mode"], body["store"]["capability"]) == (True, "plain", "plain")
    assert body["pipeline"]["messages_total"] == 1234
    assert body["endpoints"] == [{"name": "MQTT", "address": "mqtt://[::]:1883"}]
    assert (body["version"], body["uptime_s"]) == ("0.1.0", 3600)


async def test_readiness_follows_the_brokers(client: httpx.AsyncClient, city: Any, probe: Any) -> None:
    assert (await client.get("/healthz")).json()["status"] == "alive"
    assert (await client.get("/readyz")).json()["status"] == "ready"
    probe.brokers = [
        Connection("broker-1", connected=False, detail="connection refused"),
        Connection("influx", connected=False, kind="sink", required=False),
    ]
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reasons"] == ["broker-1: connection refused"]
    assert (await client.get("/healthz")).status_code == 200


async def test_a_store_whose_tables_are_not_made_yet_is_away(
    services: Services, city: Any, postgres_server: Any
) -> None:
    with postgres_server.database() as dsn:
        async with AsyncConnectionPool(dsn, min_size=1, max_size=2, open=False) as pool:
            readers = Readers.over(pool)
            parts = {"devices": readers.devices, "store": readers.status}
            transport = httpx.ASGITransport(create_app(dataclasses.replace(services, **parts)))
            key = {"X-API-Key": city.key(Role.VIEWER)}
            async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=key) as client:
                status = (await client.get("/api/v1/status")).raise_for_status().json()
                assert (status["store"]["reachable"], status["devices"]) == (False, None)
                assert (await client.get("/api/v1/devices")).status_code == 503


async def test_the_store_goes_away_and_comes_back(services: Services, city: Any, private_postgres: Any) -> None:
    pool = AsyncConnectionPool(
        private_postgres.dsn("postgres"), min_size=1, max_size=2, open=False, reconnect_timeout=60, check=None
    )
    async with pool:
        await pool.wait()
        readers = Readers.over(pool, acquire_timeout_s=1.0)
        parts = {"devices": readers.devices, "store": readers.status}
        transport = httpx.ASGITransport(create_app(dataclasses.replace(services, **parts)))
        key = {"X-API-Key": city.key(Role.VIEWER)}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub", timeout=30, headers=key) as client:
            assert (await client.get("/readyz")).status_code == 200
            private_postgres.stop()
            answer = await client.get("/api/v1/devices")
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "5"
            assert answer.json()["type"] == "urn:sanihub:problem:store-away"
            assert (await client.get("/readyz")).json()["reasons"] == ["store: the store cannot be reached"]
            status = (await client.get("/api/v1/status")).raise_for_status().json()
            assert (status["store"]["reachable"], status["devices"]) == (False, None)
            assert (await client.get("/healthz")).status_code == 200
            private_postgres.start()
            for _ in range(20):
                if (await client.get("/readyz")).status_code == 200:
                    break
            else:
                pytest.fail("not ready again")


async def test_prometheus(client: httpx.AsyncClient, city: Any) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    (sample,) = families["sanihub_ingest_messages"].samples
    assert (sample.name, sample.labels, sample.value) == ("sanihub_ingest_messages_total", {"adapter": "mqtt"}, 7)
    assert families["sanihub_spool_bytes"].samples[0].value == 3.5
    assert "sanihub_process_resident_memory_bytes" in families
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    assert (await client.get("/metrics", headers=accept)).text.endswith("# EOF\n")


async def test_catalogue(client: httpx.AsyncClient, city: Any) -> None:
    items = {item["name"]: item for item in (await client.get("/api/v1/metrics")).json()["items"]}
    assert items["fill_pct"] == {
        "name": "fill_pct", "unit": "%", "low": 0, "high": 100, "kinds": ["bin", "station"],
        "title": "Fill level", "title_zh": "满溢度",
    }  # fmt: skip
