from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulators.message import Message
from simulators.speakers.http_json import HttpAddress, HttpSpeaker
from tests.simulators.observations import FIX, START, seen


class Receiver:
    """A plain HTTP server that answers as it is told to: a status, or None for a connection that breaks."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int | None] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def taken(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in head[1:-2])
                body = await reader.readexactly(int(fields["content-length"]))
                status = self.answers.pop(0) if self.answers else 202
                if status is None:
                    break
                self.requests.append((head[0], {**fields, "status": str(status)}, body))
                writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


def address(receiver: Receiver, **changes: Any) -> HttpAddress:
    fields = {"backoff_s": 0.01, "backoff_limit_s": 0.05, **changes}
    return HttpAddress(f"http://127.0.0.1:{receiver.port}", "key-of-the-test", **fields)


async def test_a_post_names_its_device_and_shows_the_key(receiver: Receiver) -> None:
    report = seen("worker-0001", {"steps": 12}, fix={"lat": 30.5, "lon": 114.3}, events=({"kind": "sos"},))
    async with asyncio.timeout(30), HttpSpeaker(address(receiver)) as speaker:
        await speaker.publish(Message("worker-0001", START, (report,)))
        await speaker.publish(Message("worker-0001", START, offline=True))
        await speaker.publish(
            Message("worker-0001", START, tuple(seen("worker-0001", {"steps": n}, n) for n in (1, 2)))
        )
        await speaker.drain()
        assert (speaker.tally.taken, speaker.tally.acknowledged) == (2, 2)
    request, fields, body = receiver.requests[0]
    assert request == "POST /api/v1/telemetry HTTP/1.1"
    assert (fields["authorization"], fields["content-type"]) == ("bearer key-of-the-test", "application/json")
    assert json.loads(body) == {
        "device": "worker-0001",
        "ts": "2026-11-23T00:00:00.000Z",
        "kind": "worker",
        "seq": 1,
        "readings": {"steps": 12},
        "fix": {"lat": 30.5, "lon": 114.3},
        "events": [{"kind": "sos"}],
    }
    assert [item["readings"]["steps"] for item in receiver.taken()[1]] == [1, 2]


async def test_posts_are_repeated_until_they_are_answered_and_keep_their_order(receiver: Receiver) -> None:
    receiver.answers = [503, None, 401, 202, 429, None, 500, 202]
    async with asyncio.timeout(30), HttpSpeaker(address(receiver)) as speaker:
        for number in range(30):
            device_id = f"worker-{number % 3 + 1:04d}"
            await speaker.publish(Message(device_id, START, (seen(device_id, {"steps": number}, number),)))
        await speaker.drain()
        assert (speaker.tally.acknowledged, speaker.tally.refused) == (30, 0)
    accepted = [json.loads(body) for _, fields, body in receiver.requests if fields["status"] == "202"]
    for device_id in ("worker-0001", "worker-0002", "worker-0003"):
        steps = [item["readings"]["steps"] for item in accepted if item["device"] == device_id]
        assert steps == sorted(steps)
        assert len(steps) == 10


async def test_a_post_that_is_at_fault_is_refused_once(receiver: Receiver) -> None:
    receiver.answers = [400, 202]
    async with asyncio.timeout(30), HttpSpeaker(address(receiver)) as speaker:
        await speaker.publish(Message("worker-0001", START, raw=b"[1,2"))
        await speaker.publish(Message("worker-0001", START, (seen("worker-0001", {}, fix=FIX),)))
        await speaker.drain()
        assert (speaker.tally.refused, speaker.tally.acknowledged, speaker.tally.in_flight) == (1, 1, 0)
    assert next(body for _, _, body in receiver.requests) == b"[1,2"


async def test_a_hub_that_comes_late_gets_everything_and_a_full_window_waits(receiver: Receiver) -> None:
    await receiver.stop()
    async with asyncio.timeout(30), HttpSpeaker(address(receiver, window=5)) as speaker:
        for number in range(5):
            await speaker.publish(Message("worker-0001", START, (seen("worker-0001", {"steps": number}, number),)))
        waiting = asyncio.create_task(
            speaker.publish(Message("worker-0001", START, (seen("worker-0001", {"steps": 5}, 5),)))
        )
        done, _ = await asyncio.wait((waiting,), timeout=0)
        assert not done
        await receiver.start()
        await waiting
        await speaker.drain()
        assert speaker.tally.acknowledged == 6
    assert [item["readings"]["steps"] for item in receiver.taken()] == list(range(6))
