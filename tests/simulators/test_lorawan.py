from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from simulators.message import Message
from simulators.speakers.lorawan import LorawanSpeaker
from simulators.speakers.lorawan_envelopes import Uplink, envelope, topic
from simulators.speakers.lorawan_sensors import BIN_MODELS, GS301, WS301, Model, Sensor, sensors_of
from simulators.speakers.mqtt_json import MqttSpeaker
from simulators.truth import Record, TruthLog
from tests.simulators.observations import BIN, START, TOILET, seen

EM310, EM400, LDDS75 = BIN_MODELS


@pytest.mark.parametrize(
    ("model", "readings", "port", "data", "decoded"),
    [
        # The first two and the last two are the examples of the makers' pages and the public collections of payloads.
        (
            EM310,
            {"battery_pct": 92, "distance_mm": 2_116, "tilt": 1},
            85,
            "01755c 03824408 040001",
            {"battery": 92, "distance": 2_116, "position": "tilt"},
        ),
        (
            EM400,
            {"battery_pct": 92, "temperature_c": 25.7, "distance_mm": 2_116, "tilt": 1},
            85,
            "01755c 03670101 04824408 050001",
            {"battery": 92, "temperature": 25.7, "distance": 2_116, "position": "tilt"},
        ),
        (
            LDDS75,
            BIN,
            2,
            "0de1 059a 00 ffdd 01",  # 3.553 V; 1234 mm and the 200 that it sits higher; -3.5 °C
            {
                "Node_type": "LDDS75",
                "Bat": 3.553,
                "Distance": 1_434,
                "Interrupt_flag": 0,
                "TempC_DS18B20": "-3.50",
                "Sensor_flag": 1,
            },
        ),
        (
            GS301,
            {"battery_pct": 100, "temperature_c": 28.4, "humidity_pct": 50.1, "nh3_ppm": 0.004, "h2s_ppm": 0.01},
            85,
            "017564 02671c01 036864 047d0000 057d0100",
            {"battery": 100, "temperature": 28.4, "humidity": 50.0, "nh3": 0.0, "h2s": 0.01},
        ),
        (
            WS301,
            {"battery_pct": 100, "stalls_occupied": 0},
            85,
            "017564 030001 040000",
            {"battery": 100, "magnet_status": "open", "tamper_status": "installed"},
        ),
    ],
)
def test_payloads_byte_for_byte(
    model: Model, readings: dict[str, float], port: int, data: str, decoded: dict[str, Any]
) -> None:
    payload = Sensor(model, "24e1240000000001", True).payload(seen("bin-0001", readings))
    assert (payload.f_port, payload.data.hex()) == (port, data.replace(" ", ""))
    assert payload.decoded == decoded


def uplink(f_cnt: int = 7, decodes: bool = True, rssi: int = -80) -> Uplink:
    sensor = Sensor(EM310, "24e1247130000001", decodes)
    return Uplink("bin-0001", sensor, sensor.payload(seen("bin-0001", BIN)), f_cnt, START + 250_000, rssi, 9.5)


def test_the_envelope_of_chirpstack() -> None:
    event = json.loads(envelope("chirpstack", uplink()))
    assert event["time"] == "2026-11-23T00:00:00.250000+00:00"
    assert event["deviceInfo"]["devEui"] == "24e1247130000001"
    assert event["deviceInfo"]["deviceProfileName"] == "Milesight EM310-UDL"
    assert (event["fCnt"], event["fPort"], event["dr"], event["confirmed"]) == (7, 85, 5, False)
    assert base64.b64decode(event["data"]).hex() == "01755c0382d204040001"
    assert event["object"] == {"battery": 92, "distance": 1_234, "position": "tilt"}
    assert [(heard["rssi"], heard["snr"]) for heard in event["rxInfo"]] == [(-80, 9.5), (-87, 7.0)]
    assert topic("chirpstack", uplink()).endswith("/device/24e1247130000001/event/up")
    without = json.loads(envelope("chirpstack", uplink(decodes=False, rssi=-100)))
    assert "object" not in without
    assert len(without["rxInfo"]) == 1


def test_the_envelope_of_the_things_stack() -> None:
    event = json.loads(envelope("tts", uplink()))
    ids, message = event["end_device_ids"], event["uplink_message"]
    assert (ids["device_id"], ids["dev_eui"]) == ("bin-0001-em310-udl", "24E1247130000001")
    assert (message["f_cnt"], message["f_port"], message["frm_payload"]) == (7, 85, "AXVcA4LSBAQAAQ==")
    assert message["received_at"] == "2026-11-23T00:00:00.250000000Z"
    assert event["received_at"] == "2026-11-23T00:00:00.460000000Z"
    assert message["decoded_payload"]["distance"] == 1_234
    assert (message["version_ids"]["brand_id"], message["version_ids"]["model_id"]) == ("milesight-iot", "em310-udl")
    assert topic("tts", uplink()) == "v3/sanitation@ttn/devices/bin-0001-em310-udl/up"
    first = json.loads(envelope("tts", uplink(0, decodes=False)))["uplink_message"]
    assert "f_cnt" not in first, "a 0 is left out there"
    assert "decoded_payload" not in first


def test_every_device_has_sensors_of_its_own() -> None:
    found = [sensor for number in range(1, 200) for sensor in sensors_of("bin", number)]
    found += [sensor for number in range(1, 200) for sensor in sensors_of("toilet", number)]
    assert len({sensor.dev_eui for sensor in found}) == len(found) == 3 * 199
    assert {sensor.model.name for sensor in found} == {"EM310-UDL", "EM400-MUD", "LDDS75", "GS301", "WS301"}
    for model in (EM310, GS301, LDDS75):
        assert {sensor.decodes for sensor in found if sensor.model is model} == {True, False}


class Inbox:
    """Everything that a broker is sent, in order."""

    def __init__(self, address: Any) -> None:
        self._address = address
        self.items: list[tuple[str, bytes]] = []

    async def gather(self, count: int, said: asyncio.Event) -> None:
        import aiomqtt

        async with asyncio.timeout(60), aiomqtt.Client(self._address.host, self._address.port) as client:
            await client.subscribe("#", qos=1)
            said.set()
            while len(self.items) < count:
                message = await anext(aiter(client.messages))
                assert isinstance(message.payload, bytes)
                self.items.append((message.topic.value, message.payload))


async def test_a_broker_hears_every_uplink_and_copies_are_the_very_same(own_broker: Any) -> None:
    said, inbox = asyncio.Event(), Inbox(own_broker.address)
    lines: list[bytes] = []
    truth = TruthLog(lines.append)
    gathering = asyncio.create_task(inbox.gather(11, said))
    await said.wait()
    async with MqttSpeaker(own_broker.address) as link:
        speaker = LorawanSpeaker(
            "chirpstack", link, lambda name: sensors_of(name[:-5], int(name[-4:])), seed=1, truth=truth, rejoins=0.3
        )
        reports = [seen("toilet-0001", TOILET, number) for number in range(4)]
        await speaker.publish(Message("toilet-0001", START, (reports[0],)))
        await speaker.publish(Message("toilet-0001", START, offline=True))
        await speaker.publish(Message("toilet-0001", START, tuple(reports[1:])))
        await speaker.publish(Message("toilet-0001", START, (reports[2],), copy=True))
        await speaker.publish(Message("toilet-0001", START, raw=b"{12"))
        await speaker.drain()
        assert (speaker.tally.taken, speaker.tally.acknowledged, speaker.tally.in_flight) == (4, 4, 0)
    await gathering
    noses = [json.loads(payload) for name, payload in inbox.items if "24e124798" in name]
    assert len({name for name, _ in inbox.items}) == 2, "a nose and a door"
    *told, copy, noise = noses
    assert [event["time"][17:19] for event in told] == ["00", "01", "02", "03"]
    assert copy == told[2]
    assert base64.b64decode(noise["data"]) == b"{12"
    resets = [json.loads(line) for line in lines]
    counted = [event["fCnt"] for event in told]
    assert counted != sorted(counted) or counted[0] == 0, "this seed lets the sensor join anew"
    assert {line["kind"] for line in resets} == {"frame_counter_reset"}
    assert all(isinstance(Record(**{k: v for k, v in line.items() if k != "record"}), Record) for line in resets)


async def test_the_same_seed_counts_the_same_frames(own_broker: Any) -> None:
    async def frames(seed: int) -> list[bytes]:
        said, inbox = asyncio.Event(), Inbox(own_broker.address)
        gathering = asyncio.create_task(inbox.gather(20, said))
        await said.wait()
        async with MqttSpeaker(own_broker.address) as link:
            truth = TruthLog(lambda _: None)
            speaker = LorawanSpeaker("tts", link, lambda _: sensors_of("bin", 1), seed=seed, truth=truth, rejoins=0.2)
            for number in range(20):
                await speaker.publish(Message("bin-0001", START, (seen("bin-0001", BIN, number),)))
            await speaker.drain()
        await gathering
        return [payload for _, payload in inbox.items]

    first, second, other = [await frames(seed) for seed in (1, 1, 2)]
    assert first == second != other
