"""LoRaWAN network servers over a real broker into a real database, with the hub as its own process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time_ns

import aiomqtt
import httpx

from devices.instants import to_iso
from devices.vocabulary import Identity
from store.telemetry.devices_table import DeviceSpec, enter
from tests.hubs import HubProcess, mqtt_section
from tests.intake import contents, dead_letters, make_store
from tests.lorawan import SECOND, SERVERS, Said
from tests.posting import posting
from tests.servers import Mosquitto

SECTIONS = """
[[chirpstack]]
name = "bins"
broker = "test"
models = { "24e1" = "EM310-UDL" }
[[tts]]
name = "ttn"
broker = "test"
application = "bins"
tenant = "ttn"
models = { "24e1" = "EM310-UDL" }
[[loriot]]
name = "carrier"
broker = "test"
topics = ["loriot/+/out"]
models = { "24e1" = "EM310-UDL" }
[[thingpark]]
name = "operator"
broker = "test"
topics = ["mqtt/things/+/uplink"]
models = { "24e1" = "EM310-UDL" }
"""

TOPICS = {
    "chirpstack": "application/7/device/{}/event/up",
    "tts": "v3/bins@ttn/devices/eui-{}/up",
    "loriot rx": "loriot/{}/out",
    "loriot gw": "loriot/{}/out",
    "thingpark": "mqtt/things/{}/uplink",
}

Copy = tuple[str, Said, int]  #: server, what was said, how far (s) its time lies from that


async def publish(address: tuple[str, int], copies: Sequence[Copy]) -> None:
    async with aiomqtt.Client(*address) as client:
        for server, said, apart in copies:
            envelope = SERVERS[server][1](said, said.at + apart * SECOND, -90 - apart)
            await client.publish(TOPICS[server].format(said.dev_eui), json.dumps(envelope), qos=1)


def committed(hub: HubProcess, count: int) -> bool:
    """Whether so many messages are committed since the hub's start, and none is on its way."""
    answer = hub.get("/api/v1/status")
    if answer.status_code != httpx.codes.OK:  # it starts, and its tables are not there yet
        return False
    figures: dict[str, int] = answer.json()["pipeline"]
    return figures["messages_total"] >= count and not figures["in_flight"]


def distances(dsn: str) -> list[float]:
    return [row[3] for row in contents(dsn, tables=("readings",))["readings"] if row[1] == "distance_mm"]


def test_ways_copies_and_a_killed_hub_are_one_set_of_rows(
    postgres_dsn: str,
    mosquitto: Callable[..., Mosquitto],
    open_folder: Path,
    eventually: Callable[..., None],
) -> None:
    broker = mosquitto()
    hub = HubProcess(open_folder, postgres_dsn, mqtt_section(broker.address) + SECTIONS)
    now = time_ns() // 1_000_000 * 1_000 - 600 * SECOND
    first = Said(now, 1, 501)
    hub.start()
    try:
        asyncio.run(publish(broker.address, [(server, first, n) for n, server in enumerate(SERVERS)]))
        eventually(lambda: committed(hub, len(SERVERS)), "all copies are committed")
        hub.kill()
        # The counter begins again, and what was said before comes once more by another way.
        again = Said(now + 300 * SECOND, 1, 501)
        away = [("loriot gw", first, 6), ("chirpstack", again, 0), ("tts", again, 2), ("chirpstack", again, 0)]
        asyncio.run(publish(broker.address, away))
        hub.start()
        eventually(lambda: committed(hub, len(away)), "the rest is committed")
    finally:
        hub.stop()
    assert distances(postgres_dsn) == [501.0, 501.0]
    rows = contents(postgres_dsn, tables=("readings",))["readings"]
    assert {name: sum(row[1] == name for row in rows) for name in ("rssi_dbm", "snr_db", "battery_pct")} == {
        "rssi_dbm": 2,
        "snr_db": 2,
        "battery_pct": 2,
    }
    assert not dead_letters(postgres_dsn)


def test_the_registry_says_what_a_device_is(
    postgres_dsn: str,
    mosquitto: Callable[..., Mosquitto],
    open_folder: Path,
    eventually: Callable[..., None],
) -> None:
    """A device registered with its model is decoded under its own id; one that nobody knows says what to set."""

    async def prepare() -> None:
        store = make_store(postgres_dsn)
        await store.open()
        await store.close()
        identity = Identity("dev_eui", "24e124713d000001")
        await enter(
            postgres_dsn, [DeviceSpec("bin-0042", "bin", attributes={"model": "EM310-UDL"}, identities=(identity,))]
        )

    asyncio.run(prepare())
    broker = mosquitto()
    section = '\n[[chirpstack]]\nname = "bins"\nbroker = "test"\n'
    hub = HubProcess(open_folder, postgres_dsn, mqtt_section(broker.address) + section)
    now = time_ns() // 1_000 - 60 * SECOND
    known, stranger = Said(now, 1), Said(now, 1, dev_eui="24e124713d000002")
    hub.start()
    try:
        asyncio.run(publish(broker.address, [("chirpstack", known, 0), ("chirpstack", stranger, 0)]))
        eventually(lambda: committed(hub, 2), "both are committed")
        counted = 'sanihub_lorawan_messages_total{kind="uplink",protocol="chirpstack"} 2'
        assert counted in hub.get("/metrics").text.replace(".0\n", "\n")
    finally:
        hub.stop()
    rows = contents(postgres_dsn, tables=("readings",))["readings"]
    assert {(row[0], row[1]) for row in rows} == {
        ("bin-0042", "battery_pct"),
        ("bin-0042", "distance_mm"),
        ("bin-0042", "rssi_dbm"),
        ("bin-0042", "snr_db"),
        ("24e124713d000002", "rssi_dbm"),
        ("24e124713d000002", "snr_db"),
    }
    ((code, reason),) = dead_letters(postgres_dsn)
    assert code == "invalid"
    assert reason.startswith("model: no codec is known for dev_eui:24e124713d000002")

    asyncio.run(enter(postgres_dsn, [DeviceSpec("24e124713d000002", attributes={"model": "EM310-UDL"})]))
    replay = [sys.executable, "-m", "hub.cli", "dead-letters", "replay", "--config", str(open_folder / "sanihub.toml")]
    subprocess.run(replay, cwd=open_folder, check=True, timeout=120, capture_output=True)
    found = [row for row in contents(postgres_dsn, tables=("readings",))["readings"] if row[0] == "24e124713d000002"]
    assert {row[1] for row in found} == {"battery_pct", "distance_mm", "rssi_dbm", "snr_db"}
    assert len({row[2] for row in found}) == 1


async def test_webhooks_of_all_servers_file_one_uplink_once(postgres_dsn: str, tmp_path: Path) -> None:
    """With a key and no section but the one that says what the devices are; a join says so in its query."""
    said = Said(time_ns() // 1_000_000 * 1_000 - 60 * SECOND, 7)
    models = {"24e1": "EM310-UDL"}
    sections = {name: [{"name": "all", "models": models}] for name in ("chirpstack", "tts", "loriot", "thingpark")}
    async with posting(postgres_dsn, tmp_path, **sections) as post:
        headers = {"X-API-Key": await post.key("integration")}
        for apart, (protocol, envelope) in enumerate(SERVERS.values()):
            message = envelope(said, said.at + apart * SECOND, -90)
            for _ in range(2):
                answer = await post.client.post(f"/api/v1/uplinks/{protocol}", json=message, headers=headers)
                assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "problems": []})
        joined = {"time": to_iso(said.at), "deviceInfo": {"devEui": said.dev_eui}, "devAddr": said.dev_addr}
        answer = await post.client.post("/api/v1/uplinks/chirpstack?event=join", json=joined, headers=headers)
        assert answer.json()["accepted"] == 1
        answer = await post.client.post("/api/v1/uplinks/chirpstack?event=txack", json=joined, headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 0)
        answer = await post.client.post("/api/v1/uplinks/tts", json=joined, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "end_device_ids")
    rows = contents(postgres_dsn, tables=("readings", "events"))
    assert sorted(row[1] for row in rows["readings"]) == ["battery_pct", "distance_mm", "rssi_dbm", "snr_db"]
    assert [row[1] for row in rows["events"]] == ["joined"]
    assert [code for code, _ in dead_letters(postgres_dsn)] == ["malformed"]
