"""Milesight EM500-UDL: an ultrasonic level sensor with a memory of its own."""

from __future__ import annotations

from devices.codecs import Codec
from devices.codecs.milesight_channels import (
    ATTRIBUTES,
    CONDITIONS,
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
    signed,
    u16,
    u32,
    unsigned,
    word,
)
from devices.codecs.milesight_mapping import BATTERY, NO_DISTANCE, alarm
from devices.mapping.rules import Rule

_ALARMS = {0: "normal", 1: "threshold_alarm", 2: "mutation_alarm"}
_MASTERS = {1: "threshold_alarm", 2: "threshold_alarm_release", 3: "mutation_alarm"}
_INTERVALS = {0: "retransmit_interval", 1: "resend_interval"}


def _sudden(data: bytes) -> Fields:
    """An alarm: this channel alone has tenths of a millimetre."""
    return {
        "distance": unsigned(data[:2]) / 10,
        "distance_mutation": unsigned(data[2:4]) / 10,
        "distance_alarm": _ALARMS.get(data[4], UNKNOWN),
    }


def _alarm_settings(data: bytes) -> Fields:
    lead = data[0]
    condition = "mutation" if lead & 7 == 5 else CONDITIONS.get(lead & 7, UNKNOWN)
    settings: Fields = {
        "enable": SWITCHED[lead >> 6 & 1],
        "condition": condition,
        "alarm_release_enable": SWITCHED[lead >> 7],
    }
    match lead >> 3 & 3:
        case 1:
            settings |= {"min_threshold": signed(data[1:3]), "max_threshold": signed(data[3:5])}
            return {"distance_threshold_alarm_config": settings}
        case 2:
            return {"distance_mutation_alarm_config": settings | {"mutation_value": unsigned(data[3:5])}}
    return {}


def _interval(data: bytes) -> Fields:
    return {_INTERVALS[data[0]]: unsigned(data[1:3])} if data[0] in _INTERVALS else {}


def _master(data: bytes) -> Fields:
    settings = {
        "mode": _MASTERS.get(data[0], UNKNOWN),
        "enable": SWITCHED.get(data[1], UNKNOWN),
        "lora_uplink_enable": SWITCHED.get(data[2], UNKNOWN),
        "d2d_cmd": data[4:2:-1].hex(),
    }
    return {"d2d_master_config": [settings]}


def _calibration(data: bytes) -> Fields:
    settings = {"enable": SWITCHED.get(data[1], UNKNOWN), "calibration_value": signed(data[2:4])}
    return {"distance_calibration_config": settings}


CHANNELS: Channels = {
    **answers(
        {
            0x02: u16("collection_interval"),
            0x03: u16("report_interval"),
            0x06: Channel(9, _alarm_settings),
            0x10: done("reboot"),
            0x11: u32("timestamp"),
            0x17: i16("timezone", 10),
            0x1C: Channel(2, lambda data: {"recollection_config": {"counts": data[0], "interval": data[1]}}),
            0x27: done("clear_history"),
            0x28: done("report_status"),
            0x35: hexadecimal("d2d_key", 8),
            0x3B: word("time_sync_enable", SWITCHED),
            0x4A: done("sync_time"),
            0x68: word("history_enable", SWITCHED),
            0x69: word("retransmit_enable", SWITCHED),
            0x6A: Channel(3, _interval),
            0x84: word("d2d_enable", SWITCHED),
            0x96: Channel(8, _master),
            0xF1: Channel(4, _calibration),
            0xF2: u16("alarm_report_counts"),
            0xF5: word("threshold_alarm_release_enable", SWITCHED),
        }
    ),
    **ATTRIBUTES,
    (0x03, 0x82): u16("distance"),
    (0x83, 0xE9): Channel(5, _sudden),
    (0x20, 0xCE): Channel(6, lambda d: {"history": [{"timestamp": unsigned(d[:4]), "distance": unsigned(d[4:6])}]}),
}

MAPPING = {
    "battery": BATTERY,
    "distance": Rule(metric="distance_mm", values=NO_DISTANCE | {"6553.5": None, "6553.4": None, "6553.3": None}),
    "distance_alarm": alarm("distance_alarm"),
    "history": Rule(samples="timestamp"),
}

CODECS = (
    Codec("milesight-em500-udl", "Milesight EM500-UDL ultrasonic level sensor", "bin", reader(CHANNELS), MAPPING),
)
