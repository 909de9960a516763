"""Milesight EM310-UDL: an ultrasonic sensor under the lid of a bin."""

from __future__ import annotations

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
    reader,
    signed,
    u16,
    unsigned,
    word,
)
from devices.codecs.milesight_mapping import BATTERY, DISTANCE, TILT


def _alarm_settings(data: bytes) -> Fields:
    return {
        "distance_alarm_config": {
            "condition": CONDITIONS.get(data[0] & 7, UNKNOWN),
            "alarm_release_enable": SWITCHED[data[0] >> 7],
            "min_threshold": signed(data[1:3]),
            "max_threshold": signed(data[3:5]),
            "lock_time": unsigned(data[5:7]),
            "continue_time": unsigned(data[7:9]),
        }
    }


CHANNELS: Channels = {
    **answers(
        {
            0x02: u16("collection_interval"),
            0x03: u16("report_interval"),
            0x06: Channel(9, _alarm_settings),
            0x10: done("reboot"),
        }
    ),
    **ATTRIBUTES,
    (0x03, 0x82): u16("distance"),
    (0x04, 0x00): word("position", POSITIONS),
}

MAPPING = {"battery": BATTERY, "distance": DISTANCE, "position": TILT}

CODECS = (Codec("milesight-em310-udl", "Milesight EM310-UDL ultrasonic bin sensor", "bin", reader(CHANNELS), MAPPING),)
