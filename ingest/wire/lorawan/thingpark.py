"""Actility ThingPark: reports of the LRC-AS tunnel interface in JSON, of ThingPark Wireless, Enterprise and X.

From docs.thingpark.com (uplink and notification messages). Numbers may stand in quotes; times have a local offset.
"""

from __future__ import annotations

from typing import Any

import msgspec

from devices.errors import DecodeError
from devices.vocabulary import Occurrence
from ingest.wire.lorawan import fields
from ingest.wire.lorawan.messages import Gateway, LoraUplink, Message, Notice, Passed

UPLINK = "DevEUI_uplink"
NOTIFICATION = "DevEUI_notification"


class UplinkForm(msgspec.Struct):
    """``DevEUI_uplink``."""

    DevEUI: str | None = None
    Time: Any = None
    DevAddr: str | None = None
    FPort: int | None = None
    FCntUp: int | None = None
    MType: int | None = None
    payload_hex: str | None = None
    payload: Any = None
    PayloadEncryption: int = 0
    LrrRSSI: Any = None
    LrrSNR: Any = None
    Lrrid: Any = None
    Lrrs: Any = None
    SpFact: Any = None
    CustomerData: Any = None
    DriverCfg: Any = None


class NotificationForm(msgspec.Struct):
    """``DevEUI_notification``."""

    DevEUI: str | None = None
    Time: Any = None
    DevAddr: str | None = None
    Type: str = ""
    Var1: Any = None
    Var2: Any = None


def read(payload: bytes, channel: str = "") -> Message:
    """One report. Raises DecodeError that names the field; ``channel`` tells nothing that the report does not."""
    value = fields.read_object(payload)
    if UPLINK in value:
        return _uplink(fields.convert(value[UPLINK], UplinkForm, UPLINK))
    if NOTIFICATION in value:
        return _notification(fields.convert(value[NOTIFICATION], NotificationForm, NOTIFICATION))
    kind = next((name for name in value if name.startswith("DevEUI_")), None)
    if kind is None:
        raise DecodeError(f"{UPLINK}: missing, expected a report of ThingPark")
    told = fields.part(value[kind]).get("DevEUI")
    return Passed(kind[:64], fields.eui(told, f"{kind[:64]}.DevEUI") if told else None)


def _uplink(form: UplinkForm) -> LoraUplink:
    customer = fields.part(form.CustomerData)
    fault = None
    if form.PayloadEncryption:
        fault = "PayloadEncryption: the payload is encrypted; let the network server decrypt it (AppSKey)"
    return LoraUplink(
        fields.eui(form.DevEUI, f"{UPLINK}.DevEUI"),
        fields.text(customer.get("name")),
        fields.address(form.DevAddr),
        fields.counter(form.FCntUp, f"{UPLINK}.FCntUp"),
        fields.port(form.FPort, f"{UPLINK}.FPort"),
        fields.from_hex(form.payload_hex, f"{UPLINK}.payload_hex"),
        fields.time(form.Time, f"{UPLINK}.Time"),
        form.payload if isinstance(form.payload, dict) and form.payload else None,
        models=_models(form.DriverCfg),
        gateways=_gateways(form),
        spreading_factor=fields.spreading_factor(form.SpFact),
        confirmed=form.MType == 4,  # ConfirmedDataUp (LoRaWAN 1.0.4, clause 4.2.1)
        fault=fault,
    )


def _notification(form: NotificationForm) -> Message:
    dev_eui = fields.eui(form.DevEUI, f"{NOTIFICATION}.DevEUI")
    observed_at = fields.time(form.Time, f"{NOTIFICATION}.Time")
    if form.Type == "join":
        found = fields.address(form.DevAddr)
        attributes = {} if found is None else {"dev_addr": found}
        joined = (Occurrence("joined", attributes),)
        return Notice("joined", dev_eui, observed_at, occurrences=joined, fields=attributes)
    if form.Type == "devstatusans":
        level, margin = fields.battery_pct(form.Var1), fields.number(form.Var2)
        return Notice(
            "status",
            dev_eui,
            observed_at,
            {} if level is None else {"battery_pct": level},
            fields={} if margin is None else {"margin_db": margin},
        )
    return Passed(form.Type[:32] or "notification", dev_eui)


def _models(driver: Any) -> tuple[str, ...]:
    """The driver that ThingPark chose: of the model, else of the application; producer and module."""
    chosen = fields.part(driver)
    words = []
    for place in ("mod", "app"):
        found = fields.part(chosen.get(place))
        producer, module = fields.text(found.get("pId")), fields.text(found.get("mId"))
        if producer or module:
            words.append(f"{producer} {module}".strip())
    return tuple(dict.fromkeys(words))


def _gateways(form: UplinkForm) -> tuple[Gateway, ...]:
    """All receivers, else the best of them, which the report names by itself."""
    listed = fields.part(form.Lrrs).get("Lrr")
    found = tuple(
        Gateway(fields.text(item.get("Lrrid")), fields.number(item.get("LrrRSSI")), fields.number(item.get("LrrSNR")))
        for item in fields.parts([listed] if isinstance(listed, dict) else listed)
    )
    if found:
        return found
    rssi = fields.number(form.LrrRSSI)
    return () if rssi is None else (Gateway(fields.text(form.Lrrid), rssi, fields.number(form.LrrSNR)),)
