"""The Things Stack v3: ``ApplicationUp`` messages in JSON, the same by MQTT and by webhook.

From the vendor's pages on data formats: empty fields (0, false, "") are left out, times have nanoseconds, byte strings
are base64, identifiers are hexadecimal in capitals. A webhook may be set to leave out more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from devices.errors import DecodeError
from devices.vocabulary import Occurrence
from ingest.wire.lorawan import fields
from ingest.wire.lorawan.messages import Gateway, LoraUplink, Message, Notice, Passed

PASSED = (
    "downlink_ack",
    "downlink_nack",
    "downlink_sent",
    "downlink_failed",
    "downlink_queued",
    "downlink_queue_invalidated",
    "location_solved",
    "service_data",
    "uplink_normalized",  # a part of an uplink_message that comes as well
)

# The vendor's schema of normalized payloads: a path, our metric, and the factor to our unit.
_NORMALIZED: tuple[tuple[tuple[str, ...], str, float], ...] = (
    (("air", "temperature"), "temperature_c", 1),
    (("air", "relativeHumidity"), "humidity_pct", 1),
    (("air", "co2"), "co2_ppm", 1),
    (("battery",), "battery_v", 1),
    (("metering", "water", "total"), "water_m3", 0.001),
)
_CONTACT = {"open": 1.0, "closed": 0.0}
_LEAK = {True: 1.0, False: 0.0}


class ApplicationIds(msgspec.Struct):
    """``application_ids``."""

    application_id: str | None = None


class DeviceIds(msgspec.Struct):
    """``end_device_ids``."""

    device_id: str | None = None
    application_ids: ApplicationIds | None = None
    dev_eui: str | None = None
    dev_addr: str | None = None


class UplinkForm(msgspec.Struct):
    """``uplink_message``."""

    f_port: int | None = None
    f_cnt: int = 0
    frm_payload: str | None = None
    decoded_payload: dict[str, Any] | None = None
    normalized_payload: Any = None
    rx_metadata: Any = None
    settings: Any = None
    received_at: Any = None
    confirmed: bool = False
    version_ids: Any = None
    attributes: Any = None
    last_battery_percentage: Any = None


class JoinForm(msgspec.Struct):
    """``join_accept``."""

    received_at: Any = None


class ApplicationUp(msgspec.Struct):
    """A message of the application server."""

    end_device_ids: DeviceIds
    received_at: Any = None
    uplink_message: UplinkForm | None = None
    join_accept: JoinForm | None = None
    simulated: bool = False


def read(payload: bytes, channel: str = "") -> Message:
    """One message. Raises DecodeError that names the field; ``channel`` tells nothing that the message does not."""
    value = fields.read_object(payload)
    if "end_device_ids" not in value:
        raise DecodeError("end_device_ids: missing, expected a message of The Things Stack v3")
    if "uplink_message" not in value and "join_accept" not in value:
        return _passed(value)
    form = fields.convert(value, ApplicationUp)
    device = form.end_device_ids
    dev_eui = fields.eui(device.dev_eui, "end_device_ids.dev_eui")
    if form.uplink_message is not None:
        return _uplink(form, form.uplink_message, device, dev_eui)
    joined = form.join_accept or JoinForm()
    observed_at = fields.time(joined.received_at, "join_accept.received_at")
    if observed_at is None:
        observed_at = fields.time(form.received_at, "received_at")
    found = fields.address(device.dev_addr)
    attributes = {} if found is None else {"dev_addr": found}
    return Notice("joined", dev_eui, observed_at, occurrences=(Occurrence("joined", attributes),), fields=attributes)


def _passed(value: Mapping[str, Any]) -> Passed:
    kind = next((kind for kind in PASSED if kind in value), None)
    if kind is None:
        raise DecodeError("uplink_message: missing, expected a message of The Things Stack v3")
    ids = fields.part(value["end_device_ids"])
    told = ids.get("dev_eui")
    return Passed(kind, None if told is None else fields.eui(told, "end_device_ids.dev_eui"))


def _uplink(form: ApplicationUp, uplink: UplinkForm, device: DeviceIds, dev_eui: str) -> LoraUplink:
    where = "uplink_message."
    rate = fields.part(fields.part(fields.part(uplink.settings).get("data_rate")).get("lora"))
    return LoraUplink(
        dev_eui,
        device.device_id or "",
        fields.address(device.dev_addr),
        fields.counter(uplink.f_cnt, where + "f_cnt"),
        fields.port(uplink.f_port, where + "f_port"),
        fields.from_base64(uplink.frm_payload, where + "frm_payload"),
        _observed_at(form, uplink),
        uplink.decoded_payload or None,
        _normalized(uplink.normalized_payload),
        models=_models(uplink),
        gateways=_gateways(uplink.rx_metadata),
        spreading_factor=fields.spreading_factor(rate.get("spreading_factor")),
        confirmed=uplink.confirmed,
        battery_pct=_battery(uplink),
        simulated=form.simulated,
    )


def _observed_at(form: ApplicationUp, uplink: UplinkForm) -> int | None:
    """The network server's reception; without it that of the application server, which all copies share too."""
    observed_at = fields.time(uplink.received_at, "uplink_message.received_at")
    return fields.time(form.received_at, "received_at") if observed_at is None else observed_at


def _models(uplink: UplinkForm) -> tuple[str, ...]:
    """The person's own attributes first, then what the device repository says: brand and model."""
    attributes = fields.part(uplink.attributes)
    version = fields.part(uplink.version_ids)
    brand, model = fields.text(version.get("brand_id")), fields.text(version.get("model_id"))
    words = (fields.text(attributes.get("codec")), fields.text(attributes.get("model")), f"{brand} {model}".strip())
    return tuple(word for word in words if word)


def _gateways(value: Any) -> tuple[Gateway, ...]:
    found = []
    for item in fields.parts(value):
        ids = fields.part(item.get("gateway_ids"))
        found.append(
            Gateway(
                fields.text(ids.get("eui") or ids.get("gateway_id")),
                fields.number(item.get("rssi", item.get("channel_rssi"))),
                fields.number(item.get("snr", 0)),  # a zero is left out
                fields.time_or_none(item.get("received_at") or item.get("time")),
            )
        )
    return tuple(found)


def _battery(uplink: UplinkForm) -> float | None:
    """The battery by DevStatusAns. The server repeats the last one with every uplink: only this uplink's own counts."""
    told = fields.part(uplink.last_battery_percentage)
    value = fields.number(told.get("value"))
    return round(value, 1) if value is not None and told.get("f_cnt", 0) == uplink.f_cnt else None


def _normalized(value: Any) -> dict[str, float]:
    """Readings of normalized measurements; of several the first that gives a metric, as it is the newest."""
    found: dict[str, float] = {}
    for measurement in [value] if isinstance(value, dict) else fields.parts(value):
        for path, metric, factor in _NORMALIZED:
            inner: Any = measurement
            for step in path:
                inner = fields.part(inner).get(step)
            told = fields.number(inner)
            if told is not None:
                found.setdefault(metric, told * factor)
        contact = fields.part(measurement.get("action")).get("contactState")
        leak = fields.part(measurement.get("water")).get("leak")
        if isinstance(contact, str) and contact in _CONTACT:
            found.setdefault("door_open", _CONTACT[contact])
        if isinstance(leak, bool):
            found.setdefault("water_leak", _LEAK[leak])
    return found
