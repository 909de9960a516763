"""Milesight EM400-MUD, EM400-UDL (ultrasonic) and EM400-TLD (laser): distance, temperature and tilt of a bin.

An alarm is told as ``temperature_abnormal`` and ``distance_alarming`` (true, false), the names of the decoders that
network servers carry; the vendor's newest file calls them ``temperature_alarm`` and ``distance_alarm`` (words). The
mapping knows both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devices.codecs import Codec
from devices.codecs.milesight_channels import (
    ATTRIBUTES,
    CONDITIONS,
    POSITIONS,
    SWITCHED,
    UNKNOWN,
    Channel,
    Channels,
    Fields,
    answers,
    done,
    i16,
    reader,
    signed,
    u16,
    unsigned,
    word,
)
from devices.codecs.milesight_mapping import BATTERY, DISTANCE, TILT, alarm
from devices.mapping.rules import Rule

_MOTION = {0: "unknown", 1: "start", 2: "moving", 3: "stop"}
_FENCE = {0: "inside", 1: "outside", 2: "unset", 3: "unknown"}
_NOWHERE = b"\xff" * 4


def _alarm_settings(modes: Mapping[int, str]) -> Callable[[bytes], Fields]:
    def fields(data: bytes) -> Fields:
        mode = modes.get(data[0] >> 3 & 7)
        settings = {
            "condition": CONDITIONS.get(data[0] & 7, UNKNOWN),
            "alarm_release_enable": SWITCHED[data[0] >> 7],
            "threshold_min": unsigned(data[1:3]),
            "threshold_max": unsigned(data[3:5]),
        }
        return {} if mode is None else {f"{mode}_mode_alarm_config": settings}

    return fields


def _location(data: bytes) -> Fields:
    """Only the NB-IoT edition sends it; without a fix both halves are all ones."""
    state = {"motion_status": _MOTION[data[8] & 3], "geofence_status": _FENCE.get(data[8] >> 4, UNKNOWN)}
    if _NOWHERE in (data[:4], data[4:8]):
        return state
    return {"latitude": signed(data[:4]) / 1e6, "longitude": signed(data[4:8]) / 1e6, **state}


def _channels(modes: Mapping[int, str], working: Mapping[int, str]) -> Channels:
    return {
        **answers(
            {
                0x02: u16("collection_interval"),
                0x03: u16("report_interval"),
                0x06: Channel(9, _alarm_settings(modes)),
                0x10: done("reboot"),
                0x13: word("install_height_enable", SWITCHED),
                0x1C: Channel(2, lambda data: {"recollection_config": {"counts": data[0], "interval": data[1]}}),
                0x28: done("query_device_status"),
                0x3E: word("tilt_linkage_distance_enable", SWITCHED),
                0x4A: done("sync_time"),
                0x56: word("tof_detection_enable", SWITCHED),
                0x70: u16("people_existing_height"),
                0x71: word("working_mode", working),
                0x77: u16("install_height"),
            }
        ),
        **ATTRIBUTES,
        (0x03, 0x67): i16("temperature", 10),
        (0x04, 0x82): u16("distance"),
        (0x05, 0x00): word("position", POSITIONS),
        (0x06, 0x88): Channel(9, _location),
        (0x83, 0x67): Channel(3, lambda d: {"temperature": signed(d[:2]) / 10, "temperature_abnormal": d[2] != 0}),
        (0x84, 0x82): Channel(3, lambda d: {"distance": unsigned(d[:2]), "distance_alarming": d[2] != 0}),
    }


_STANDARD = dict.fromkeys(range(8), "standard")  #: a model with one mode gives it whatever the code
_WITH_BIN = {1: "standard", 2: "bin"}

MAPPING = {
    "battery": BATTERY,
    "temperature": Rule(metric="temperature_c"),
    "distance": DISTANCE,
    "position": TILT,
    "temperature_abnormal": alarm("temperature_alarm"),
    "temperature_alarm": alarm("temperature_alarm"),
    "distance_alarming": alarm("distance_alarm"),
    "distance_alarm": alarm("distance_alarm"),
    "latitude": Rule(fix="lat"),
    "longitude": Rule(fix="lon"),
}

CODECS = (
    Codec(
        "milesight-em400-mud",
        "Milesight EM400-MUD ultrasonic bin sensor",
        "bin",
        reader(_channels(_WITH_BIN, {0: "standard", 1: "bin", 2: "parking"})),
        MAPPING,
    ),
    Codec(
        "milesight-em400-tld",
        "Milesight EM400-TLD laser bin sensor",
        "bin",
        reader(_channels(_WITH_BIN, {0: "standard", 1: "bin"})),
        MAPPING,
    ),
    Codec(
        "milesight-em400-udl",
        "Milesight EM400-UDL ultrasonic level sensor",
        "bin",
        reader(_channels(_STANDARD, {0: "standard"})),
        MAPPING,
    ),
)
