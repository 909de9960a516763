"""Posts while the store is away, the hub full or ending, and clients that are slow, many, or gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.posting import Post, posting, until
from tests.servers import PostgresServer

MESSAGE = {"ts": "2026-11-20T08:00:00Z", "readings": {"fill_pct": 5}}
PATIENT: dict[str, Any] = {"http": {"answer_within_s": 60}}
HASTY: dict[str, Any] = {"http": {"answer_within_s": 0.3}}


@contextlib.asynccontextmanager
async def store_held(dsn: str) -> AsyncIterator[None]:
    """The store answers, and nothing can be committed to it."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        yield
        with contextlib.suppress(psycopg.OperationalError):  # it may be gone by now
            await connection.rollback()


def request(key: str, body: bytes, length: int | None = None, path: str = "/api/v1/telemetry") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: hub\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


async def waiting(post: Post) -> int:
    """How many posts await their commit."""
    text = (await post.client.get("/metrics")).text
    found = re.search(r"^sanihub_http_frames_waiting (\d+)", text, re.M)
    assert found is not None
    return int(float(found[1]))


async def until_waiting(post: Post, count: int) -> None:
    async with asyncio.timeout(30):
        while await waiting(post) != count:
            await asyncio.sleep(0.01)


async def test_a_store_that_is_away_acknowledges_nothing(private_postgres: PostgresServer, tmp_path: Path) -> None:
    async with posting(private_postgres.dsn(), tmp_path, **HASTY) as post:
        own = await post.key("device", device="bin-1")
        assert (await post.telemetry(own, MESSAGE)).status_code == 200
        private_postgres.stop()
        for _ in range(5):
            answer = await post.telemetry(own, MESSAGE)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["content-type"] == "application/problem+json"
        assert post.hub.pipeline.in_flight <= 1  # what fails is not piled up behind it
        private_postgres.start()
        await until(lambda: post.hub.pipeline.healthy, "the store is back")
        async with asyncio.timeout(60):
            while (answer := await post.telemetry(own, MESSAGE)).status_code != 200:
                await asyncio.sleep(0.05)
        assert post.readings() == [("bin-1", "fill_pct", 5)]


async def test_a_full_pipeline_is_waited_for_and_then_not(postgres_dsn: str, tmp_path: Path) -> None:
    own = ""
    async with posting(postgres_dsn, tmp_path, intake={"max_in_flight": 1}, **PATIENT) as post:
        own = await post.key("device", device="bin-1")
        async with store_held(postgres_dsn):
            posts = [
                asyncio.create_task(post.telemetry(own, MESSAGE | {"readings": {"fill_pct": n}})) for n in range(4)
            ]
            await until_waiting(post, 4)
            assert post.hub.pipeline.in_flight == 1
        assert {answer.status_code for answer in await asyncio.gather(*posts)} == {200}
        assert len(post.readings()) == 4
    async with posting(postgres_dsn, tmp_path, intake={"max_in_flight": 1}, **HASTY) as post:
        async with store_held(postgres_dsn):
            posts = [
                asyncio.create_task(post.telemetry(own, MESSAGE | {"readings": {"fill_pct": n}})) for n in range(4)
            ]
            answers = await asyncio.gather(*posts)
            assert {answer.status_code for answer in answers} == {503}
            assert {answer.json()["type"] for answer in answers} == {"urn:sanihub:problem:not-taken"}
            assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        await until(lambda: not post.hub.pipeline.in_flight, "what was offered is committed")
        assert len(post.readings()) == 4


async def test_those_that_go_away_leave_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    async with posting(postgres_dsn, tmp_path, intake={"max_in_flight": 1}, **PATIENT) as post:
        own = await post.key("device", device="bin-1")
        async with store_held(postgres_dsn):
            writers = []
            for number in range(5):
                _, writer = await asyncio.open_connection(*post.address)
                body = json.dumps(MESSAGE | {"readings": {"fill_pct": number}}).encode()
                writer.write(request(own, body))
                writers.append(writer)
            await until_waiting(post, 5)
            for writer in writers:
                writer.transport.abort()
            await until_waiting(post, 0)
            for _ in range(3):  # in the middle of their body
                _, writer = await asyncio.open_connection(*post.address)
                writer.write(request(own, b'{"readings":', length=500))
                await writer.drain()
                writer.transport.abort()
        await until(lambda: not post.hub.pipeline.in_flight, "what was offered is committed")
        assert len(post.readings()) == 1
        assert (await post.telemetry(own, MESSAGE)).status_code == 200


async def test_waiting_is_bounded_by_key_and_in_all(postgres_dsn: str, tmp_path: Path) -> None:
    bounds = {"http": {"answer_within_s": 60, "max_waiting": 3, "max_waiting_per_key": 2}}
    async with posting(postgres_dsn, tmp_path, **bounds) as post:
        own, other = await post.key("device", device="bin-1"), await post.key("device", device="bin-2")
        async with store_held(postgres_dsn):
            posts = [asyncio.create_task(post.telemetry(own, MESSAGE)) for _ in range(2)]
            await until_waiting(post, 2)
            answer = await post.telemetry(own, MESSAGE)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            posts.append(asyncio.create_task(post.telemetry(other, MESSAGE)))
            await until_waiting(post, 3)
            answer = await post.telemetry(other, MESSAGE)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert (await post.client.get("/healthz")).status_code == 200
        assert {answer.status_code for answer in await asyncio.gather(*posts)} == {200}
        assert (await post.telemetry(own, MESSAGE)).status_code == 200


async def test_a_slow_client_holds_nobody(postgres_dsn: str, tmp_path: Path) -> None:
    async with posting(postgres_dsn, tmp_path, http={"body_within_s": 0.3}) as post:
        own = await post.key("device", device="bin-1")
        reader, writer = await asyncio.open_connection(*post.address)
        writer.write(request(own, b'{"readings":', length=500))
        await writer.drain()
        assert (await post.telemetry(own, MESSAGE)).status_code == 200
        async with asyncio.timeout(30):
            answer = await reader.read()  # up to the end: the hub hangs up
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"body-too-slow" in answer
        writer.close()


async def test_a_wrong_key_is_answered_before_its_body(postgres_dsn: str, tmp_path: Path) -> None:
    async with posting(postgres_dsn, tmp_path) as post:
        for path in ("/api/v1/telemetry", "/api/v1/uplinks/x", "/api/v1/devices/bin-1/commands"):
            reader, writer = await asyncio.open_connection(*post.address)
            writer.write(request("wrong", b"{", length=500, path=path))
            async with asyncio.timeout(30):
                assert (await reader.readline()).startswith(b"HTTP/1.1 401")
            writer.close()


@pytest.mark.parametrize("full", [False, True])
async def test_a_hub_that_ends_tells_those_that_wait(
    private_postgres: PostgresServer, tmp_path: Path, full: bool
) -> None:
    intake = {"max_in_flight": 1} if full else {}
    async with posting(private_postgres.dsn(), tmp_path, intake=intake, **PATIENT) as post:
        own = await post.key("device", device="bin-1")
        assert (await post.telemetry(own, MESSAGE)).status_code == 200
        async with store_held(private_postgres.dsn()):
            posts = [asyncio.create_task(post.telemetry(own, MESSAGE)) for _ in range(3)]
            await until_waiting(post, 3)
            private_postgres.kill()
            await until(lambda: not post.hub.pipeline.healthy, "the store is away")
            post.hub.stop()
            for answer in await asyncio.gather(*posts):
                assert (answer.status_code, "ending" in answer.json()["detail"]) == (503, True)
