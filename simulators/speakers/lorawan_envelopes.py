"""Uplinks in the envelopes of ChirpStack v4 and The Things Stack v3, as these network servers publish them by MQTT."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from simulators.city.observation import SECOND
from simulators.speakers.lorawan_sensors import Payload, Sensor

Server = Literal["chirpstack", "tts"]
APPLICATION = "2f6b8f2c-4c1e-4f6a-9a3d-5b1f0d2c7e11"  # of ChirpStack; The Things Stack has names instead
TTS_APPLICATION, TTS_TENANT = "sanitation", "ttn"
_NAMES = uuid.UUID("7b1d3a52-9e0f-4d0a-8a57-1c6f4f1f2a10")
_FREQUENCIES = (470_300_000, 470_500_000, 470_700_000, 470_900_000, 471_100_000, 471_300_000, 471_500_000, 471_700_000)
_GATEWAYS = ("0016c001f1530001", "0016c001f1530002")
_ENCODE = msgspec.json.Encoder().encode


class Uplink(msgspec.Struct, frozen=True):
    """One uplink of a sensor as a network server has received it at ``at`` (µs), with how it was heard."""

    device_id: str
    sensor: Sensor
    payload: Payload
    f_cnt: int
    at: int
    rssi: int
    snr: float


def topic(server: Server, uplink: Uplink) -> str:
    """Where the server publishes it."""
    if server == "chirpstack":
        return f"application/{APPLICATION}/device/{uplink.sensor.dev_eui}/event/up"
    return f"v3/{TTS_APPLICATION}@{TTS_TENANT}/devices/{_tts_device(uplink)}/up"


def envelope(server: Server, uplink: Uplink) -> bytes:
    """The message."""
    return _ENCODE(_chirpstack(uplink) if server == "chirpstack" else _tts(uplink))


def _chirpstack(uplink: Uplink) -> dict[str, Any]:
    """The event ``up``: the JSON form of ``integration.UplinkEvent``, in which bytes are base64 and ids are hex."""
    sensor, model, time = uplink.sensor, uplink.sensor.model, _micros(uplink.at)
    event: dict[str, Any] = {
        "deduplicationId": str(uuid.uuid5(_NAMES, f"{sensor.dev_eui}/{uplink.f_cnt}/{uplink.at}")),
        "time": time,
        "deviceInfo": {
            "tenantId": str(uuid.uuid5(_NAMES, "tenant")),
            "tenantName": "City sanitation",
            "applicationId": APPLICATION,
            "applicationName": "sanitation",
            "deviceProfileId": str(uuid.uuid5(_NAMES, model.name)),
            "deviceProfileName": f"{model.brand} {model.name}",
            "deviceName": f"{uplink.device_id} {model.name}",
            "devEui": sensor.dev_eui,
            "deviceClassEnabled": "CLASS_A",
            "tags": {},
        },
        "devAddr": sensor.dev_eui[-8:],
        "adr": True,
        "dr": 5,
        "fCnt": uplink.f_cnt,
        "fPort": uplink.payload.f_port,
        "confirmed": False,
        "data": base64.b64encode(uplink.payload.data).decode(),
        "rxInfo": [_chirpstack_gateway(uplink, number, gateway) for number, gateway in enumerate(_heard_by(uplink))],
        "txInfo": {
            "frequency": _FREQUENCIES[uplink.f_cnt % 8],
            "modulation": {"lora": {"bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
        "regionConfigId": "cn470_0",
    }
    if sensor.decodes:
        event["object"] = uplink.payload.decoded
    return event


def _chirpstack_gateway(uplink: Uplink, number: int, gateway: str) -> dict[str, Any]:
    return {
        "gatewayId": gateway,
        "uplinkId": (uplink.at // 1_000 + number) & 0xFFFF,
        "gwTime": _micros(uplink.at),
        "nsTime": _micros(uplink.at + 45_000),
        "rssi": uplink.rssi - 7 * number,
        "snr": round(uplink.snr - 2.5 * number, 1),
        "channel": uplink.f_cnt % 8,
        "location": {"latitude": 30.581, "longitude": 114.302, "altitude": 61},
        "context": base64.b64encode((uplink.at // 1_000 & 0xFFFFFFFF).to_bytes(4, "big")).decode(),
        "metadata": {"region_common_name": "CN470", "region_config_id": "cn470_0"},
        "crcStatus": "CRC_OK",
    }


def _tts(uplink: Uplink) -> dict[str, Any]:
    """An ``ApplicationUp``; fields that are 0, false or empty are left out, so also a frame counter of 0."""
    sensor, model = uplink.sensor, uplink.sensor.model
    message: dict[str, Any] = {
        "session_key_id": base64.b64encode(bytes.fromhex(sensor.dev_eui)).decode(),
        "f_port": uplink.payload.f_port,
        "f_cnt": uplink.f_cnt,
        "frm_payload": base64.b64encode(uplink.payload.data).decode(),
        "rx_metadata": [_tts_gateway(uplink, number, gateway) for number, gateway in enumerate(_heard_by(uplink))],
        "settings": {
            "data_rate": {"lora": {"bandwidth": 125_000, "spreading_factor": 7, "coding_rate": "4/5"}},
            "frequency": str(_FREQUENCIES[uplink.f_cnt % 8]),
            "timestamp": uplink.at & 0xFFFFFFFF,
            "time": _micros(uplink.at - 40_000, "Z"),
        },
        "received_at": _micros(uplink.at, "000Z"),
        "consumed_airtime": "0.061696s",
        "version_ids": {
            "brand_id": {"Milesight": "milesight-iot"}.get(model.brand, model.brand.lower()),
            "model_id": model.name.lower(),
            "hardware_version": "1.0",
            "firmware_version": "1.1",
            "band_id": "CN_470_510",
        },
        "network_ids": {"net_id": "000013", "tenant_id": TTS_TENANT, "cluster_id": "eu1"},
    }
    if uplink.f_cnt == 0:
        del message["f_cnt"]
    if sensor.decodes:
        message["decoded_payload"] = uplink.payload.decoded
    return {
        "end_device_ids": {
            "device_id": _tts_device(uplink),
            "application_ids": {"application_id": TTS_APPLICATION},
            "dev_eui": sensor.dev_eui.upper(),
            "join_eui": "24E124C0002A0001",
            "dev_addr": sensor.dev_eui[-8:].upper(),
        },
        "correlation_ids": [f"as:up:{uuid.uuid5(_NAMES, f'{sensor.dev_eui}/{uplink.f_cnt}/{uplink.at}').hex}"],
        "received_at": _micros(uplink.at + 210_000, "000Z"),
        "uplink_message": message,
    }


def _tts_gateway(uplink: Uplink, number: int, gateway: str) -> dict[str, Any]:
    return {
        "gateway_ids": {"gateway_id": f"eui-{gateway}", "eui": gateway.upper()},
        "time": _micros(uplink.at - 40_000, "Z"),
        "timestamp": uplink.at & 0xFFFFFFFF,
        "rssi": uplink.rssi - 7 * number,
        "channel_rssi": uplink.rssi - 7 * number,
        "snr": round(uplink.snr - 2.5 * number, 1),
        "received_at": _micros(uplink.at - 20_000, "Z"),
    }


def _tts_device(uplink: Uplink) -> str:
    return f"{uplink.device_id}-{uplink.sensor.model.name.lower()}"


def _heard_by(uplink: Uplink) -> tuple[str, ...]:
    """A strong signal reaches both gateways."""
    return _GATEWAYS if uplink.rssi > -90 else _GATEWAYS[:1]


def _micros(at: int, zone: str = "+00:00") -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%S}.{at % SECOND:06d}{zone}"
