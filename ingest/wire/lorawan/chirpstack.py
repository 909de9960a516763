"""ChirpStack's events in JSON: version 4 (``integration.proto`` of chirpstack-api 4), and the older form.

The older form is that of ChirpStack 3, which Milesight's gateways still send by HTTP and MQTT from their built-in
server; its names differ in case (``devEUI``, ``loRaSNR``) and its time may stand with a gateway only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from devices.errors import DecodeError
from devices.vocabulary import Occurrence
from ingest.wire.lorawan import fields
from ingest.wire.lorawan.messages import Gateway, LoraUplink, Message, Notice, Passed

MODEL_TAGS = ("codec", "model")
SIGNS_OF_LIFE = ("online", "offline")
PASSED = ("ack", "txack", "log", "error", "location", "integration")

# What an event has that none of the kinds after it has; a join is what has nothing of all this.
_MARKS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ("integration", (("integrationName",),)),
    ("ack", (("acknowledged",),)),
    ("txack", (("downlinkId",), ("gatewayId",))),
    ("log", (("level", "description"), ("error",))),
    ("status", (("margin",), ("batteryLevel",))),
    ("location", (("location",),)),
    ("up", (("rxInfo",), ("data",), ("fCnt",), ("fPort",), ("object",))),
)


class DeviceInfo(msgspec.Struct, rename="camel"):
    """``deviceInfo``: the device and what it belongs to."""

    dev_eui: str | None = None
    device_name: str | None = None
    device_profile_name: str | None = None
    tags: Any = None


class EventForm(msgspec.Struct, rename="camel"):
    """The fields of all of version 4's events."""

    device_info: DeviceInfo | None = None
    time: Any = None
    dev_addr: str | None = None
    f_cnt: int = 0  #: protobuf's JSON may leave out a zero
    f_port: int | None = None
    confirmed: bool | None = None
    data: str | None = None
    object: dict[str, Any] | None = None
    rx_info: Any = None
    tx_info: Any = None
    margin: Any = None
    external_power_source: bool | None = None
    battery_level_unavailable: bool | None = None
    battery_level: Any = None


class OldForm(msgspec.Struct, rename="camel"):
    """The fields of the older form's events."""

    dev_eui: str | None = msgspec.field(default=None, name="devEUI")
    device_name: str | None = None
    device_profile_name: str | None = None
    tags: Any = None
    time: Any = None
    published_at: Any = None
    dev_addr: str | None = None
    f_cnt: int | None = None
    f_port: int | None = None
    confirmed_uplink: bool | None = None
    data: str | None = None
    object: dict[str, Any] | None = None
    rx_info: Any = None
    tx_info: Any = None
    status: Any = None
    margin: Any = None
    external_power_source: bool | None = None
    battery_level_unavailable: bool | None = None
    battery_level: Any = None


def read(payload: bytes, channel: str = "") -> Message:
    """One event. ``channel`` is the topic (``application/.../event/up``) or path (``...?event=up``) that it came by.

    Raises DecodeError that names the field.
    """
    value = fields.read_object(payload)
    kind = event_kind(value, channel)
    old = "deviceInfo" not in value
    if old and "devEUI" not in value:
        raise DecodeError("deviceInfo.devEui: missing, expected an event of ChirpStack")
    if kind in PASSED:
        holder = value if old else fields.part(value["deviceInfo"])
        return Passed(kind, fields.eui(holder.get("devEUI" if old else "devEui"), "devEUI" if old else "devEui"))
    return _old(fields.convert(value, OldForm), kind) if old else _event(fields.convert(value, EventForm), kind)


def event_kind(value: Mapping[str, Any], channel: str) -> str:
    """The kind of an event: the channel's word, else what only that kind has."""
    for word in ("up", "join", "status", *PASSED):
        if channel.endswith((f"/event/{word}", f"event={word}")) or f"event={word}&" in channel:
            return word
    if value.get("status") in SIGNS_OF_LIFE:
        return "status"
    return next((kind for kind, marks in _MARKS if any(all(name in value for name in mark) for mark in marks)), "join")


def _event(form: EventForm, kind: str) -> Message:
    device = form.device_info or DeviceInfo()
    dev_eui = fields.eui(device.dev_eui, "deviceInfo.devEui")
    observed_at = fields.time(form.time, "time")
    if kind == "join":
        return _joined(dev_eui, observed_at, form.dev_addr)
    if kind == "status":
        return _status(form, dev_eui, observed_at)
    gateways = _gateways(form.rx_info)
    modulation = fields.part(fields.part(fields.part(form.tx_info).get("modulation")).get("lora"))
    return LoraUplink(
        dev_eui,
        device.device_name or "",
        fields.address(form.dev_addr),
        fields.counter(form.f_cnt, "fCnt"),
        fields.port(form.f_port, "fPort"),
        fields.from_base64(form.data, "data"),
        _first(observed_at, gateways),
        form.object or None,
        profile=device.device_profile_name or "",
        models=_models(device.tags),
        gateways=gateways,
        spreading_factor=fields.spreading_factor(modulation.get("spreadingFactor")),
        confirmed=bool(form.confirmed),
    )


def _old(form: OldForm, kind: str) -> Message:
    dev_eui = fields.eui(form.dev_eui, "devEUI")
    gateways = _gateways(form.rx_info)
    observed_at = _first(fields.time(form.time, "time"), gateways)
    if observed_at is None:
        observed_at = fields.time(form.published_at, "publishedAt")
    if kind == "join":
        return _joined(dev_eui, observed_at, form.dev_addr)
    if kind == "status":
        return _status(form, dev_eui, observed_at)
    sent = fields.part(form.tx_info)
    rate = fields.part(sent.get("dataRate")) or fields.part(sent.get("loRaModulationInfo"))
    return LoraUplink(
        dev_eui,
        form.device_name or "",
        fields.address(form.dev_addr),
        fields.counter(form.f_cnt, "fCnt"),
        fields.port(form.f_port, "fPort"),
        fields.from_base64(form.data, "data"),
        observed_at,
        form.object or None,
        profile=form.device_profile_name or "",
        models=_models(form.tags),
        gateways=gateways,
        spreading_factor=fields.spreading_factor(rate.get("spreadFactor", rate.get("spreadingFactor"))),
        confirmed=bool(form.confirmed_uplink),
    )


def _joined(dev_eui: str, observed_at: int | None, address: str | None) -> Notice:
    found = fields.address(address)
    attributes = {} if found is None else {"dev_addr": found}
    return Notice("joined", dev_eui, observed_at, occurrences=(Occurrence("joined", attributes),), fields=attributes)


def _status(form: EventForm | OldForm, dev_eui: str, observed_at: int | None) -> Notice:
    """DevStatusAns: the battery in percent where the device knows it. Milesight says ``online``, ``offline``."""
    if isinstance(form, OldForm) and form.status in SIGNS_OF_LIFE:
        occurrence = Occurrence(form.status)
        return Notice(form.status, dev_eui, observed_at, occurrences=(occurrence,), online=form.status == "online")
    level = fields.number(form.battery_level)
    known = level is not None and not form.external_power_source and not form.battery_level_unavailable
    readings = {"battery_pct": level} if known and level is not None else {}
    margin = fields.number(form.margin)
    shown = {} if margin is None else {"margin_db": margin}
    return Notice("status", dev_eui, observed_at, readings, fields=shown)


def _gateways(value: Any) -> tuple[Gateway, ...]:
    return tuple(
        Gateway(
            fields.text(item.get("gatewayId") or item.get("gatewayID") or item.get("mac")),
            fields.number(item.get("rssi")),
            fields.number(item.get("snr", item.get("loRaSNR"))),
            fields.time_or_none(item.get("gwTime") or item.get("nsTime") or item.get("time")),
        )
        for item in fields.parts(value)
    )


def _first(observed_at: int | None, gateways: tuple[Gateway, ...]) -> int | None:
    """The event's own time, else the earliest of its gateways."""
    if observed_at is not None:
        return observed_at
    return min((gateway.time for gateway in gateways if gateway.time is not None), default=None)


def _models(tags: Any) -> tuple[str, ...]:
    held = fields.part(tags)
    return tuple(name for tag in MODEL_TAGS if (name := fields.text(held.get(tag))))
