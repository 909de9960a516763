"""Polls into claims: the cases of ``cases/modbus``, every type and order, and any words at all."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.register_maps.files import parse, shipped
from devices.register_maps.layout import Point, WritePoint
from devices.vocabulary import Frame, Identity
from ingest.adapters.modbus.plugin import NAME, ModbusDecoder
from ingest.wire.modbus.poll import Block, Poll, payload_of, poll_of
from ingest.wire.modbus.values import decode_poll, value_of, words_to_write

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases" / "modbus").glob("*.json"))
    for case in json.loads(path.read_text("utf-8"))
]
CATALOGUE = Catalogue()
ME = Identity("id", "toilet-03")


def frame(payload: bytes, channel: str = "toilet-03/10.0.0.7:502/3") -> Frame:
    return Frame(NAME, "site", channel, payload, 1_795_392_000_500_000)


def point(kind: str, **fields: Any) -> Point:
    widths = {"u32": 2, "s32": 2, "f32": 2, "u64": 4, "f64": 4}
    return Point("x", 4, 0, kind, **{"width": widths.get(kind, 1), **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    decoded = ModbusDecoder(CATALOGUE)(frame(json.dumps(case["poll"]).encode()))
    (uplink,) = decoded.uplinks
    assert dict(uplink.readings) == case["readings"]
    assert [event.kind for event in uplink.occurrences] == case["events"]
    assert sorted(uplink.doubtful) == case.get("doubtful", [])
    assert decoded.problems == case.get("problems", [])
    assert uplink.online is case.get("online", case["poll"].get("online"))
    assert (uplink.identity, uplink.observed_at, uplink.kind) == (ME, case["poll"]["at"], case["kind"])


@pytest.mark.parametrize(
    ("made", "raw", "value"),
    [
        (point("u16"), [0xFFFF], 65535),
        (point("s16"), [0xFFFF], -1),
        (point("s16", byte_order="little"), [0x0100], 1),
        (point("u32"), [0x0001, 0x0002], 0x10002),
        (point("u32", word_order="little"), [0x0002, 0x0001], 0x10002),
        (point("s32"), [0xFFFF, 0xFFFE], -2),
        (point("u64"), [0, 1, 0, 0], 2**32),
        (point("f32"), [0x4366, 0x199A], 230.1),
        (point("f32", word_order="little"), [0x199A, 0x4366], 230.1),
        (point("f32", byte_order="little", word_order="little"), [0x9A19, 0x6643], 230.1),
        (point("f64"), [0x406C, 0xC333, 0x3333, 0x3333], 230.1),
        (point("f32"), [0x7FC0, 0], None),
        (point("f32"), [0xFF80, 0], None),
        (point("f32", sentinels=frozenset((-9999.9,))), [0xC61C, 0x3F9A], None),
        (point("u16", sentinels=frozenset((0xFFFE,))), [0xFFFE], None),
        (point("s16", sentinels=frozenset((0x8000,))), [0x8000], None),
        (point("bcd"), [0x1234], 1234),
        (point("bcd", width=2), [0x0001, 0x2345], 12345),
        (point("bool", bit=3), [0b1000], 1),
        (point("bool", bit=0), [0b1000], 0),
        (point("bool", bit=0, scale=-1, offset=1), [0b1000], 1),
        (point("u16", scale=0.1), [123], 12.3),
        (point("u16", scale=0.1, offset=-40), [615], 21.5),
    ],
)
def test_types_and_orders(made: Point, raw: list[int], value: float | None) -> None:
    assert value_of(made, raw) == value


@pytest.mark.parametrize(
    ("made", "raw", "reason"),
    [
        (point("bcd"), [0x12A4], "x: 0x12A4, expected decimal digits only (input register 0)"),
        (point("bool"), [2], "x: 2, expected 0 or 1 (input register 0)"),
    ],
)
def test_words_that_are_no_value(made: Point, raw: list[int], reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        value_of(made, raw)
    assert str(caught.value) == reason


@given(st.binary(min_size=4, max_size=4))
def test_a_float_is_told_by_a_decimal_that_is_the_same_float(data: bytes) -> None:
    value = value_of(point("f32"), list(struct.unpack(">HH", data)))
    (told,) = struct.unpack(">f", data)
    assert (value is None) == (not math.isfinite(told))
    if value is not None:
        assert struct.pack(">f", value) == struct.pack(">f", told)


FIRST = st.integers(0, 40)
WORDS = st.lists(st.integers(0, 0xFFFF), max_size=125)
BITS = st.lists(st.integers(0, 1), max_size=200)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    function = draw(st.integers(1, 4))
    if draw(st.booleans()):
        return Block(function, draw(FIRST), count=draw(st.integers(1, 9)), exception=draw(st.integers(0, 255)))
    return Block(function, draw(FIRST), tuple(draw(BITS if function < 3 else WORDS)))


POLLS = st.builds(
    Poll,
    map=st.sampled_from(sorted(shipped())),
    unit=st.integers(0, 255),
    at=st.integers(0, 2**50),
    blocks=st.lists(blocks(), max_size=6).map(tuple),
    before=st.lists(blocks(), max_size=3).map(tuple),
    online=st.none() | st.booleans(),
)


@given(POLLS)
def test_any_words_are_decoded_or_told_as_problems(poll: Poll) -> None:
    decoded = ModbusDecoder(CATALOGUE)(frame(payload_of(poll)))
    for metric, value in decoded.uplinks[0].readings.items():
        assert CATALOGUE.check(metric, value) is None
    assert decode_poll(poll_of(payload_of(poll)), shipped()[poll.map], ME, CATALOGUE) == decoded


KEYS = st.sampled_from(["map", "unit", "at", "blocks", "before", "online", "function", "address", "words"])
JSON = st.recursive(
    st.none() | st.integers() | st.text() | st.just("sdm120"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_payload_is_decoded_or_refused(payload: bytes) -> None:
    try:
        ModbusDecoder(CATALOGUE)(frame(payload))
    except DecodeError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "payload: Input data was truncated"),
        (
            b'{"map":"x","unit":1,"at":1}',
            "map: no register map is named 'x'; known: compactor, sdm120, sdm630, toilet-controller",
        ),
        (b'{"map":"sdm120","unit":256,"at":1}', "payload: Expected int <= 255 - at $.unit"),
        (
            b'{"map":"sdm120","unit":1,"at":1,"blocks":[{"function":1,"address":0,"words":[2]}]}',
            "blocks[0].words: expected 0 and 1 for function 1",
        ),
        (
            b'{"map":"sdm120","unit":1,"at":1,"blocks":[{"function":4,"address":65535,"words":[2,3]}]}',
            "blocks[0]: 2 from address 65535 reach beyond 65535",
        ),
    ],
)
def test_payloads_that_are_none(payload: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        ModbusDecoder(CATALOGUE)(frame(payload))
    assert str(caught.value) == reason


def test_a_channel_must_name_the_device() -> None:
    with pytest.raises(DecodeError, match="channel: expected <device>"):
        ModbusDecoder(CATALOGUE)(frame(payload_of(Poll("sdm120", 1, 1)), channel=""))


def test_what_marks_a_value_as_doubtful_must_be_heard() -> None:
    made = parse("m.yaml", """
title: A meter
groups:
  a: {function: 4, points: [{address: 0, type: u16, metric: fill_pct, doubtful_if: unsure}]}
  b: {function: 2, points: [{address: 0, type: bool, name: unsure}]}
""")  # fmt: skip
    heard = Block(4, 0, (50,))
    for others, doubtful in (((), {"fill_pct"}), ((Block(2, 0, (1,)),), {"fill_pct"}), ((Block(2, 0, (0,)),), set())):
        decoded = decode_poll(Poll("m", 1, 1, (heard, *others)), made, ME, CATALOGUE)
        assert decoded.uplinks[0].doubtful == doubtful


WRITES = {
    "fan": WritePoint("fan", 5, 0, "bool"),
    "target": WritePoint("target", 6, 1, "s16", scale=0.1, low=-10, high=35),
    "mode": WritePoint("mode", 6, 2, "u16", values=(0, 1, 7)),
    "level": WritePoint("level", 16, 3, "f32", width=2, word_order="little", low=0, high=100),
    "count": WritePoint("count", 16, 3, "u32", width=2, low=0, high=1e12),
}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("fan", True, (1,)), ("fan", False, (0,)), ("target", 21.5, (215,)), ("target", -5, (65486,)), ("mode", 7, (7,)),
     ("level", 230.1 / 10, (0x147B, 0x41B8)), ("count", 70000, (1, 4464))],
)  # fmt: skip
def test_what_is_written(name: str, value: object, words: tuple[int, ...]) -> None:
    assert words_to_write(WRITES[name], value) == words


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("fan", 1, "value: expected true or false for fan, got 1"),
        ("fan", None, "value: expected true or false for fan, got None"),
        ("target", True, "value: expected a number in -10..35 for target, got True"),
        ("target", 35.1, "value: expected a number in -10..35 for target, got 35.1"),
        ("target", math.nan, "value: expected a number in -10..35 for target, got nan"),
        ("mode", 2, "value: expected one of 0, 1, 7 for mode, got 2"),
        ("level", "50", "value: expected a number in 0..100 for level, got '50'"),
        ("count", 1e11, "value: 100000000000.0 does not fit into a u32 for count"),
    ],
)
def test_what_may_not_be_written(name: str, value: object, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        words_to_write(WRITES[name], value)
    assert str(caught.value) == reason
