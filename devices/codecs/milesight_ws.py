"""Milesight WS301 (a magnet at a door or lid) and WS201 (how much paper or soap is left)."""

from __future__ import annotations

from devices.codecs import Codec
from devices.codecs.milesight_channels import (
    ATTRIBUTES,
    SWITCHED,
    UNKNOWN,
    Channel,
    Channels,
    Fields,
    answers,
    done,
    hexadecimal,
    i16,
    reader,
    u8,
    u16,
    unsigned,
    word,
)
from devices.codecs.milesight_mapping import BATTERY, DISTANCE
from devices.mapping.rules import Rule

_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _remaining_alarm(data: bytes) -> Fields:
    settings = {
        "index": data[0] >> 3 & 7,
        "enable": SWITCHED[data[0] >> 6 & 1],
        "alarm_release_enable": SWITCHED[data[0] >> 7],
        "threshold": unsigned(data[3:5]),
    }
    return {"remaining_alarm_config": [settings]}


def _hibernation(data: bytes) -> Fields:
    return {
        "hibernate_config": {
            "enable": SWITCHED.get(data[0], UNKNOWN),
            "start_time": unsigned(data[1:3]),
            "end_time": unsigned(data[3:5]),
            "weekdays": {day: SWITCHED[data[5] >> bit & 1] for bit, day in enumerate(_WEEK, 1)},
        }
    }


DOOR: Channels = {
    **answers({0x03: u16("report_interval"), 0x10: done("reboot"), 0x28: done("query_device_status")}),
    **ATTRIBUTES,
    (0xFF, 0x08): hexadecimal("sn", 6),
    (0x03, 0x00): word("magnet_status", {0: "close", 1: "open"}),
    (0x04, 0x00): word("tamper_status", {0: "installed", 1: "uninstalled"}),
}

DISPENSER: Channels = {
    **answers(
        {
            0x02: u16("collection_interval"),
            0x03: u16("report_interval"),
            0x06: Channel(9, _remaining_alarm),
            0x10: done("reboot"),
            0x17: i16("timezone", 10),
            0x28: done("report_status"),
            0x75: Channel(6, _hibernation),
            0x76: u16("depth"),
        }
    ),
    **ATTRIBUTES,
    (0x03, 0x82): u16("distance"),
    (0x04, 0xD6): u8("remaining"),
}

CODECS = (
    Codec(
        "milesight-ws301",
        "Milesight WS301 magnetic door sensor",
        "toilet",
        reader(DOOR),
        {
            "battery": BATTERY,
            "magnet_status": Rule(metric="door_open", values={"close": 0, "open": 1, "unknown": None}),
            "tamper_status": Rule(metric="tamper", values={"installed": 0, "uninstalled": 1, "unknown": None}),
        },
    ),
    Codec(
        "milesight-ws201",
        "Milesight WS201 fill sensor of paper and soap dispensers",
        "toilet",
        reader(DISPENSER),
        {
            "battery": BATTERY,
            "distance": DISTANCE,
            "remaining": Rule(metric="paper_pct", values={"255": None}),
        },
    ),
)
