"""The sink beside the writer: away, slow, refusing, busy; the store's content arrives, and the writer never waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from devices.errors import ConfigError
from hub.influx.settings import InfluxSection
from hub.influx.sink import InfluxSink
from hub.influx.wiring import sinks
from hub.settings.settings import load
from store.fleet.tracker_writes import Obsolete, drop
from tests.influx_server import InfluxServer, influx_server
from tests.influx_stored import expected, section
from tests.intake import NOW, clear, frame, ingest, make_assembler, make_store

SECOND = 1_000_000
BEGIN = NOW - 3_600 * SECOND  # behind the time of reception, or the clocks would not be believed


@pytest.fixture(scope="module")
def made(postgres_module_dsn: str) -> str:
    asyncio.run(_make(postgres_module_dsn))
    return postgres_module_dsn


async def _make(dsn: str) -> None:
    store = make_store(dsn)
    await store.open()
    await store.close()


@pytest.fixture
def dsn(made: str) -> str:
    clear(made)
    with psycopg.connect(made, autocommit=True) as connection:
        for table in ("influx_marks", "influx_refused", "influx_sink"):
            connection.execute(f"DELETE FROM {table}".encode())
    return made


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with influx_server() as one:
        yield one


@asynccontextmanager
async def running(dsn: str, server: InfluxServer, **fields: Any) -> AsyncIterator[InfluxSink]:
    sink = InfluxSink(section(server, **fields), dsn)
    task = asyncio.create_task(sink.run())
    await until(lambda: _marking(dsn), "marks are made")
    try:
        yield sink
    finally:
        server.gate.set()
        await sink.stop()
        await task


def _marking(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT count(*) FROM influx_sink").fetchone() == (1,)


async def until(condition: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


async def caught_up(dsn: str, server: InfluxServer) -> None:
    await until(lambda: waiting(dsn) == 0, "nothing waits")
    assert server.points == expected(dsn)


def waiting(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM influx_marks").fetchone()
    return row[0] if row else 0


def figures(sink: InfluxSink) -> dict[str, float]:
    return {one.name: one.value for one in sink.standing().figures}


def fix_of(number: int) -> dict[str, float]:
    return {"lat": 30, "lon": 114 + number / 1e4}


async def write(dsn: str, first: int, count: int, device: str = "bin-1") -> None:
    """Messages with readings and a fix, one a second."""
    store = make_store(dsn)
    messages = [
        {"ts": BEGIN + n * SECOND, "readings": {"fill_pct": n % 100, "battery_v": 3.5}, "fix": fix_of(n)}
        for n in range(first, first + count)
    ]
    await ingest(store, make_assembler(store), [frame(one, device) for one in messages], chunk=50)
    await store.close()


async def test_off_there_is_no_sink() -> None:
    assert sinks(InfluxSection(), "postgresql://nowhere") == []


async def test_what_is_committed_arrives_late_and_doubled_too(dsn: str, server: InfluxServer) -> None:
    async with running(dsn, server) as sink:
        await write(dsn, 100, 100)
        await write(dsn, 0, 50)  # late
        await write(dsn, 100, 20)  # again
        store = make_store(dsn)
        both = [{"ts": BEGIN, "readings": {"fill_pct": value}} for value in (70, 40)]
        await ingest(store, make_assembler(store), [frame(one) for one in both], chunk=1)
        await store.close()
        await caught_up(dsn, server)
        assert server.points["readings", (("device", "bin-1"),), BEGIN]["fill_pct"] == 70.0
        assert sink.standing().connected
        assert figures(sink)["sanihub_influx_refused_total"] == 0


async def test_away_nothing_waits_for_it_and_everything_comes_later(dsn: str, server: InfluxServer) -> None:
    server.stop()
    with capture_logs() as logs:
        async with running(dsn, server, batch_points=64) as sink:
            await write(dsn, 0, 300)
            await until(lambda: sink.condition.failures > 3, "several tries")
            assert waiting(dsn) == 6  # the writer has committed all of its batches
            standing = sink.standing()
            assert not standing.connected
            assert not standing.required
            server.start()
            await caught_up(dsn, server)
            await until(lambda: sink.condition.fault is None, "it says so")
    assert [one["event"] for one in logs].count("peer_away") == 1
    assert [one["event"] for one in logs].count("peer_back") == 1
    assert server.requests >= 300 * 2 // 64


async def test_slow_it_holds_up_nobody(dsn: str, server: InfluxServer) -> None:
    server.gate.clear()
    async with running(dsn, server) as sink:
        await write(dsn, 0, 50)
        await until(lambda: server.requests == 1, "a request that is not answered")
        await write(dsn, 50, 200)  # commits meanwhile
        assert waiting(dsn) == 5
        server.gate.set()
        await caught_up(dsn, server)
        assert sink.condition.failures == 0


async def test_a_token_that_is_refused_is_told_once_and_tried_slowly(dsn: str, server: InfluxServer) -> None:
    server.decide = lambda number: (401, {}, "unauthorized access")
    with capture_logs() as logs:
        async with running(dsn, server) as sink:
            await write(dsn, 0, 10)
            await until(lambda: sink.condition.failures > 2, "several tries")
            assert "the token is not accepted" in sink.standing().fault
            server.decide = lambda number: None
            await caught_up(dsn, server)
    (away,) = [one for one in logs if one["event"] == "peer_away"]
    assert "test-token" not in str(logs)
    assert "401" in away["error"]


async def test_busy_it_is_left_alone_for_as_long_as_it_asks(dsn: str, server: InfluxServer) -> None:
    server.decide = lambda number: (429, {"Retry-After": "600"}, "too many requests")
    async with running(dsn, server) as sink:
        await write(dsn, 0, 10)
        await until(lambda: sink.condition.failures == 1, "the first answer")
        assert sink._wait_s == 600.0
    assert server.requests == 1
    assert waiting(dsn) == 1


async def test_a_connection_that_dies_costs_nothing(dsn: str, server: InfluxServer) -> None:
    server.decide = lambda number: "cut" if number % 3 == 1 else "cut after" if number % 3 == 2 else None
    async with running(dsn, server, batch_points=100):
        await write(dsn, 0, 200)
        await caught_up(dsn, server)


async def test_a_field_of_another_type_is_refused_alone(dsn: str, server: InfluxServer) -> None:
    server.types["readings", "battery_v"] = int
    with capture_logs() as logs:
        async with running(dsn, server, batch_points=100) as sink:
            await write(dsn, 0, 150)
            await until(lambda: waiting(dsn) == 0, "it goes on")
            wanted = expected(dsn)
            for point in wanted.values():
                point.pop("battery_v", None)
            assert server.points == wanted
            assert figures(sink)["sanihub_influx_refused_total"] == 150
            assert sink.condition.fault is None
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT device, field, value, reason FROM influx_refused").fetchall()
    assert len(rows) == 150
    assert {row[:3] for row in rows} == {("bin-1", "battery_v", "3.5")}
    assert all("already exists as type integer" in row[3] for row in rows)
    assert [one["event"] for one in logs].count("influx_refused") == 1


async def test_device_tags_come_from_the_register(dsn: str, server: InfluxServer) -> None:
    async with running(dsn, server, tags=("kind", "ward", "litres", "note")):
        await write(dsn, 0, 1, device="bin-77")
        await until(lambda: waiting(dsn) == 0, "it arrives")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                """UPDATE devices SET kind = 'bin', attributes = '{"ward": "East, 1", "litres": 240, "note": [1]}'
                    WHERE id = 'bin-77'"""
            )
        await write(dsn, 1, 1, device="bin-77")
        await until(lambda: waiting(dsn) == 0, "it arrives")
    tags = {dict(key[1])["device"]: dict(key[1]) for key in server.points if key[2] == BEGIN + SECOND}
    assert tags["bin-77"] == {"device": "bin-77", "kind": "bin", "ward": "East, 1", "litres": "240"}


async def test_what_is_withdrawn_goes_there_too(dsn: str, server: InfluxServer) -> None:
    async with running(dsn, server, batch_points=10):
        await write(dsn, 0, 60)
        await caught_up(dsn, server)
        with psycopg.connect(dsn) as connection:
            (key,) = connection.execute("SELECT key FROM devices WHERE id = 'bin-1'").fetchone() or ()
        gone = [("battery_v", BEGIN + n * SECOND, 3.5) for n in (3, 4, 40)]
        async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.cursor() as cursor:
            await drop(cursor, key, Obsolete(readings=gone))
        await until(lambda: waiting(dsn) == 0, "it is withdrawn")
        assert server.deleted == 38
        assert server.points == expected(dsn)
        assert "battery_v" not in server.points["readings", (("device", "bin-1"),), BEGIN + 3 * SECOND]


async def test_a_server_that_cannot_delete_keeps_what_is_withdrawn_and_gets_all_else(
    dsn: str, server: InfluxServer
) -> None:
    server.deletes = False
    with capture_logs() as logs:
        async with running(dsn, server):
            await write(dsn, 0, 10)
            await caught_up(dsn, server)
            with psycopg.connect(dsn) as connection:
                (key,) = connection.execute("SELECT key FROM devices WHERE id = 'bin-1'").fetchone() or ()
            async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.cursor() as cursor:
                await drop(cursor, key, Obsolete(readings=[("battery_v", BEGIN, 3.5)]))
            await write(dsn, 10, 10)
            await until(lambda: waiting(dsn) == 0, "it goes on")
    assert server.points.keys() == expected(dsn).keys()
    assert [one["event"] for one in logs].count("influx_not_withdrawn") == 1


async def test_two_sinks_on_one_database_share_the_work(dsn: str, server: InfluxServer) -> None:
    async with running(dsn, server, batch_points=50), running(dsn, server, batch_points=50):
        await write(dsn, 0, 400)
        await caught_up(dsn, server)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("enabled = true", "influx: org: is needed"),
        ('enabled = true\norg = "o"\nbucket = "b"', "token: is needed when the sink is on"),
        ('readings = "x"\nfixes = "x"', "fixes: expected another measurement"),
        ('tags = ["device"]', "tags: each may stand once"),
        ('url = "influx:8086"', "influx.url"),
        ('tags = ["a b"]', "influx.tags"),
        ("nonsense = 1", "influx.nonsense"),
    ],
)
def test_settings_name_what_is_wrong(tmp_path: Any, text: str, fault: str) -> None:
    file = tmp_path / "sanihub.toml"
    file.write_text(f"[influx]\n{text}\n")
    with pytest.raises(ConfigError, match=fault.replace("[", r"\[")):
        load(file)


def test_the_token_comes_from_the_environment_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANIHUB_INFLUX__TOKEN", "very-secret")
    chosen = load()
    assert chosen.influx.token.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(chosen)
