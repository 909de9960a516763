"""The MQTT transport against real brokers: sessions, versions, TLS, sharing, back-pressure."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest

from devices.errors import ConfigError
from devices.vocabulary import Frame
from ingest.adapters.mqtt_json import NAME, topics
from ingest.pipeline import Bounds, Pipeline
from ingest.spool import Spool
from ingest.spool_feed import feed
from ingest.transports.mqtt.broker import Broker, Tls, tls_context
from ingest.transports.mqtt.subscriber import MqttSubscriber, Route
from store.telemetry.writer import PostgresStore
from tests.intake import contents, dead_letters, make_assembler, make_store
from tests.servers import Mosquitto, NatsServer, PostgresServer


def routes(source: str) -> list[Route]:
    return [Route(topic, NAME, source) for topic in topics("sanihub")]


class Line:
    """A subscriber, a pipeline and a store in this process."""

    def __init__(self, dsn: str, broker: Broker, bounds: Bounds | None = None, spool: Spool | None = None) -> None:
        self.store: PostgresStore = make_store(dsn)
        self.pipeline = Pipeline(self.store, make_assembler(self.store), bounds)
        self.dropped: list[Frame] = []
        fallback = spool.append if spool else self.dropped.append
        self.subscriber = MqttSubscriber(broker, routes(broker.name), self.pipeline, fallback)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Line:
        self._tasks = [asyncio.create_task(self.pipeline.run()), asyncio.create_task(self.subscriber.run())]
        await self.until(lambda: self.subscriber.connected)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.subscriber.pause_reading()
        self.pipeline.stop()
        await self._tasks[0]
        await self.subscriber.stop()
        await self._tasks[1]
        await self.store.close()

    async def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    async def committed(self, count: int) -> None:
        await self.until(lambda: self.pipeline.stats.frames >= count and self.pipeline.in_flight == 0)


@contextlib.asynccontextmanager
async def device(address: tuple[str, int], **options: Any) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(*address, **options) as client:
        yield client


async def send(client: aiomqtt.Client, numbers: range, qos: int = 1, name: str = "dev-1") -> None:
    for number in numbers:
        message = {"ts": 1_795_000_000 + number, "readings": {"mileage_km": number}}
        await client.publish(f"sanihub/v1/{name}/telemetry", json.dumps(message), qos=qos)


def values(dsn: str) -> list[float]:
    return sorted(row[3] for row in contents(dsn)["readings"])


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_session_keeps_what_came_while_the_hub_was_away(
    postgres_dsn: str, mosquitto: Callable[..., Mosquitto], version: str
) -> None:
    server = mosquitto(max_inflight_messages=50)
    broker = Broker("m", *server.address, version=version)
    async with Line(postgres_dsn, broker) as line, device(server.address) as client:
        await send(client, range(100))
        await line.committed(100)
    async with device(server.address) as client:
        await send(client, range(100, 200))
    async with Line(postgres_dsn, broker) as line:
        await line.committed(100)
        assert line.pipeline.stats.duplicates == 0
    assert values(postgres_dsn) == list(range(200))


@pytest.mark.parametrize(("late", "rows"), [(True, 1), (False, 2)])
async def test_what_was_answered_late_may_come_again_unmarked(
    postgres_dsn: str, nats_broker: NatsServer, late: bool, rows: int
) -> None:
    """A broker that lost patience while the answer was on its way sends the message again as a new one."""
    async with Line(postgres_dsn, Broker("n", *nats_broker.address)) as line, device(nats_broker.address) as client:
        if late:
            line.subscriber.repetitions.late_us = 0
        for count in (1, 2):
            await client.publish("sanihub/v1/bin-1/telemetry", b'{"readings": {"fill_pct": 40}}', qos=1)
            await line.committed(count)
        await client.publish("sanihub/v1/bin-1/telemetry", b'{"readings": {"fill_pct": 41}}', qos=1)
        await line.committed(3)
    assert values(postgres_dsn) == [40] * rows + [41]


async def test_credentials_and_tls(postgres_dsn: str, mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto(tls=True, username="hub", password="secret-42")
    assert server.ca_file is not None
    trusted = ssl.create_default_context(cafile=str(server.ca_file))
    broker = Broker("m", *server.address, version="5", username="hub", password="secret-42", tls=Tls(ca=server.ca_file))
    login = {"username": "hub", "password": "secret-42"}
    async with Line(postgres_dsn, broker) as line, device(server.address, tls_context=trusted, **login) as client:
        await send(client, range(50))
        await line.committed(50)
    assert values(postgres_dsn) == list(range(50))


@pytest.mark.parametrize("fault", ["password", "certificate"])
async def test_a_refusal_is_told_and_tried_again(
    postgres_dsn: str, mosquitto: Callable[..., Mosquitto], fault: str
) -> None:
    server = mosquitto(tls=True, username="hub", password="secret-42")
    tls = Tls(ca=server.ca_file) if fault == "password" else Tls()
    password = "wrong" if fault == "password" else "secret-42"
    line = Line(postgres_dsn, Broker("m", *server.address, username="hub", password=password, tls=tls))
    running = asyncio.create_task(line.subscriber.run())
    await line.until(lambda: line.subscriber.condition.failures >= 2)
    told = line.subscriber.condition.fault or ""
    assert ("authori" in told.lower()) if fault == "password" else ("certificate" in told.lower())
    assert "secret-42" not in told
    await line.subscriber.stop()
    await running


def test_missing_certificate_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        tls_context(Tls(ca=tmp_path / "nowhere.pem"))


async def test_shared_subscription_divides_the_work(postgres_dsn: str, mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto(max_inflight_messages=100)
    one = Broker("one", *server.address, version="5", client_id="hub-1", share="hubs")
    two = msgspec.structs.replace(one, name="two", client_id="hub-2")
    async with (
        Line(postgres_dsn, one) as first,
        Line(postgres_dsn, two) as second,
        device(server.address) as client,
    ):
        await send(client, range(300))
        await first.until(lambda: first.pipeline.stats.frames + second.pipeline.stats.frames == 300)
        assert min(first.pipeline.stats.frames, second.pipeline.stats.frames) > 0
        await first.until(lambda: first.pipeline.in_flight + second.pipeline.in_flight == 0)
    assert values(postgres_dsn) == list(range(300))


async def test_several_brokers_feed_one_pipeline(
    postgres_dsn: str, mosquitto: Callable[..., Mosquitto], nats_broker: NatsServer
) -> None:
    server = mosquitto()
    async with Line(postgres_dsn, Broker("m", *server.address)) as line:
        second = MqttSubscriber(Broker("n", *nats_broker.address), routes("n"), line.pipeline, line.dropped.append)
        running = asyncio.create_task(second.run())
        await line.until(lambda: second.connected)
        async with device(server.address) as here, device(nats_broker.address) as there:
            await send(here, range(50))
            await send(there, range(50, 100))
        await line.committed(100)
        await second.stop()
        await running
    assert values(postgres_dsn) == list(range(100))


async def test_nothing_is_acknowledged_while_the_store_is_away(
    private_postgres: PostgresServer, mosquitto: Callable[..., Mosquitto]
) -> None:
    """The broker's window fills and no more; what is in flight stays bounded, and all arrives afterwards."""
    server = mosquitto(max_inflight_messages=1_000)
    broker = Broker("m", *server.address, version="5", in_flight=200)
    async with Line(private_postgres.dsn(), broker) as line, device(server.address) as client:
        await send(client, range(10))
        await line.committed(10)
        private_postgres.stop()
        await send(client, range(10, 1_000))
        await line.until(lambda: line.subscriber.received == 210)
        assert line.pipeline.in_flight == 200
        private_postgres.start()
        await line.committed(1_000)
    assert values(private_postgres.dsn()) == list(range(1_000))


async def test_a_broker_without_a_window_is_held_by_the_socket(
    private_postgres: PostgresServer, mosquitto: Callable[..., Mosquitto]
) -> None:
    server = mosquitto(max_inflight_messages=0)
    async with (
        Line(private_postgres.dsn(), Broker("m", *server.address), Bounds(max_in_flight=300)) as line,
        device(server.address) as client,
    ):
        await send(client, range(10))
        await line.committed(10)
        private_postgres.stop()
        await send(client, range(10, 2_000))
        await line.until(lambda: not line.pipeline.has_room)
        assert line.pipeline.in_flight <= 301
        private_postgres.start()
        await line.committed(2_000)
    assert values(private_postgres.dsn()) == list(range(2_000))


async def test_qos_0_goes_to_the_spool_when_the_hub_must_stop_without_its_store(
    private_postgres: PostgresServer, mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    server = mosquitto()
    dsn = private_postgres.dsn()
    spool = Spool(tmp_path / "spool")
    async with Line(dsn, Broker("m", *server.address), spool=spool) as line, device(server.address) as client:
        await send(client, range(5))
        await line.committed(5)
        private_postgres.stop()
        await send(client, range(5, 50), qos=0)
        await line.until(lambda: line.subscriber.received == 50)
    assert spool.waiting == 45
    spool.close()
    private_postgres.start()
    again = Spool(tmp_path / "spool")
    stop = asyncio.Event()
    async with Line(dsn, Broker("m", *server.address), spool=again) as line:
        feeding = asyncio.create_task(feed(again, line.pipeline, stop))
        await line.until(lambda: again.waiting == 0)
        stop.set()
        await feeding
    again.close()
    assert values(dsn) == list(range(50))


async def test_last_will_and_retained_status(postgres_dsn: str, mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto()
    broker = Broker("m", *server.address)
    will = aiomqtt.Will("sanihub/v1/dev-1/status", "offline", qos=1, retain=True)
    async with Line(postgres_dsn, broker) as line, device(server.address, will=will) as client:
        await client.publish("sanihub/v1/dev-1/status", "online", qos=1, retain=True)
        await line.committed(1)
        client._client._sock.shutdown(2)  # type: ignore[union-attr]  # the device vanishes without a goodbye
        await line.committed(2)
        with contextlib.suppress(aiomqtt.MqttError):
            await client.publish("x", "", qos=1, timeout=1)
    assert [row[1] for row in contents(postgres_dsn)["events"]] == ["offline", "online"]
    assert contents(postgres_dsn)["state"][0][4] is False
    # The retained copy that a new subscription brings is the same event, not another one.
    async with Line(postgres_dsn, broker) as line:
        await line.committed(1)
    assert len(contents(postgres_dsn)["events"]) == 2


async def test_foreign_topics_end_in_dead_letters(postgres_dsn: str, mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto()
    async with Line(postgres_dsn, Broker("m", *server.address)) as line, device(server.address) as client:
        await client.publish("sanihub/v1/-bad-/telemetry", '{"readings":{"fill_pct":1}}', qos=1)
        await client.publish("sanihub/v1/好/telemetry", '{"readings":{"fill_pct":1}}', qos=1)
        await client.publish("sanihub/v1/bin-1/telemetry", b"x" * 300_000, qos=1)
        await line.committed(3)
    letters = dead_letters(postgres_dsn)
    assert [code for code, _ in letters] == ["malformed", "malformed", "oversized"]
    assert letters[0][1].startswith("topic: expected a device id")
    assert letters[2][1].startswith("payload: 300000 bytes, expected at most 262144")
