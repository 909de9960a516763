"""Milesight GS301: ammonia and hydrogen sulphide, temperature and humidity of a toilet."""

from __future__ import annotations

from collections.abc import Callable

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
    i16,
    reader,
    signed,
    u8,
    u16,
    unsigned,
    word,
)
from devices.codecs.milesight_mapping import BATTERY
from devices.mapping.rules import Rule

POLARIZING, FAULT = 0xFFFE, 0xFFFF  #: what stands in the place of a concentration; the first lasts a day after power-on
_STATES = {POLARIZING: "polarizing", FAULT: "device error"}
_MODES = {0: "factory", 1: "manual"}
_RESULTS = {0: "success", 1: "sensor version not match", 2: "i2c communication error"}
_SENSORS = {0: ("nh3", 100), 1: ("h2s", 1000)}  #: name and divisor of its calibration value
_SOURCES = {
    1: "nh3",
    2: "h2s",
    3: "nh3_d2d",
    4: "h2s_d2d",
    5: "nh3_d2d",
    6: "nh3_d2d_release",
    7: "h2s_d2d_release",
    8: "h2s_v2",
    9: "h2s_d2d_v2",
    10: "h2s_release_v2",
}


def _gas(name: str, divisor: int) -> Callable[[bytes], Fields]:
    def fields(data: bytes) -> Fields:
        raw = unsigned(data)
        return {f"{name}_sensor_status": _STATES[raw]} if raw in _STATES else {name: raw / divisor}

    return fields


def _calibration_result(data: bytes) -> Fields:
    if data[0] not in _SENSORS:
        return {}
    name, divisor = _SENSORS[data[0]]
    return {
        f"{name}_calibration_result": {
            "type": _MODES.get(data[1], UNKNOWN),
            "calibration_value": signed(data[2:4]) / divisor,
            "result": _RESULTS.get(data[4], UNKNOWN),
        }
    }


def _calibration_settings(data: bytes) -> Fields:
    if data[0] not in _SENSORS:
        return {}
    name, divisor = _SENSORS[data[0]]
    value = signed(data[2:4]) / divisor
    return {f"{name}_calibration_config": {"mode": _MODES.get(data[1], UNKNOWN), "calibration_value": value}}


def _alarm_settings(data: bytes) -> Fields:
    return {
        "alarm_config": {
            "enable": SWITCHED[int(data[0] & 7 != 0)],
            "condition": CONDITIONS.get(data[0] & 7, UNKNOWN),
            "trigger_source": _SOURCES.get(data[0] >> 3, UNKNOWN),
            "min_threshold": unsigned(data[1:3]),
            "max_threshold": unsigned(data[3:5]),
            "lock_time": unsigned(data[5:7]),
            "continue_time": unsigned(data[7:9]),
        }
    }


CHANNELS: Channels = {
    **answers(
        {
            0x03: u16("report_interval"),
            0x06: Channel(9, _alarm_settings),
            0x10: done("reboot"),
            0x2F: word("led_indicator_enable", SWITCHED),
            0x3E: word("buzzer_enable", SWITCHED),
            0x66: u16("threshold_report_interval"),
            0x7D: done("query_sensor_lifecycle_remain"),
            0x8D: Channel(6, _calibration_settings),
        }
    ),
    **ATTRIBUTES,
    (0x02, 0x67): i16("temperature", 10),
    (0x03, 0x68): u8("humidity", 2),
    (0x04, 0x7D): Channel(2, _gas("nh3", 100)),
    (0x05, 0x7D): Channel(2, _gas("h2s", 100)),
    (0x06, 0x7D): Channel(2, _gas("h2s", 1000)),  # from firmware 1.2 on
    (0x07, 0xEA): Channel(5, _calibration_result),
    (0xFF, 0x7C): Channel(43, lambda data: {"sensor_id": data.split(b"\0")[0].decode("latin-1")}),
}

MAPPING = {
    "battery": BATTERY,
    "temperature": Rule(metric="temperature_c"),
    "humidity": Rule(metric="humidity_pct"),
    "nh3": Rule(metric="nh3_ppm"),
    "h2s": Rule(metric="h2s_ppm"),
    "nh3_sensor_status": Rule(events={"polarizing": "nh3_sensor_polarizing", "device error": "nh3_sensor_fault"}),
    "h2s_sensor_status": Rule(events={"polarizing": "h2s_sensor_polarizing", "device error": "h2s_sensor_fault"}),
}

CODECS = (Codec("milesight-gs301", "Milesight GS301 bathroom odour sensor", "toilet", reader(CHANNELS), MAPPING),)
