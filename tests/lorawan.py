"""Uplinks of a bin sensor (Milesight EM310-UDL), and what each network server makes of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from devices.instants import to_iso
from devices.metrics import Catalogue
from devices.registry import Registry
from devices.vocabulary import Frame
from ingest.adapters.lorawan import chirpstack, loriot, thingpark, tts
from ingest.assembly import Assembler, IntakeRules
from ingest.plugin import Tools
from ingest.ports import Decoder
from store.telemetry.writer import PostgresStore
from tests.intake import NOW

SECOND = 1_000_000
MODELS = {"24e1": "EM310-UDL"}


class Said(msgspec.Struct, frozen=True):
    """What a device said: counter, distance, in which session, when (µs)."""

    at: int
    f_cnt: int = 0
    distance_mm: int = 500
    dev_eui: str = "24e124713d000001"
    dev_addr: str = "01020304"

    @property
    def payload(self) -> bytes:
        return b"\x01\x75\x5c\x03\x82" + self.distance_mm.to_bytes(2, "little")


def by_chirpstack(said: Said, at: int, rssi: int) -> dict[str, Any]:
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": to_iso(at),
        "deviceInfo": {"deviceName": "bin", "devEui": said.dev_eui, "deviceProfileName": "bins"},
        "devAddr": said.dev_addr,
        "fCnt": said.f_cnt,
        "fPort": 85,
        "data": base64.b64encode(said.payload).decode(),
        "rxInfo": [{"gatewayId": "a84041ffff1e2c30", "rssi": rssi, "snr": 1.5}],
    }


def by_tts(said: Said, at: int, rssi: int) -> dict[str, Any]:
    uplink = {
        "f_port": 85,
        "f_cnt": said.f_cnt,
        "frm_payload": base64.b64encode(said.payload).decode(),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "roof"}, "rssi": rssi, "snr": 1.5}],
        "received_at": to_iso(at),
    }
    if not said.f_cnt:
        del uplink["f_cnt"]
    ids = {"device_id": "bin", "dev_eui": said.dev_eui.upper(), "dev_addr": said.dev_addr.upper()}
    return {"end_device_ids": ids, "received_at": to_iso(at + SECOND), "uplink_message": uplink}


def by_loriot(said: Said, at: int, rssi: int, cmd: str = "rx") -> dict[str, Any]:
    message = {
        "cmd": cmd,
        "EUI": said.dev_eui.upper(),
        "ts": at // 1_000,
        "fcnt": said.f_cnt,
        "port": 85,
        "data": said.payload.hex().upper(),
        "bat": 100 if cmd == "rx" else 90,
    }
    heard = {"rssi": rssi, "snr": 1.5}
    return message | (heard if cmd == "rx" else {"gws": [heard | {"gweui": "A84041FFFF1E2C30"}]})


def by_loriot_gateways(said: Said, at: int, rssi: int) -> dict[str, Any]:
    return by_loriot(said, at, rssi, "gw")


def by_thingpark(said: Said, at: int, rssi: int) -> dict[str, Any]:
    return {
        "DevEUI_uplink": {
            "Time": to_iso(at).replace("Z", "+00:00"),
            "DevEUI": said.dev_eui.upper(),
            "DevAddr": said.dev_addr.upper(),
            "FPort": "85",
            "FCntUp": str(said.f_cnt),
            "payload_hex": said.payload.hex(),
            "LrrRSSI": str(rssi),
            "LrrSNR": "1.5",
        }
    }


SERVERS: Mapping[str, tuple[str, Callable[[Said, int, int], dict[str, Any]]]] = {
    "chirpstack": ("chirpstack", by_chirpstack),
    "tts": ("tts", by_tts),
    "loriot rx": ("loriot", by_loriot),
    "loriot gw": ("loriot", by_loriot_gateways),
    "thingpark": ("thingpark", by_thingpark),
}


def lora_frame(server: str, said: Said, *, apart: int = 0, rssi: int = -90, heard: int | None = None) -> Frame:
    """One copy of an uplink as the hub gets it; ``apart`` µs is its time away from that of the uplink."""
    protocol, envelope = SERVERS[server]
    at = said.at + apart
    payload = json.dumps(envelope(said, at, rssi)).encode()
    return Frame(protocol, "city", "webhook", payload, NOW if heard is None else heard)


def decoders(**section: Any) -> dict[str, Decoder]:
    """The decoders of all network servers, with one section each that knows the sensors by their DevEUI."""
    tools = Tools(Catalogue())
    fields = {"name": "city", "models": MODELS} | section
    plugins = [module.PLUGIN for module in (chirpstack, tts, loriot, thingpark)]
    return {plugin.name: plugin.decoder([plugin.section(**fields)], tools) for plugin in plugins}


def lora_assembler(store: PostgresStore, **section: Any) -> Assembler:
    return Assembler(store, Registry(), decoders(**section), IntakeRules())
