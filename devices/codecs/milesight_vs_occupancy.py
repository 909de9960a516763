"""Milesight VS330 (a toilet stall), VS340 and VS341 (a seat): whether somebody is there.

The VS330 has two editions that share their channel ids: the first gives one distance and a calibration, the later one
four distances and two learning phases.
"""

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
    extended_answers,
    reader,
    u8,
    u16,
    u32,
    unsigned,
    word,
)
from devices.codecs.milesight_mapping import BATTERY, DISTANCE
from devices.mapping.rules import Rule

_STATES = {0: "vacant", 1: "occupied", 2: "first_learn_unfinished", 3: "collection_failed"}
_LEARNING = {
    0: "learn_unfinished",
    1: "success",
    2: "learn_failed_with_collect_error",
    3: "learn_failed_with_pir_interrupt",
}


def _distances(data: bytes) -> Fields:
    return {f"distance_{n}": unsigned(data[2 * n - 2 : 2 * n]) for n in (1, 2, 3, 4)}


def _enabled(name: str, field: str) -> Channel:
    """A switch and a value of two bytes."""
    return Channel(3, lambda d: {name: {"enable": SWITCHED.get(d[0], UNKNOWN), field: unsigned(d[1:3])}})


def _learning(data: bytes) -> Fields:
    return {"learn_config": {"enable": SWITCHED.get(data[0], UNKNOWN), "start": data[1], "end": data[2]}}


STALL: Channels = {
    **answers(
        {
            0x02: u16("collection_interval"),
            0x03: u16("report_interval"),
            0x10: done("reboot"),
            0x70: u16("human_exist_height"),
            0x71: word("test_enable", SWITCHED),
            0x72: u16("test_duration"),
            0x7A: _enabled("back_test_config", "distance"),
        }
    ),
    **extended_answers(
        {
            0x7E: _enabled("test_config", "install_height"),
            0x7F: word("debug_enable", SWITCHED),
            0x80: word("second_learn_enable", SWITCHED),
            0x81: u16("second_learn_time"),
            0x82: Channel(3, _learning),
            0x83: u16("first_learn_pir_idle_time"),
        }
    ),
    **ATTRIBUTES,
    (0x02, 0x82): u16("distance"),
    (0x02, 0xA5): Channel(8, _distances),
    (0x03, 0x8E): word("occupancy", _STATES),
    (0x04, 0x8E): word("calibration", {0: "failed", 1: "success"}),
    (0x04, 0xA8): word("first_learn_status", _LEARNING),
    (0x08, 0xA8): word("second_learn_status", _LEARNING),
    (0x06, 0xA6): u32("ambient_counts"),
    (0x07, 0xA7): u8("similarity"),
}

SEAT: Channels = {**ATTRIBUTES, (0x03, 0x00): word("occupancy", {0: "vacant", 1: "occupied"})}

_OCCUPANCY = Rule(
    metric="stall_occupied",
    values={"vacant": 0, "occupied": 1, "first_learn_unfinished": None, "collection_failed": None, "unknown": None},
    events={"collection_failed": "occupancy_sensor_fault"},
)
_SEATED = {"battery": BATTERY, "occupancy": _OCCUPANCY}

CODECS = (
    Codec(
        "milesight-vs330",
        "Milesight VS330 bathroom occupancy sensor",
        "toilet",
        reader(STALL),
        {**_SEATED, "distance": DISTANCE},
    ),
    Codec("milesight-vs340", "Milesight VS340 seat occupancy sensor", "toilet", reader(SEAT), _SEATED),
    Codec("milesight-vs341", "Milesight VS341 seat occupancy sensor", "toilet", reader(SEAT), _SEATED),
)
