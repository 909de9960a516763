"""Milesight VS121: people in a room and its regions, counted by a camera that sends numbers only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    extended_answers,
    hexadecimal,
    reader,
    u8,
    u16,
    u32,
    unsigned,
    word,
)
from devices.mapping.rules import Rule

REGIONS = 16
_WEEK = {0: "sun", 1: "mon", 2: "tue", 3: "wed", 4: "thu", 5: "fri", 6: "sat"}
_COUNTING = {0: "region_people_counting", 1: "line_crossing_counting", 2: "people_flow_analysis"}
_SCHEDULES = {0: "modify", 1: "add", 2: "delete"}
_INTERVALS = dict(enumerate(("5min", "10min", "15min", "30min", "1h", "4h", "6h", "8h", "12h")))


def _present(data: bytes) -> Fields:
    """People in all, and for each region whether somebody is in it: a bit each, the first region lowest."""
    bits = int.from_bytes(data[2:4], "big")
    regions = {f"region_{n + 1}": bits >> n & 1 for n in range(min(data[1], REGIONS))}
    return {"people_count_all": data[0], "region_count": data[1], **regions}


def _regions(first: int) -> Callable[[bytes], Fields]:
    return lambda data: {f"region_{first + n}_count": count for n, count in enumerate(data)}


def _numbers(*names: str) -> Channel:
    """Numbers of two bytes, one after the other."""
    return Channel(2 * len(names), lambda d: {name: unsigned(d[2 * n : 2 * n + 2]) for n, name in enumerate(names)})


def _flow(start: str, ends: str) -> Channel:
    return _numbers(*(f"{start}_to_{end}" for end in ends))


_DWELLING = Channel(5, lambda d: {"dwell_time_avg": unsigned(d[1:3]), "dwell_time_max": unsigned(d[3:5])})

_KEPT: Mapping[int, Channel] = {
    0x01: Channel(4, _present),
    0x02: _numbers("people_in", "people_out"),
    0x03: u8("people_count_max"),
    **{0x04 + n: Channel(4, _regions(1 + 4 * n)) for n in range(4)},
    **{
        0x08 + 2 * n + half: _flow(start, ends)
        for n, start in enumerate("abcd")
        for half, ends in ((0, "ab"), (1, "cd"))
    },
    0x10: _numbers("people_total_in", "people_total_out"),
    0x11: _DWELLING,
    0x12: _numbers("line_in", "line_out"),
}
"""What the memory holds: after time and kind the same values as in a live report."""


def _kept_size(rest: bytes) -> int | None:
    """Bytes of one entry of the memory: a time, a kind, a value."""
    if len(rest) < 5:
        return 5
    size = _KEPT[rest[4]].size if rest[4] in _KEPT else None
    return 5 + size if isinstance(size, int) else None


def _kept(data: bytes) -> Fields:
    return {"history": [{"timestamp": unsigned(data[:4]), **_KEPT[data[4]].fields(data[5:])}]}


def _switched(name: str, **fields: Callable[[bytes], object]) -> Callable[[bytes], Fields]:
    """Settings that begin with a switch."""
    return lambda d: {
        name: {"enable": SWITCHED.get(d[0], UNKNOWN), **{field: read(d) for field, read in fields.items()}}
    }


def _vacancy(name: str, delayed: bool) -> Callable[[bytes], Fields]:
    def fields(data: bytes) -> Fields:
        settings: Fields = {"region": data[0] + 1, "enable": SWITCHED.get(data[1], UNKNOWN)}
        settings["command"] = data[3:1:-1].hex()
        return {name: settings | ({"delay_time": unsigned(data[4:6])} if delayed else {})}

    return fields


def _reset_schedule(data: bytes) -> Fields:
    settings = {
        "mode": _SCHEDULES.get(data[0], UNKNOWN),
        "index": data[1] + 1,
        "week_cycle": {day: SWITCHED[data[2] >> bit & 1] for bit, day in _WEEK.items()},
        "time": unsigned(data[3:6]),
    }
    return {"reset_cumulative_schedule": [settings]}


def _time_schedule(data: bytes) -> Fields:
    names = ("start_hour", "start_minute", "end_hour", "end_minute")
    settings: Fields = {"people_counting_type": _COUNTING.get(data[0], UNKNOWN), "period": data[1] + 1}
    settings["weekday"] = _WEEK.get(data[2], UNKNOWN)
    return {"time_schedule": [settings | dict(zip(names, data[3:7], strict=True))]}


_ANSWERS: Mapping[int, Channel] = {
    0x03: u16("from_now_on_report_interval"),
    0x04: word("confirm_mode_enable", SWITCHED),
    0x10: done("reboot"),
    0x35: hexadecimal("d2d_key", 8),
    0x40: word("adr_enable", SWITCHED),
    0x43: word("report_regularly_enable", SWITCHED),
    0x44: word("people_count_change_report_enable", SWITCHED),
    0x45: word("people_counting_report_mode", {0: "zero_to_nonzero", 1: "once_result_change"}),
    0x46: Channel(3, _switched("people_count_jitter_config", time=lambda d: unsigned(d[1:3]))),
    0x48: word("line_detect_enable", SWITCHED),
    0x50: word("region_people_counting_enable", SWITCHED),
    0x51: done("clear_cumulative_count"),
    0x84: word("d2d_enable", SWITCHED),
}

_DETECTED = {0: "mapped_region", 1: "unmapped_region"}
_REPORTED = {0: "occupancy", 1: "region_people_counting"}
_TIME_SOURCES = {0: "sync_from_gateway", 1: "manual"}

_EXTENDED: Mapping[int, Channel] = {
    0x10: word("periodic_report_scheme", {0: "on_the_dot", 1: "from_now_on"}),
    0x11: word("on_the_dot_report_interval", _INTERVALS),
    0x3D: word("line_detect_report_enable", SWITCHED),
    0x85: Channel(2, _switched("rejoin_config", max_count=lambda d: d[1])),
    0x86: u8("data_rate"),
    0x87: u8("tx_power_level"),
    0x88: word("log_level", {2: "error", 4: "debug"}),
    0x8B: word("lorawan_version", {1: "v1.0.2", 2: "v1.0.3"}),
    0x8C: u8("rx2_data_rate"),
    0x8D: u32("rx2_frequency"),
    0x8E: Channel(4, _vacancy("d2d_occupied_config", False)),
    0x90: Channel(6, _vacancy("d2d_vacant_config", True)),
    0x91: Channel(
        5, lambda d: {"time_config": {"mode": _TIME_SOURCES.get(d[0], UNKNOWN), "timestamp": unsigned(d[1:5])}}
    ),
    0x92: Channel(3, _switched("region_people_counting_dwell_config", min_dwell_time=lambda d: unsigned(d[1:3]))),
    0x93: word("report_with_timestamp", {0: "no", 1: "yes"}),
    0x94: word("timed_reset_cumulative_enable", SWITCHED),
    0x95: Channel(6, _reset_schedule),
    0x96: Channel(
        3,
        _switched(
            "detect_region_config",
            detection_type=lambda d: _DETECTED.get(d[1], UNKNOWN),
            reporting_type=lambda d: _REPORTED.get(d[2], UNKNOWN),
        ),
    ),
    0x97: Channel(2, _switched("time_schedule_config", people_counting_type=lambda d: _COUNTING.get(d[1], UNKNOWN))),
    0x98: word("filter_u_turn_enable", SWITCHED),
    0x99: Channel(7, _time_schedule),
}

CHANNELS: Channels = {
    **answers(_ANSWERS),
    **extended_answers(_EXTENDED),
    **ATTRIBUTES,
    (0xFF, 0x01): u8("protocol_version"),
    (0xFF, 0x08): hexadecimal("sn", 6),
    (0xFF, 0x09): dotted("hardware_version", 2),
    (0xFF, 0x1F): dotted("firmware_version", 4),
    (0x04, 0xC9): Channel(4, _present),
    (0x05, 0xCC): _numbers("people_in", "people_out"),
    (0x06, 0xCD): u8("people_count_max"),
    (0x07, 0xD5): Channel(8, _regions(1)),
    (0x08, 0xD5): Channel(8, _regions(9)),
    **{(0x09 + n, 0xDA): _flow(start, "abcd") for n, start in enumerate("abcd")},
    (0x0D, 0xCC): _numbers("people_total_in", "people_total_out"),
    (0x0E, 0xE4): _DWELLING,
    (0x0F, 0x85): u32("timestamp"),
    (0x10, 0xF7): _numbers("line_in", "line_out"),
    (0x20, 0xCE): Channel(_kept_size, _kept),
}

MAPPING = {
    "people_count_all": Rule(metric="people_count"),
    "people_count_max": Rule(metric="people_count_max"),
    "people_in": Rule(metric="people_in_period"),
    "people_out": Rule(metric="people_out_period"),
    "people_total_in": Rule(metric="people_in"),
    "people_total_out": Rule(metric="people_out"),
    "dwell_time_avg": Rule(metric="dwell_avg_s"),
    "dwell_time_max": Rule(metric="dwell_max_s"),
    **{f"region_{n}_count": Rule(metric=f"people_region_{n}") for n in range(1, REGIONS + 1)},
    "history": Rule(samples="timestamp"),
}

CODECS = (Codec("milesight-vs121", "Milesight VS121 occupancy sensor", "toilet", reader(CHANNELS), MAPPING),)
