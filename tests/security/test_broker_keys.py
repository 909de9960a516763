"""The embedded broker lets devices in by their keys, and a device speaks and listens for itself alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import psycopg
import pytest

from store.embedded.vacancy import choose_port
from tests.access_keys import make_key
from tests.hubs import HubProcess
from tests.servers import PostgresServer, temporary_folder, wait_until

ALICE, BOB = "bin-alice", "bin-bob"


class Place:
    """A hub whose embedded broker demands keys."""

    def __init__(self, hub: HubProcess, dsn: str, port: int) -> None:
        self.hub, self.dsn, self.port = hub, dsn, port

    def key(self, role: str, **options: Any) -> str:
        return make_key(self.dsn, role, **options)

    @contextlib.asynccontextmanager
    async def client(self, user: str, key: str, identifier: str = "", **options: Any) -> AsyncIterator[aiomqtt.Client]:
        client = aiomqtt.Client(
            "127.0.0.1", self.port, username=user, password=key, identifier=identifier or None,
            protocol=aiomqtt.ProtocolVersion.V311, timeout=30, **options,
        )  # fmt: skip
        async with client:
            yield client

    def heard(self, device: str) -> set[float]:
        """The fill levels that are stored of a device."""
        query = "SELECT r.value FROM readings r JOIN devices d ON d.key = r.device_key WHERE d.id = %s"
        with psycopg.connect(self.dsn) as connection:
            return {row[0] for row in connection.execute(query, (device,))}

    def revoke(self, key: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(
                "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE prefix = %s", (key.split("_")[1],)
            )


@pytest.fixture(scope="module")
def place(postgres_server: PostgresServer) -> Iterator[Place]:
    with postgres_server.database() as dsn, temporary_folder() as folder:
        port = choose_port("127.0.0.1", folder / "wish")
        hub = HubProcess(
            folder, dsn, f'[broker]\nport = {port}\ndevices = "keys"\nmax_messages_per_s = 1\nflood_pause_s = 5\n'
        )
        hub.start()
        try:
            wait_until(lambda: "mqtt_connected" in hub.text(), "the hub is at its broker")
            wait_until(lambda: hub.get("/readyz").status_code == 200, "the tables are made")
            yield Place(hub, dsn, port)
        finally:
            hub.stop()


def fill(pct: float) -> str:
    return json.dumps({"ts": 1_795_000_000 + pct, "readings": {"fill_pct": pct}})


async def refused(place: Place, user: str, key: str, identifier: str = "") -> bool:
    try:
        async with place.client(user, key, identifier):
            return False
    except aiomqtt.MqttError:
        return True


async def test_a_device_speaks_with_its_key_and_for_itself_alone(place: Place) -> None:
    alice, bob = place.key("device", device=ALICE), place.key("device", device=BOB)
    async with place.client(ALICE, alice, ALICE) as client:
        await client.publish(f"sanihub/v1/{ALICE}/telemetry", fill(1), qos=1)
        for topic in (f"sanihub/v1/{BOB}/telemetry", f"sanihub/v1/{BOB}/status", "$JS/API/STREAM/LIST", "anything"):
            await client.publish(topic, fill(66), qos=1)
            await client.publish(topic, fill(67), qos=0)
        await client.publish(f"sanihub/v1/{ALICE}/telemetry", fill(2), qos=1)
    async with place.client(BOB, bob) as client:
        await client.publish(f"sanihub/v1/{BOB}/telemetry", fill(3), qos=1)
    wait_until(lambda: place.heard(ALICE) == {1, 2} and place.heard(BOB) == {3}, "each is heard as itself")


async def test_a_last_will_speaks_for_its_own_device_alone(place: Place) -> None:
    carol = place.key("device", device="bin-carol")
    for topic, pct in (("bin-dave", 71), ("bin-carol", 72)):
        will = aiomqtt.Will(f"sanihub/v1/{topic}/telemetry", fill(pct), qos=1)
        with contextlib.suppress(aiomqtt.MqttError):
            async with place.client("bin-carol", carol, "bin-carol", will=will) as client:
                client._client._sock_close()  # torn, without a DISCONNECT
    wait_until(lambda: place.heard("bin-carol") == {72}, "the will of its own topic is heard")
    assert not place.heard("bin-dave")


@pytest.mark.parametrize("topic", [f"sanihub/v1/{BOB}/orders", "sanihub/v1/+/orders", "sanihub/#", "#", "$SYS/#"])
async def test_a_device_cannot_listen_for_another(place: Place, topic: str) -> None:
    async with place.client(ALICE, place.key("device", device=ALICE)) as client:
        answer = await client.subscribe([(f"sanihub/v1/{ALICE}/orders", 1), (topic, 1)])
    assert [code.value if hasattr(code, "value") else code for code in answer] == [1, 128]


async def test_a_device_gets_its_own_orders(place: Place) -> None:
    alice, server = place.key("device", device=ALICE), place.key("viewer")
    async with place.client(ALICE, alice) as client:
        await client.subscribe(f"sanihub/v1/{ALICE}/orders", qos=1)
        async with place.client("test viewer", server) as reader:  # who reads cannot write
            await reader.subscribe("sanihub/v1/#", qos=1)
            await reader.publish(f"sanihub/v1/{ALICE}/orders", "forged", qos=1)
            await client.publish(f"sanihub/v1/{ALICE}/telemetry", fill(9), qos=1)
            async with asyncio.timeout(30):
                message = await anext(aiter(reader.messages))
        assert message.payload == fill(9).encode()
        assert client.messages.__len__() == 0


@pytest.mark.parametrize(
    ("user", "identifier", "why"),
    [
        (BOB, "", "the user name has to be that"),
        (ALICE, BOB, "another device's"),
        (ALICE, f"{BOB}/2", "another device's"),
        (ALICE, "sanihub", "one of the hub's own"),
        (ALICE, "whatever", "its own id, or empty"),
    ],
)
async def test_nobody_takes_a_name_or_a_session_of_another(place: Place, user: str, identifier: str, why: str) -> None:
    key = place.key("device", device=ALICE)
    async with place.client(BOB, place.key("device", device=BOB)) as bob:
        await bob.publish(f"sanihub/v1/{BOB}/telemetry", fill(3), qos=1)  # so that it is known
    wait_until(lambda: 3 in place.heard(BOB), "bob is registered")
    assert await refused(place, user, key, identifier)
    assert why in place.hub.text()


async def test_wrong_passwords_and_nobody_are_refused(place: Place) -> None:
    right = place.key("device", device="bin-erin")
    for user, key in (("bin-erin", right[:-1] + "A"), ("bin-erin", "secret"), ("bin-erin", "")):
        assert await refused(place, user, key)
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", place.port, protocol=aiomqtt.ProtocolVersion.V311):
            pass
    assert not await refused(place, "bin-erin", right)
    told = place.hub.text()
    assert "no password" in told
    assert right not in told
    assert right[:-1] + "A" not in told


async def test_a_revoked_key_is_shown_out_and_stays_out(place: Place) -> None:
    key, other = place.key("device", device="bin-frank"), place.key("device", device=ALICE)
    async with place.client(ALICE, other) as bystander:
        with pytest.raises(aiomqtt.MqttError):
            async with place.client("bin-frank", key, "bin-frank") as client:
                place.revoke(key)
                async with asyncio.timeout(60):
                    async for _ in client.messages:
                        pass
        assert await refused(place, "bin-frank", key)
        await bystander.publish(f"sanihub/v1/{ALICE}/telemetry", fill(5), qos=1)
    wait_until(lambda: 5 in place.heard(ALICE), "others stay connected")


async def test_a_program_posts_for_many_and_commands_nobody(place: Place) -> None:
    async with place.client("test integration", place.key("integration"), "chirpstack-7") as server:
        await server.publish("sanihub/v1/bin-grace/telemetry", fill(4), qos=1)
        await server.publish("application/1/device/0102030405060708/event/status", "{}", qos=1)
        codes = await server.subscribe([("application/+/device/+/command/down", 1), ("sanihub/v1/+/telemetry", 1)])
        assert [getattr(code, "value", code) for code in codes] == [1, 128]
        await server.publish("sanihub/v1/bin-grace/orders", "{}", qos=1)
    wait_until(lambda: place.heard("bin-grace") == {4}, "it is heard")


async def test_a_key_that_is_limited_to_areas_does_not_listen(place: Place) -> None:
    assert await refused(place, "test viewer", place.key("viewer", areas=["north"]))


async def test_the_hub_counts_who_comes(place: Place) -> None:
    figures = place.hub.get("/metrics").text
    assert 'sanihub_broker_clients_total{outcome="admitted"}' in figures


def test_the_configuration_of_the_broker_tells_no_key(place: Place) -> None:
    key = place.key("device", device=ALICE)
    files = [file for file in Path(place.hub.log).parent.rglob("*") if file.is_file()]
    assert any(file.name == "nats.conf" for file in files)
    assert not [file for file in files if key.encode() in file.read_bytes()]


async def test_a_device_that_floods_is_sent_away_and_loses_nothing_that_was_acknowledged(place: Place) -> None:
    key, acknowledged = place.key("device", device="bin-flood"), 0
    with pytest.raises(aiomqtt.MqttError):
        async with place.client("bin-flood", key, "bin-flood") as client:
            for number in range(20_000):
                message = {"ts": 1_795_000_000 + number, "readings": {"mileage_km": number}}
                await client.publish("sanihub/v1/bin-flood/telemetry", json.dumps(message), qos=1)
                acknowledged = number + 1
    assert acknowledged > 300
    assert "device_flooding" in place.hub.text()
    async with asyncio.timeout(60):
        while await refused(place, "bin-flood", key, "bin-flood"):
            await asyncio.sleep(0.2)
    wait_until(lambda: len(place.heard("bin-flood")) >= acknowledged, "all of it is stored")
