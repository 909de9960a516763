"""Telemetry over HTTP: a whole hub, real sockets, a real database."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.posting import Post, posting, until

TS = "2026-11-20T08:00:00Z"


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(postgres_dsn, tmp_path) as opened:
        yield opened


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The body of a problem, which it has to be."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:sanihub:problem:{kind}"
    return body


async def test_one_and_several_are_stored_when_answered(post: Post) -> None:
    own = await post.key("device", device="bin-1")
    many = await post.key("integration")
    answer = await post.telemetry(own, {"ts": TS, "readings": {"fill_pct": 71.5}})
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "problems": []})
    assert post.readings() == [("bin-1", "fill_pct", 71.5)]
    batch = [
        {"device": "bin-1", "ts": TS, "readings": {"battery_v": 3.6}},
        {"device": "vehicle-7", "ts": TS, "fix": {"lat": 30.5, "lon": 114.3}},
        {"device": "toilet-3", "ts": TS, "events": [{"kind": "sos"}]},
    ]
    answer = await post.telemetry(many, batch)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 3)
    assert post.sql("SELECT count(*) FROM fixes") == post.sql("SELECT count(*) FROM events") == [(1,)]
    shown = (await post.client.get("/api/v1/devices/vehicle-7")).json()
    assert (shown["protocol"], shown["source"]) == ("http-json", "integration test")


async def test_the_key_may_stand_in_either_header(post: Post) -> None:
    own = await post.key("device", device="bin-1")
    for headers in ({"X-API-Key": own}, {"Authorization": f"bearer {own}"}):
        answer = await post.client.post("/api/v1/telemetry", json={"readings": {"fill_pct": 1}}, headers=headers)
        assert answer.status_code == 200


async def test_what_is_sound_is_filed_beside_what_is_refused(post: Post) -> None:
    many = await post.key("integration")
    batch = [
        {"device": "bin-1", "ts": TS, "readings": {"fill_pct": 140, "battery_v": 3.6}},
        {"ts": TS, "readings": {"fill_pct": 5}},
        {"device": "bin 2", "ts": TS, "readings": {"fill_pct": 5}},
        {"device": "bin-3", "ts": "yesterday", "readings": {"fill_pct": 5}},
        17,
    ]
    answer = await post.telemetry(many, batch)
    assert answer.status_code == 200
    told = answer.json()
    assert told["accepted"] == 1
    assert {item["field"] for item in told["problems"]} == {
        "[0].readings.fill_pct",
        "[1].device",
        "[2].device",
        "[3].ts",
        "[4]",
    }
    assert post.readings() == [("bin-1", "battery_v", 3.6)]
    ((adapter, channel, code, _),) = post.letters()
    assert (adapter, channel, code) == ("http-json", "telemetry", "invalid")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"ts": "2026-11-20T08:00:00Z", "readings": {"fill_pct": 101}}', "readings.fill_pct"),
        (b"{}", "device"),
        (b'{"device": "bin-1"}', "payload"),
        (b"[]", "payload"),
        (b"", "payload"),
        (b"{", "payload"),
        (b"\xff\xfe", "payload"),
        (b'{"device": 7, "readings": {"fill_pct": 5}}', "device"),
        (b"[" * 5_000, "payload"),
        (b'{"readings": {"fill_pct": ' + b"9" * 5_000 + b"}}", "payload"),
    ],
)
async def test_nothing_to_file_is_a_problem_and_a_dead_letter(post: Post, body: bytes, field: str) -> None:
    many = await post.key("integration")
    if b'"readings"' in body and b"device" not in body:
        body = body.replace(b"{", b'{"device": "bin-1", ', 1)
    told = problem(await post.telemetry(many, content=body), 422, "nothing-filed")
    assert [(error["where"], error["field"]) for error in told["errors"]] == [("body", field)]
    assert len(post.letters()) == 1
    assert post.readings() == []


async def test_a_device_speaks_for_itself_alone(post: Post) -> None:
    own = await post.key("device", device="bin-1")
    message = {"ts": TS, "readings": {"fill_pct": 5}}
    assert (await post.telemetry(own, {"device": "bin-1", **message})).status_code == 200
    for foreign in (
        {"device": "bin-2", **message},
        [message, {"device": "bin-2", **message}],
        [message, {"device": "bin-2", "ts": "never"}],
        [message, {"device": "bin-2", "readings": 5}],
    ):
        told = problem(await post.telemetry(own, foreign), 403, "another-device")
        assert "bin-2" in told["detail"]
        assert "bin-1" in told["detail"]
    assert post.readings() == [("bin-1", "fill_pct", 5)]
    assert post.letters() == []
    assert post.sql("SELECT count(*) FROM devices") == [(1,)]


async def test_a_device_that_is_shut_out_is_told(post: Post) -> None:
    own = await post.key("device", device="bin-1")
    assert (await post.telemetry(own, {"ts": TS, "readings": {"fill_pct": 5}})).status_code == 200
    post.sql("UPDATE devices SET status = 'blocked', changed_at = now()")
    device = next(iter(post.hub.registry.devices()))
    await until(lambda: device.status == "blocked", "the registry has followed")
    told = problem(await post.telemetry(own, {"ts": TS, "readings": {"fill_pct": 6}}), 422, "nothing-filed")
    assert told["errors"][0]["expected"] == "id:bin-1: the device is blocked"
    assert [code for _, _, code, _ in post.letters()] == ["shut_device"]


async def test_roles(post: Post) -> None:
    message = {"device": "bin-1", "ts": TS, "readings": {"fill_pct": 5}}
    told = problem(
        await post.client.post("/api/v1/telemetry", json=message, headers={"X-API-Key": ""}), 401, "no-valid-key"
    )
    assert "device or integration or admin" in told["detail"]
    for key in ("", "x", "sanihub_aaaaaaaaaa_" + "A" * 43, "é"):
        headers = {"X-API-Key": key.encode("latin-1")}
        answer = await post.client.post("/api/v1/telemetry", json=message, headers=headers)
        problem(answer, 401, "no-valid-key")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for role, status in (("viewer", 403), ("dispatcher", 403), ("manager", 403), ("admin", 200), ("integration", 200)):
        answer = await post.telemetry(await post.key(role), message)
        assert answer.status_code == status, role
        if status == 403:
            assert role in problem(answer, 403, "role-not-enough")["detail"]
    assert post.sql("SELECT count(*) FROM dead_letters") == [(0,)]


async def test_keys_end(post: Post) -> None:
    message = {"ts": TS, "readings": {"fill_pct": 5}}
    own = await post.key("device", device="bin-1")
    past = await post.key("device", device="bin-1", expires_at=1_700_000_000_000_000)
    problem(await post.telemetry(past, message), 401, "no-valid-key")
    assert (await post.telemetry(own, message)).status_code == 200
    (noted,) = (entry for entry in (await post.keys.keys()).items if entry.device)
    assert noted.last_used_at is not None
    await post.keys.revoke(own.split("_")[1], actor="test")
    for _ in range(1_000):
        if (answer := await post.telemetry(own, message)).status_code != 200:
            break
        await asyncio.sleep(0.01)
    problem(answer, 401, "no-valid-key")


async def test_wrong_keys_are_slowed_down_and_right_ones_are_not(post: Post) -> None:
    own = await post.key("device", device="bin-1")
    message = {"ts": TS, "readings": {"fill_pct": 5}}
    assert (await post.telemetry(own, message)).status_code == 200
    statuses = [(await post.telemetry(own[:-1] + ("A" if own[-1] != "A" else "B"), message)).status_code] * 1
    for number in range(15):
        answer = await post.telemetry(f"sanihub_{'a' * 9}{chr(97 + number)}_{'A' * 43}", message)
        statuses.append(answer.status_code)
    assert statuses[:10] == [401] * 10
    assert set(statuses[10:]) == {429}
    assert 1 <= int(answer.headers["retry-after"]) <= 6
    problem(answer, 429, "too-many-wrong-keys")
    assert (await post.telemetry(own, message)).status_code == 200


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("named", ["ts", "id", "header"])
async def test_the_same_request_twice_and_in_parallel(post: Post, named: str, packed: bool) -> None:
    own = await post.key("device", device="bin-1")
    message: dict[str, Any] = {"readings": {"fill_pct": 71}, "events": [{"kind": "emptied"}]}
    headers = {"Content-Type": "application/json"}
    if named == "header":
        headers["Idempotency-Key"] = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
    else:
        message[named] = TS if named == "ts" else "m-1"
    content = json.dumps(message).encode()
    if packed:
        content, headers["Content-Encoding"] = gzip.compress(content), "gzip"

    async def again() -> tuple[int, int]:
        answer = await post.telemetry(own, content=content, headers=headers)
        return answer.status_code, answer.json()["accepted"]

    assert set(await asyncio.gather(*(again() for _ in range(20)))) == {(200, 1)}
    assert await again() == (200, 1)
    assert post.readings() == [("bin-1", "fill_pct", 71)]
    assert post.sql("SELECT count(*) FROM events") == [(1,)]
    if named == "header":  # another name is another message
        headers["Idempotency-Key"] = "another"
        assert await again() == (200, 1)
        assert len(post.readings()) == 2


async def test_a_repeated_refusal_with_a_name_is_one_letter(post: Post) -> None:
    own = await post.key("device", device="bin-1")
    for _ in range(3):
        answer = await post.telemetry(own, {"readings": {"fill_pct": 500}}, headers={"Idempotency-Key": "k"})
        problem(answer, 422, "nothing-filed")
    assert len(post.letters()) == 1
    bad = await post.telemetry(own, {"readings": {"fill_pct": 5}}, headers={"Idempotency-Key": "k" * 256})
    assert [(e["where"], e["field"]) for e in problem(bad, 422, "invalid-request")["errors"]] == [
        ("header", "idempotency-key")
    ]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON; charset="UTF-8"', 200),
        ("application/vnd.device+json", 200),
        (None, 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("json", 415),
        ("", 415),
        ("application/json; charset=gb18030", 415),
    ],
)
async def test_content_types(post: Post, content_type: str | None, status: int) -> None:
    own = await post.key("device", device="bin-1")
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await post.telemetry(own, content=b'{"readings": {"fill_pct": 5}}', headers=headers)
    assert answer.status_code == status, answer.text
    if status == 415:
        problem(answer, 415, "not-json")


async def test_sizes_and_packing(post: Post) -> None:
    own = await post.key("device", device="bin-1")
    limit = 256 * 1024
    message = json.dumps({"ts": TS, "readings": {"fill_pct": 5}}).encode()

    async def send(content: Any, encoding: str = "gzip") -> httpx.Response:
        return await post.telemetry(own, content=content, headers={"Content-Encoding": encoding})

    async def streamed(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 7_000):
            yield content[start : start + 7_000]

    whole = message + b" " * (limit - len(message))
    assert (await send(whole, "identity")).status_code == 200
    assert (await send(streamed(whole), "identity")).status_code == 200
    assert (await send(gzip.compress(whole))).status_code == 200
    assert (await send(gzip.compress(message[:9]) + gzip.compress(message[9:]), "x-gzip")).status_code == 200
    for too_large in (whole + b" ", whole * 5):
        for content in (too_large, streamed(too_large)):
            problem(await send(content, "identity"), 413, "body-too-large")
        problem(await send(gzip.compress(too_large)), 413, "body-too-large")
    bomb = gzip.compress(bytes(200 * 1024 * 1024))
    assert len(bomb) < limit
    problem(await send(bomb), 413, "body-too-large")
    problem(await send(gzip.compress(b"") * 9_000), 400, "not-gzip")
    for broken in (b"", message, gzip.compress(message)[:-5], gzip.compress(message)[:20] + b"\0" * 20):
        problem(await send(broken), 400, "not-gzip")
    problem(await send(gzip.compress(message) + b"rest"), 400, "not-gzip")
    for encoding in ("br", "gzip, gzip", "deflate"):
        answer = await send(message, encoding)
        problem(answer, 415, "unknown-encoding")
        assert answer.headers["accept-encoding"] == "gzip"
    assert post.letters() == []
    assert post.hub.pipeline.in_flight == 0
