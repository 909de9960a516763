"""How much and how fast: what is too much is refused with words, what is too fast waits, and nothing is lost of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from devices.rates import Buckets, Rate
from devices.vocabulary import Frame, Outcome
from hub.door.floods import FloodWatch
from hub.web import WebServer
from ingest.adapters.jt808.terminals import Jt808Server
from ingest.adapters.nmea.plugin import NmeaLine
from tests.nmea import drive
from tests.posting import posting, until
from tests.terminal import PHONE, Terminal, position


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    buckets = Buckets(Rate(per_s=2, burst=4), most=2)
    assert [buckets.wait_s("a", 0.0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert buckets.wait_s("b", 0.0) == 0, "another has its own"
    assert [buckets.wait_s("a", 1.0) for _ in range(3)] == [0, 0, 0.5]
    assert [buckets.take("b", 1.0, amount) for amount in (4, 2, 2)] == [0, 1, 2], "what was taken is owed"
    assert [buckets.wait_s("a", 1e6) for _ in range(5)][-1] == 0.5, "no more than a burst is saved up"
    for other in ("c", "d"):
        buckets.take(other, 1.0)
    assert len(buckets._known) == 2
    assert Buckets(Rate()).wait_s("a", 0.0, 1e9) == 0, "no rate, no limit"


async def test_a_terminal_that_speaks_too_fast_is_slowed_and_loses_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    async with posting(
        postgres_dsn, tmp_path, jt808=[{"name": "vehicles", "port": 0, "max_messages_per_s": 20}]
    ) as post:
        (server,) = (one for one in post.hub.adapters if isinstance(one, Jt808Server))
        address = "127.0.0.1", server.tcp.port
        async with (
            await Terminal(PHONE).connect(address) as fast,
            await Terminal("013800138009").connect(address) as calm,
        ):
            await fast.enter()
            await calm.enter()
            sent = {fast.send(0x0200, position(lat=30 + number / 1000)) for number in range(230)}
            await until(lambda: server.slowed, "it is slowed")
            serial = calm.send(0x0200, position())
            assert (await calm.reply()).general == (serial, 0x0200, 0), "another is not held up"
            answered = {(await fast.reply()).general[0] for _ in sent}
            assert answered == sent
        assert post.sql("SELECT count(*) FROM fixes") == [(231,)]


async def test_a_receiver_that_speaks_too_fast_is_slowed_and_loses_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    section = {"name": "line", "kind": "tcp-server", "port": 0, "device": "bus", "max_kib_per_s": 4}
    async with posting(postgres_dsn, tmp_path, nmea=[section]) as post:
        (line,) = (one for one in post.hub.adapters if isinstance(one, NmeaLine))
        said = drive(300)
        assert len(said) > 40 * 1024
        _, writer = await asyncio.open_connection(*line.transport.address)  # type: ignore[attr-defined]
        writer.write(said)
        writer.close()
        await until(lambda: post.sql("SELECT count(*) FROM fixes") == [(300,)], "all of it is filed")


async def test_a_key_that_posts_too_fast_is_told_when_to_come_again(postgres_dsn: str, tmp_path: Path) -> None:
    async with posting(postgres_dsn, tmp_path, http={"max_posts_per_s": 0.01}) as post:
        key, other = await post.key("device", "bin-1"), await post.key("device", "bin-2")
        body = {"ts": 1_795_000_000, "readings": {"fill_pct": 1}}
        answer = await post.telemetry(key, body)
        assert answer.status_code == 429
        assert answer.json()["type"].endswith("too-fast")
        assert int(answer.headers["Retry-After"]) > 0
    async with posting(postgres_dsn, tmp_path, http={"max_posts_per_s": 0.2}) as post:
        codes = [(await post.telemetry(key, body)).status_code for _ in range(3)]
        assert codes[:2] == [200, 200] and codes[2] == 429
        assert (await post.telemetry(other, body)).status_code == 200, "another key has its own rate"


async def test_one_address_has_so_many_connections_of_http() -> None:
    app = FastAPI()
    app.get("/")(lambda: {})
    web = WebServer("127.0.0.1", 0, (), per_address=3)
    serving = asyncio.create_task(web.run(app))
    await web.listening.wait()
    opened = [await asyncio.open_connection("127.0.0.1", web.port) for _ in range(4)]
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await opened[3][0].readexactly(1)
    assert web.peers.refused == 1
    for reader, writer in opened[:3]:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    for _, writer in opened:
        writer.close()
    await until(lambda: not web.peers._open, "they are forgotten")
    _, writer = await asyncio.open_connection("127.0.0.1", web.port)
    await until(lambda: web.peers._open == {"127.0.0.1": 1}, "there is room again")
    writer.close()
    web.stop()
    await serving


class Intake:
    """Takes everything."""

    has_room = healthy = True
    room = 1_000

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def offer(self, frame: Frame, delivery: Any) -> None:
        self.frames.append(frame)

    def offer_many(self, frames: Sequence[Frame], consignment: Any) -> None:
        self.frames.extend(frames)

    def on_room(self, listener: Any) -> None:
        return


class Delivery:
    def settle(self, outcome: Outcome) -> None:
        return

    def settle_next(self, outcome: Outcome, count: int) -> None:
        return


def test_a_flood_is_noticed_once_and_every_message_is_handed_on() -> None:
    now, flooding, intake = [0.0], [], Intake()
    watch = FloodWatch(intake, Rate(1, 10), flooding.append, lambda: now[0])
    mine = "sanihub/v1/bin-1/telemetry"
    for number in range(50):
        watch.offer(Frame("mqtt-json", "b", mine, b"", number), Delivery())
        others = [Frame("mqtt-json", "b", f"sanihub/v1/bin-{number + 2}/telemetry", b"", number)]
        watch.offer_many(others, Delivery())
    now[0] = 1.5
    watch.offer_many([], Delivery())
    assert flooding == [mine]
    assert (watch.floods, len(intake.frames)) == (1, 100)
    for second in (30.0, 61.0, 62.0):  # again within a minute is not told again
        now[0] = second
        watch.offer_many([Frame("mqtt-json", "b", mine, b"", number) for number in range(100)], Delivery())
    assert watch.floods == 2
