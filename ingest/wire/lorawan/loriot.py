"""LORIOT's application output in JSON (docs.loriot.io: Uplink Data Message, Gateway Information).

One uplink may come twice: as ``rx`` at once, and as ``gw`` with all gateways when their reports are in. Neither always
tells the device's address, so that it counts for nothing here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from devices.errors import DecodeError
from ingest.wire.lorawan import fields
from ingest.wire.lorawan.messages import Gateway, LoraUplink, Message, Passed

UPLINKS = ("rx", "gw")


class OutputForm(msgspec.Struct):
    """A message of the application output; ``ts`` is in milliseconds, ``data`` hexadecimal."""

    cmd: str
    EUI: str | None = None
    ts: Any = None
    fcnt: int | None = None
    port: int | None = None
    data: str | None = None
    encdata: str | None = None
    decoded: Any = None
    rssi: Any = None
    snr: Any = None
    dr: Any = None
    bat: Any = None
    gws: Any = None
    time: Any = None


def read(payload: bytes, channel: str = "") -> Message:
    """One message. Raises DecodeError that names the field; ``channel`` tells nothing that the message does not."""
    value = fields.read_object(payload)
    if not isinstance(value.get("cmd"), str):
        raise DecodeError("cmd: missing, expected a message of LORIOT's application output (rx, gw ...)")
    if value["cmd"] not in UPLINKS:
        told = value.get("EUI")
        return Passed(value["cmd"][:32], fields.eui(told, "EUI") if told else None)
    return _uplink(fields.convert(value, OutputForm))


def _uplink(form: OutputForm) -> LoraUplink:
    gateways = _gateways(form)
    observed_at = fields.time(form.ts, "ts")
    if observed_at is None:
        observed_at = fields.time(form.time, "time")
    fault = None
    if form.encdata and not form.data:
        fault = "encdata: the payload is encrypted; enter the AppSKey of the device at the network server"
    return LoraUplink(
        fields.eui(form.EUI, "EUI"),
        f_cnt=fields.counter(form.fcnt, "fcnt"),
        f_port=fields.port(form.port, "port"),
        payload=fields.from_hex(form.encdata if fault else form.data, "data"),
        observed_at=observed_at,
        decoded=_decoded(form.decoded),
        gateways=gateways,
        spreading_factor=fields.spreading_factor(form.dr),
        battery_pct=fields.battery_pct(form.bat),
        fault=fault,
    )


def _gateways(form: OutputForm) -> tuple[Gateway, ...]:
    """The gateways of a ``gw``; of an ``rx`` the one that was heard first, which has no name there."""
    if form.gws is None:
        rssi = fields.number(form.rssi)
        return () if rssi is None else (Gateway(rssi=rssi, snr=fields.number(form.snr)),)
    return tuple(
        Gateway(
            fields.text(item.get("gweui")),
            fields.number(item.get("rssi")),
            fields.number(item.get("snr")),
            fields.time_or_none(item.get("time") or item.get("ts")),
        )
        for item in fields.parts(form.gws)
    )


def _decoded(value: Any) -> dict[str, Any] | None:
    """The object of the server's own decoder: bare, or under ``data`` beside ``success``."""
    if not isinstance(value, dict):
        return None
    inner = value.get("data")
    if isinstance(inner, dict) and value.get("success") is not False:
        return inner or None
    return value or None if "success" not in value and "data" not in value else None
