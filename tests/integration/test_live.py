"""The live stream over real HTTP and a real database."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

import httpx
import psycopg
import pytest

from devices.live import LiveDevice
from devices.vocabulary import Batch, Device, Heard, Reading
from store.telemetry.writer import PostgresStore
from tests.posting import Post, posting, until
from tests.servers import PostgresServer
from tests.streams import Stream

RULES = """version: 1
rules:
  - {id: hot, kind: threshold, title: Hot, severity: critical, params: {metric: temperature_c, limit: 50, clear: 40}}
"""
ORDER = """
INSERT INTO work_orders (id, kind, on_date, vehicle, device, place, sequence, planned_start, planned_end, changed_by)
VALUES (%s, 'collect', '2026-11-24', 'vehicle-1', 'bin-1', 'bin-1', 1, now(), now() + interval '1 hour', 'test')
"""

MANY_ORDERS = """
INSERT INTO work_orders (id, kind, on_date, vehicle, place, sequence, planned_start, planned_end, changed_by)
SELECT repeat('\u76d6', 150) || n, 'collect', '2026-11-24', 'vehicle-1', 'bin-1', 1, now(), now(), 'test'
  FROM generate_series(1, 600) AS n
"""


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with following(postgres_dsn, tmp_path) as running:
        yield running


class following:
    """A hub that follows its store."""

    def __init__(self, dsn: str, folder: Path, **api: Any) -> None:
        self._posting = posting(dsn, folder, api=api)

    async def __aenter__(self) -> Post:
        post = await self._posting.__aenter__()
        await until(lambda: post.hub._ready.is_set() and post.hub.follower.listening.is_set(), "the hub follows")
        return post

    async def __aexit__(self, *error: Any) -> None:
        await self._posting.__aexit__(*error)


async def stream(post: Post, role: str = "viewer", **params: Any) -> Stream:
    return Stream(post.client, await post.key(role), **params)


async def test_what_is_posted_is_told_with_what_is_derived_of_it(post: Post) -> None:
    poster = await post.key("integration")
    reader = await stream(post)
    async with reader.open():
        assert reader.events[0][0] == "hello"
        assert reader.events[0][1]["hub"] == post.hub.follower.feed.hub
        fix = {"lat": 30.5, "lon": 114.3, "speed_kmh": 20, "heading_deg": 90}
        body = {"device": "vehicle-7", "fix": fix, "readings": {"fuel_pct": 50, "engine_on": 1}}
        assert (await post.telemetry(poster, body)).status_code == 200
        await reader.until(lambda: "vehicle-7" in reader.states, "the vehicle is told")
        told = reader.states["vehicle-7"]
        assert (told["kind"], told["lat"], told["lon"], told["speed_kmh"], told["heading_deg"]) == (
            "vehicle", 30.5, 114.3, 20.0, 90.0,
        )  # fmt: skip
        assert told["readings"]["fuel_pct"] == 50.0
        assert "work_state" in told["readings"]
        assert told["observed_at"].endswith("Z")
        assert (await post.telemetry(poster, {"device": "vehicle-7", "readings": {"fuel_pct": 49}})).status_code == 200
        await reader.until(lambda: reader.states["vehicle-7"]["readings"]["fuel_pct"] == 49.0, "the change is told")
        assert reader.of("device")[-1]["readings"] == {"fuel_pct": 49.0}


async def test_an_alert_is_told_at_each_stage_and_an_order_at_each_change(post: Post) -> None:
    manager = {"X-API-Key": await post.key("manager")}
    entered = await post.client.put("/api/v1/rules", content=RULES, headers={**manager, "If-Match": "*"})
    assert entered.status_code == 200
    poster = await post.key("integration")
    reader = await stream(post, types="alert,order")
    async with reader.open():
        async with asyncio.timeout(60):
            while not reader.of("alert"):
                body = {"device": "toilet-1", "readings": {"temperature_c": 80 + random.random()}}
                assert (await post.telemetry(poster, body)).status_code == 200
                await asyncio.sleep(0.2)
        number = reader.of("alert")[0]["id"]
        for action in ("acknowledge", "close"):
            path = f"/api/v1/alerts/{number}/{action}"
            assert (await post.client.post(path, headers=manager)).status_code == 200
        await reader.until(lambda: len(reader.of("alert")) == 3, "both are told")
        told = [(one["action"], one["stage"]) for one in reader.of("alert")]
        assert [action for action, _ in told] == ["raised", "acknowledged", "closed"]
        assert (told[0][1], told[2][1]) == ("raised", "closed")
        assert reader.of("alert")[0]["device"] == "toilet-1"
        post.sql(ORDER, "order-1")
        await reader.until(lambda: reader.of("order"), "the order is told")
        post.sql("UPDATE work_orders SET state = 'sent' WHERE id = 'order-1'")
        await reader.until(lambda: len(reader.of("order")) == 2, "its change is told")
        assert [one["state"] for one in reader.of("order")] == ["planned", "sent"]
        assert not reader.of("device")


async def test_an_incident_is_told_at_each_step_and_an_order_as_the_list_has_it(post: Post) -> None:
    dispatcher = {"X-API-Key": await post.key("dispatcher")}
    reader = await stream(post, types="incident,order")

    async def send(path: str, form: dict[str, Any]) -> dict[str, Any]:
        answer = await post.client.post(f"/api/v1{path}", json=form, headers=dispatcher)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def until(steps: int) -> None:
        await reader.until(lambda: len(reader.of("incident")) == steps, f"it is told of step {steps}")

    async with reader.open():
        form = {"reference": "heap-0001", "category": "rubbish-heap", "lat": 30.5, "lon": 114.3, "text": "Mattresses"}
        found = (await send("/incidents", form))["incident"]
        await until(1)
        await send(f"/incidents/{found['id']}/comments", {"text": "Seen again"})
        await until(2)
        given = (await send("/work-orders", {"incident": found["id"], "note": "Gate", "kind": "clear"}))["order"]
        await until(3)
        await reader.until(lambda: reader.of("order"), "the order is told")
        await send(f"/work-orders/{given['id']}/done", {"text": ""})
        await until(4)
    steps = [(one["action"], one["state"], one["work_order"]) for one in reader.of("incident")]
    assert steps == [
        ("reported", "reported", None),
        ("commented", "reported", None),
        ("ordered", "ordered", given["id"]),
        ("done", "done", given["id"]),
    ]
    assert {name: value for name, value in reader.of("incident")[0].items() if name in found} == found
    order = reader.of("order")[0]
    renamed = {"start": order["planned_start"], "end": order["planned_end"]}
    assert {name: renamed.get(name, order.get(name)) for name in given} == given


async def test_nothing_is_told_before_its_commit_nor_of_what_is_undone(post: Post) -> None:
    reader = await stream(post)
    async with reader.open():
        with psycopg.connect(post.dsn) as connection:
            connection.execute(ORDER, ("undone",))
            connection.rollback()
            connection.execute(ORDER, ("committed",))
            post.sql(ORDER, "meanwhile")
            await reader.until(lambda: reader.of("order"), "the other order is told")
            assert [one["id"] for one in reader.of("order")] == ["meanwhile"]
            connection.commit()
        await reader.until(lambda: len(reader.of("order")) == 2, "the order is told")
        assert [one["id"] for one in reader.of("order")] == ["meanwhile", "committed"]


async def test_what_another_process_commits_is_told_too(post: Post) -> None:
    poster = await post.key("integration")
    assert (await post.telemetry(poster, {"device": "bin-1", "readings": {"fill_pct": 10}})).status_code == 200
    key = post.sql("SELECT key FROM devices WHERE id = 'bin-1'")[0][0]
    other = PostgresStore(post.dsn, mode="plain")
    reader = await stream(post)
    now = time_ns() // 1_000
    async with reader.open():
        reading = Reading(Device(key, "bin-1", "bin"), "fill_pct", 77.0, now, now)
        await other.write(Batch(readings=[reading], seen={key: Heard(now, "import", "file")}))
        await reader.until(lambda: reader.states.get("bin-1"), "the bin is told")
        assert reader.states["bin-1"]["readings"]["fill_pct"] == 77.0
    await other.close()


async def test_many_orders_of_one_transaction_are_all_told(post: Post) -> None:
    reader = await stream(post)
    async with reader.open():
        post.sql(MANY_ORDERS)
        await reader.until(lambda: len(reader.of("order")) >= 600, "all orders are told")
        assert len({one["id"] for one in reader.of("order")}) == len(reader.of("order")) == 600


async def test_wherever_the_connection_breaks_nothing_is_lost_or_doubled(post: Post) -> None:
    """A reader that is cut off after any number of bytes, and comes back, has what one that stayed has."""
    poster = await post.key("integration")
    manager = {"X-API-Key": await post.key("manager")}
    await post.client.put("/api/v1/rules", content=RULES, headers={**manager, "If-Match": "*"})
    chance = random.Random(7)
    stayed, cut = await stream(post), await stream(post)
    done = asyncio.Event()

    async def work() -> None:
        for number in range(40):
            bodies = [{"device": f"bin-{n}", "readings": {"fill_pct": chance.randint(0, 60)}} for n in range(1, 6)]
            assert (await post.telemetry(poster, bodies)).status_code == 200
            post.sql(ORDER, f"order-{number}")
            await asyncio.sleep(0.03)
        done.set()

    async def come_and_go() -> None:
        while not done.is_set():
            await cut.read(most_bytes=chance.randint(1, 3_000))

    async with stayed.open():
        async with cut.open():
            pass  # both have begun
        working = asyncio.create_task(work())
        coming = asyncio.create_task(come_and_go())
        await working
        await stayed.until(lambda: len(stayed.of("order")) == 40, "all orders are told")
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        async with cut.open():
            await cut.until(lambda: len(cut.of("order")) >= 40, "all orders are told")
            await cut.until(lambda: cut.states == stayed.states, "both have the same states")
    names = [f"order-{number}" for number in range(40)]
    assert [one["id"] for one in cut.of("order")] == [one["id"] for one in stayed.of("order")] == names
    assert cut.of("resync") == stayed.of("resync") == []
    assert len(cut.of("hello")) > 3
    seen = [json.dumps(one) for one in cut.of("device")]
    assert len(seen) == len(set(seen))


async def test_a_reader_that_takes_nothing_is_hung_up_on_and_comes_back_to_where_it_was(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with following(postgres_dsn, tmp_path, live_patience_s=0.3) as post:
        feed = post.hub.follower.feed
        slow, lively = await stream(post), await stream(post)
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            peer.connect(post.address)
            key = await post.key("viewer")
            peer.send(f"GET /api/v1/live?min_interval_ms=0 HTTP/1.1\r\nHost: hub\r\nX-API-Key: {key}\r\n\r\n".encode())
            await until(lambda: feed.readers == 1, "the slow reader is there")
            rounds = 0
            async with lively.open():
                while not feed.dropped:
                    rounds += 1
                    assert rounds < 2_000, "the slow reader is still there"
                    feed.publish([device(number, rounds) for number in range(100)])
                    await lively.until(partial(has_speed, lively, rounds), "told")
            assert feed.dropped == 1
            await until(lambda: feed.readers == 0, "its seat is free")
            peer.setblocking(False)
            received = await asyncio.to_thread(drained, peer)
        head, _, body = received.partition(b"\r\n\r\n")
        assert b" 200 " in head
        slow.take(dechunked(body))
        assert slow.last_id is not None
        assert slow.states["vehicle-99"]["speed_kmh"] < rounds  # much of it never arrived
        async with slow.open():
            await slow.until(partial(has_speed, slow, rounds), "it has what is newest")
            assert slow.states == lively.states
            metrics = (await post.client.get("/metrics")).text
            assert "sanihub_live_readers_dropped_total 1.0" in metrics
            assert "sanihub_live_readers 1.0" in metrics
            assert 'sanihub_store_info{capability="plain",mode="plain",timescaledb_version=""} 1.0' in metrics
            assert "sanihub_live_states 100.0" in metrics
            assert "sanihub_live_kept_events 0.0" in metrics
            assert "sanihub_live_waiting 0.0" in metrics
        assert slow.of("resync") == []


def has_speed(reader: Stream, speed: int) -> bool:
    return bool(reader.states.get("vehicle-99", {}).get("speed_kmh") == speed)


def device(number: int, speed: float) -> LiveDevice:
    return LiveDevice(f"vehicle-{number}", "vehicle", "x" * 60, 1_000_000, lat=31.0, lon=121.0, speed_kmh=float(speed))


def drained(peer: socket.socket) -> bytes:
    """What the kernel still holds of a connection that was aborted, or nothing more."""
    parts = []
    try:
        peer.settimeout(5)
        while part := peer.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def dechunked(data: bytes) -> bytes:
    """The body of a chunked answer, as far as it came."""
    parts = []
    while b"\r\n" in data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        parts.append(data[:length])
        data = data[length + 2 :]
    return b"".join(parts)


async def test_who_may_read_and_how_many(postgres_dsn: str, tmp_path: Path) -> None:
    async with following(postgres_dsn, tmp_path, live_readers=3, live_readers_each=2) as post:
        for path in ("/api/v1/live", "/api/v1/board"):
            assert (await post.client.get(path, headers={"X-API-Key": ""})).status_code == 401
            for role in ("device", "integration"):
                key = await post.key(role, device="bin-1" if role == "device" else None)
                refused = await post.client.get(path, headers={"X-API-Key": key})
                assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
        one, other = await stream(post), await stream(post, "dispatcher")
        async with one.open(), one.open(), other.open():
            with pytest.raises(AssertionError, match=r"429.*too-many-streams"):
                await one.read()
            with pytest.raises(AssertionError, match=r"503.*too-many-streams"):
                await (await stream(post, "manager")).read()
        await until(lambda: post.hub.follower.feed.readers == 0, "the seats are free")
        async with one.open():
            assert one.events[-1][0] in ("hello", "resync")


async def test_the_board_and_what_changes_after_it(post: Post) -> None:
    poster = await post.key("integration")
    bodies = [{"device": f"bin-{n}", "readings": {"fill_pct": n}} for n in range(1, 4)]
    assert (await post.telemetry(poster, bodies)).status_code == 200
    post.sql(
        "INSERT INTO devices (id, kind, status, attributes) VALUES ('bin-9', 'bin', 'active', %s)",
        '{"lat": 31, "lon": 121}',
    )
    post.sql("INSERT INTO devices (id, kind, status) VALUES ('bin-8', 'bin', 'active')")
    post.sql("UPDATE devices SET status = 'blocked' WHERE id = 'bin-3'")
    viewer = {"X-API-Key": await post.key("viewer")}
    answer = await post.client.get("/api/v1/board", headers={**viewer, "Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    board = answer.json()
    plain = await post.client.get("/api/v1/board", headers={**viewer, "Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json()["devices"] == board["devices"]
    shown = {one["id"]: (one["lat"], one["observed_at"], one["readings"]) for one in board["devices"]}
    assert shown == {
        "bin-1": (None, None, {"fill_pct": 1.0}),
        "bin-2": (None, None, {"fill_pct": 2.0}),
        "bin-9": (31.0, None, {}),
    }
    assert board["truncated"] is False
    vehicles = await post.client.get("/api/v1/board", params={"kind": "vehicle"}, headers=viewer)
    assert vehicles.json()["devices"] == []
    assert (await post.telemetry(poster, {"device": "bin-2", "readings": {"fill_pct": 50}})).status_code == 200
    reader = await stream(post, after=board["live"])
    async with reader.open():
        await reader.until(lambda: reader.states.get("bin-2", {}).get("readings", {}).get("fill_pct") == 50.0, "told")
        assert reader.of("resync") == []
        assert reader.events[0][1]["resumed"] is True


async def test_an_outage_of_the_store_is_told_as_a_gap(private_postgres: PostgresServer, tmp_path: Path) -> None:
    with private_postgres.database() as dsn:
        async with following(dsn, tmp_path) as post:
            poster = await post.key("integration")
            reader = await stream(post)
            async with reader.open():
                await asyncio.to_thread(private_postgres.kill)
                await until(lambda: not post.hub.follower.listening.is_set(), "the loss is noticed")
                await asyncio.to_thread(private_postgres.start)
                await reader.until(lambda: reader.of("resync"), "the gap is told")
                body = {"device": "bin-1", "readings": {"fill_pct": 3}}
                async with asyncio.timeout(60):
                    while (await post.telemetry(poster, body)).status_code != 200:
                        await asyncio.sleep(0.1)  # the API's own connections notice the outage one by one
                await reader.until(lambda: "bin-1" in reader.states, "the stream goes on")


async def test_a_hub_that_stops_ends_its_streams(post: Post) -> None:
    reader = await stream(post)
    async with reader.open():
        post.hub.stop()
        await reader.until(lambda: reader.ended == 1, "the stream ends")


async def test_a_reader_that_goes_leaves_its_seat_at_once(post: Post) -> None:
    reader = await stream(post)
    async with reader.open():
        assert post.hub.follower.feed.readers == 1
    await until(lambda: post.hub.follower.feed.readers == 0, "the seat is free")


async def test_the_stream_is_no_file_to_be_kept(post: Post) -> None:
    headers = {"X-API-Key": await post.key("viewer")}
    async with post.client.stream("GET", "/api/v1/live", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert isinstance(answer, httpx.Response)
