"""What servers of other protocols post, by a protocol of the tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from devices.errors import DecodeError
from devices.vocabulary import Decoded, Frame, Identity, Occurrence, Uplink
from tests.posting import Post, posting

AT = 1_763_600_000_000_000


def decode(frame: Frame) -> Decoded:
    """``{"device": ...}`` is an event of the device that tells the channel; a join says nothing."""
    try:
        message = json.loads(frame.payload)
    except ValueError:
        raise DecodeError("payload: not JSON") from None
    if not isinstance(message, dict):
        raise DecodeError("payload: expected an object")
    if frame.channel.endswith("event=join"):
        return Decoded([])
    if "device" not in message:
        return Decoded([], ["device: missing"])
    occurrence = Occurrence("uplink", {"channel": frame.channel})
    return Decoded([Uplink(Identity("id", message["device"]), AT, occurrences=(occurrence,))])


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(postgres_dsn, tmp_path) as opened:
        opened.hub.pipeline._assembler._decoders["testnet"] = decode  # type: ignore[index]
        opened.hub.uplinks.webhooks = ["othernet", "testnet"]
        yield opened


async def uplink(post: Post, key: str, content: bytes, path: str = "testnet?event=up") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return await post.client.post(f"/api/v1/uplinks/{path}", content=content, headers=headers)


async def test_an_uplink_and_its_repetition(post: Post) -> None:
    server = await post.key("integration")
    for _ in range(2):
        answer = await uplink(post, server, b'{"device": "bin-1"}')
        assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "problems": []})
    assert post.sql("SELECT kind, attributes FROM events") == [("uplink", {"channel": "uplinks/testnet?event=up"})]
    shown = (await post.client.get("/api/v1/devices/bin-1")).json()
    assert (shown["protocol"], shown["source"]) == ("testnet", "integration test")


async def test_what_says_nothing_is_taken(post: Post) -> None:
    answer = await uplink(post, await post.key("integration"), b"{}", "testnet?event=join")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)
    assert post.letters() == []


async def test_what_cannot_be_read_is_kept(post: Post) -> None:
    server = await post.key("integration")
    for content, field in ((b"{", "payload"), (b"[]", "payload"), (b"{}", "device")):
        answer = await uplink(post, server, content)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert [letter[:3] for letter in post.letters()] == [
        ("testnet", "uplinks/testnet?event=up", code) for code in ("malformed", "malformed", "invalid")
    ]


async def test_who_and_where(post: Post) -> None:
    for role in ("device", "viewer", "manager"):
        key = await post.key(role, device="bin-1" if role == "device" else None)
        assert (await uplink(post, key, b"{}")).status_code == 403
    server = await post.key("integration")
    for path in ("nonet", "http-json", "mqtt-json", "%00", "x" * 64):
        answer = await uplink(post, server, b"{}", path)
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "urn:sanihub:problem:no-such-protocol"
        assert answer.json()["detail"].endswith("those are: othernet, testnet")
    assert (await uplink(post, server, b"{}", "testnet?" + "x" * 1_001)).status_code == 422
    assert (await uplink(post, server, b'"' + b"x" * 300_000 + b'"')).status_code == 413
