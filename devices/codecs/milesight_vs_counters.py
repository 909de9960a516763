"""Milesight VS132 and VS133: people who cross a line, counted by a depth camera above the door."""

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
    dotted,
    reader,
    u8,
    u16,
    u32,
    unsigned,
    word,
)
from devices.codecs.milesight_mapping import alarm
from devices.mapping.rules import Rule

LINES = (1, 2, 3, 4)
_OCCLUSION = {0: "alarm_released", 1: "alarm_triggered"}


def _pair(name: str, suffix: str) -> Channel:
    """A count in and a count out, two bytes each."""
    return Channel(4, lambda d: {f"{name}_{suffix}_in": unsigned(d[:2]), f"{name}_{suffix}_out": unsigned(d[2:4])})


def _counts(infix: str) -> Channel:
    return Channel(4, lambda d: {f"region_{n}_{infix}count": d[n - 1] for n in LINES})


def _dwelling(infix: str) -> Channel:
    def fields(data: bytes) -> Fields:
        lead = f"region_{data[0]}_{infix}"
        return {f"{lead}avg_dwell": unsigned(data[1:3]), f"{lead}max_dwell": unsigned(data[3:5])}

    return Channel(5, fields)


def _occlusion(data: bytes) -> Fields:
    """Something covers the camera of the master or of one of its nodes."""
    name = "master" if data[1] == 0 else f"node_{data[1]}"
    return {f"{name}_occlusion_alarm": _OCCLUSION.get(data[2], UNKNOWN)}


def _lines(first: int, infix: str) -> Channels:
    """Three channels for each line, from ``first`` on: total in, total out, both of the last period."""
    channels: dict[tuple[int, int], Channel] = {}
    for line in LINES:
        at, name = first + 3 * (line - 1), f"line_{line}"
        channels[at, 0xD2] = u32(f"{name}_{infix}total_in")
        channels[at + 1, 0xD2] = u32(f"{name}_{infix}total_out")
        channels[at + 2, 0xCC] = _pair(name, f"{infix}period")
    return channels


_ANSWERS = {
    0x03: u16("report_interval"),
    0x04: word("confirm_mode_enable", SWITCHED),
    0x10: done("reboot"),
    0x40: word("adr_enable", SWITCHED),
    0x42: word("wifi_enable", SWITCHED),
    0x43: word("periodic_report_enable", SWITCHED),
    0x44: word("trigger_report_enable", SWITCHED),
    0x51: done("clear_total_count"),
}

VS132: Channels = {
    **answers(_ANSWERS),
    **ATTRIBUTES,
    (0xFF, 0x01): u8("protocol_version"),
    (0xFF, 0x09): dotted("hardware_version", 2),
    (0xFF, 0x1F): dotted("firmware_version", 4),
    (0x03, 0xD2): u32("total_counter_in"),
    (0x04, 0xD2): u32("total_counter_out"),
    (0x05, 0xCC): _pair("periodic", "counter"),
}

VS133: Channels = {
    **answers(_ANSWERS),
    **ATTRIBUTES,
    (0xFF, 0x09): dotted("hardware_version", 2, "v"),
    (0xFF, 0x1F): dotted("firmware_version", 4, "v"),
    **_lines(0x03, ""),
    **_lines(0x11, "child_"),
    (0x0F, 0xE3): _counts(""),
    (0x1D, 0xE3): _counts("child_"),
    (0x10, 0xE4): _dwelling(""),
    (0x1E, 0xE4): _dwelling("child_"),
    (0x50, 0xFC): Channel(3, _occlusion),
}

CODECS = (
    Codec(
        "milesight-vs132",
        "Milesight VS132 people counter",
        "toilet",
        reader(VS132),
        {
            "total_counter_in": Rule(metric="people_in"),
            "total_counter_out": Rule(metric="people_out"),
            "periodic_counter_in": Rule(metric="people_in_period"),
            "periodic_counter_out": Rule(metric="people_out_period"),
        },
    ),
    Codec(
        "milesight-vs133",
        "Milesight VS133 people counter",
        "toilet",
        reader(VS133),
        {
            "line_1_total_in": Rule(metric="people_in"),
            "line_1_total_out": Rule(metric="people_out"),
            "line_1_period_in": Rule(metric="people_in_period"),
            "line_1_period_out": Rule(metric="people_out_period"),
            **{f"line_{n}_total_in": Rule(metric=f"people_in_line_{n}") for n in LINES[1:]},
            **{f"line_{n}_total_out": Rule(metric=f"people_out_line_{n}") for n in LINES[1:]},
            **{f"region_{n}_count": Rule(metric=f"people_region_{n}") for n in LINES},
            "master_occlusion_alarm": alarm("occlusion_alarm"),
        },
    ),
)
