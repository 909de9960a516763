"""Modbus PDUs and frames: the examples of the specification, any chunking, any bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from ingest.wire.modbus.frames import (
    Adu,
    RtuCutter,
    Side,
    TcpCutter,
    crc16,
    parse_rtu,
    parse_tcp,
    rtu_frame,
    tcp_frame,
)
from ingest.wire.modbus.pdu import (
    MAX_BITS,
    MAX_REGISTERS,
    Request,
    exception_name,
    parse_request,
    parse_response,
    values_of,
)

# From the MODBUS Application Protocol Specification V1.1b3, the examples of clauses 6.1 to 6.12.
EXAMPLES = [
    ("01 0013 0013", "01 03 CD6B05", Request(1, 0x13, 0x13), [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]),
    ("02 00C4 0016", "02 03 ACDB35", Request(2, 0xC4, 22),
     [0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1]),
    ("03 006B 0003", "03 06 022B00000064", Request(3, 0x6B, 3), [555, 0, 100]),
    ("04 0008 0001", "04 02 000A", Request(4, 8, 1), [10]),
    ("05 00AC FF00", "05 00AC FF00", Request(5, 0xAC, 1, (1,)), [1]),
    ("06 0001 0003", "06 0001 0003", Request(6, 1, 1, (3,)), [3]),
    ("0F 0013 000A 02 CD01", "0F 0013 000A", Request(15, 0x13, 10, (1, 0, 1, 1, 0, 0, 1, 1, 1, 0)),
     [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]),
    ("10 0001 0002 04 000A0102", "10 0001 0002", Request(16, 1, 2, (10, 0x102)), [10, 0x102]),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answered", "request_", "values"), EXAMPLES)
def test_examples_of_the_specification(asked: str, answered: str, request_: Request, values: list[int]) -> None:
    assert parse_request(bytes.fromhex(asked)) == request_
    assert values_of(request_, parse_response(bytes.fromhex(answered))) == values


def test_an_exception_tells_its_function_and_code() -> None:
    response = parse_response(bytes.fromhex("8102"))
    assert (response.function, response.exception) == (1, 2)
    assert exception_name(2) == "exception 2 (illegal data address)"
    assert exception_name(99) == "exception 99"


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        ("", "pdu: empty, expected a function code"),
        ("2B0E", "request: function 43 is none of those that are read here (1, 2, 3, 4, 5, 6, 15, 16)"),
        ("03006B", "request: 3 bytes, expected at least 5 for function 3"),
        ("03006B007E", "request: count 126, expected 1..125 for function 3"),
        ("03FFFF0002", "request: 2 from address 65535 reach beyond 65535"),
        ("0500000001", "coil: 0x0001, expected 0xFF00 or 0x0000"),
        ("1000010002020001", "request: expected 4 bytes of values for 2 of function 16"),
    ],
)
def test_requests_that_are_none(pdu: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_request(bytes.fromhex(pdu))
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        ("0306022B0000", "response: 4 bytes of data, 6 bytes announced"),
        ("0301FF", "response: 1 bytes of data, expected two for each register"),
        ("81", "response: 1 bytes, expected 2 for function 129"),
        ("03", "response: -1 bytes of data, no count of bytes announced"),
    ],
)
def test_responses_that_are_none(pdu: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_response(bytes.fromhex(pdu))
    assert str(caught.value) == reason


def test_a_response_must_be_one_to_its_request() -> None:
    with pytest.raises(DecodeError, match="2 bytes, expected 6 for 3 registers"):
        values_of(Request(3, 0, 3), parse_response(bytes.fromhex("0302000A")))
    with pytest.raises(DecodeError, match="function 4, expected 3"):
        values_of(Request(3, 0, 1), parse_response(bytes.fromhex("0402000A")))
    with pytest.raises(DecodeError, match="confirms the value 0, expected 1"):
        values_of(Request(5, 0, 1, (1,)), parse_response(bytes.fromhex("0500000000")))
    with pytest.raises(DecodeError, match="confirms address 1, expected 0"):
        values_of(Request(5, 0, 1, (1,)), parse_response(bytes.fromhex("050001FF00")))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_pdu_or_refused(data: bytes) -> None:
    for parse in (parse_request, parse_response, parse_rtu, parse_tcp):
        try:
            parse(data)
        except DecodeError as error:
            assert str(error)


@given(st.binary(max_size=300), st.integers(1, 4), st.integers(0, 9), st.integers(1, MAX_BITS))
def test_any_response_gives_as_many_values_as_were_asked_for(data: bytes, function: int, at: int, count: int) -> None:
    request = Request(function, at, min(count, MAX_REGISTERS) if function > 2 else count)
    try:
        response = parse_response(bytes((function, len(data) % 256)) + data)
        values = values_of(request, response)
    except DecodeError:
        return
    assert len(values) == request.count


def test_crc_of_the_serial_line_guide() -> None:
    assert crc16(bytes.fromhex("0207")).to_bytes(2, "little").hex() == "4112"
    assert rtu_frame(1, bytes.fromhex("030000000A")).hex() == "01030000000ac5cd"


PDUS: dict[Side, st.SearchStrategy[bytes]] = {
    "request": st.builds(
        lambda function, address, count: struct.pack(">BHH", function, address, count),
        st.integers(1, 4), st.integers(0, 60_000), st.integers(1, 125),
    ) | st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20).map(
        lambda words: struct.pack(f">BHHB{len(words)}H", 16, 0, len(words), 2 * len(words), *words)
    ),
    "response": st.lists(st.integers(0, 0xFFFF), max_size=125).map(
        lambda words: struct.pack(f">BB{len(words)}H", 3, 2 * len(words), *words)
    ) | st.integers(1, 11).map(lambda code: bytes((0x83, code))) | st.just(bytes.fromhex("0500ACFF00")),
}  # fmt: skip
SIDES = st.sampled_from(["request", "response"])


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """``data`` in pieces of these sizes; the rest as one."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


SIZES = st.lists(st.integers(0, 40), max_size=40)


@given(st.data(), SIDES, SIZES)
def test_rtu_frames_come_out_whole_however_they_are_cut(data: st.DataObject, side: Side, sizes: list[int]) -> None:
    sent = data.draw(st.lists(st.tuples(st.integers(1, 247), PDUS[side]), max_size=6))
    stream = b"".join(rtu_frame(unit, pdu) for unit, pdu in sent)
    cutter = RtuCutter(side)
    found = [adu for piece in cut(stream, sizes) for adu in cutter.feed(piece)]
    assert found == [Adu(unit, pdu) for unit, pdu in sent]
    assert cutter.garbage == 0


@given(st.lists(st.binary(max_size=30) | PDUS["response"].map(lambda pdu: rtu_frame(3, pdu)), max_size=8), SIDES, SIZES)
def test_rtu_with_noise_is_the_same_however_it_is_cut(parts: list[bytes], side: Side, sizes: list[int]) -> None:
    stream = b"".join(parts)
    whole, pieces = RtuCutter(side), RtuCutter(side)
    expected = whole.feed(stream)
    assert [adu for piece in cut(stream, sizes) for adu in pieces.feed(piece)] == expected
    assert pieces.garbage == whole.garbage
    assert whole.silence() == pieces.silence()
    assert whole.feed(b"") == []


@given(st.binary(max_size=60), PDUS["response"])
def test_a_silence_brings_out_the_frame_behind_noise(noise: bytes, pdu: bytes) -> None:
    cutter = RtuCutter("response")
    found = cutter.feed(noise) + cutter.silence()
    found = cutter.feed(rtu_frame(3, pdu))
    assert found == [Adu(3, pdu)]


def test_a_frame_with_a_wrong_crc_is_passed_over() -> None:
    good = rtu_frame(3, bytes.fromhex("0302000A"))
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    cutter = RtuCutter("response")
    assert cutter.feed(bad + good) + cutter.silence() == [parse_rtu(good)]
    assert cutter.garbage == len(bad)


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 255), st.binary(min_size=1, max_size=253)), max_size=6),
    SIZES,
)
def test_tcp_frames_come_out_whole_however_they_are_cut(sent: list[tuple[int, int, bytes]], sizes: list[int]) -> None:
    stream = b"".join(tcp_frame(*one) for one in sent)
    cutter = TcpCutter()
    found = [adu for piece in cut(stream, sizes) for adu in cutter.feed(piece)]
    assert found == [Adu(unit, pdu, transaction) for transaction, unit, pdu in sent]
    assert cutter.fault is None


@given(
    st.lists(
        st.binary(max_size=30) | st.binary(min_size=1, max_size=9).map(lambda pdu: tcp_frame(7, 3, pdu)), max_size=8
    ),
    SIZES,
)
def test_tcp_with_noise_is_the_same_however_it_is_cut(parts: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(parts)
    whole, pieces = TcpCutter(), TcpCutter()
    expected = whole.feed(stream)
    assert [adu for piece in cut(stream, sizes) for adu in pieces.feed(piece)] == expected
    assert pieces.fault == whole.fault


def test_after_a_header_that_is_none_nothing_is_believed() -> None:
    cutter = TcpCutter()
    assert cutter.feed(bytes.fromhex("0001000100060304")) == []
    assert cutter.fault == "protocol: 1, expected 0"
    assert cutter.feed(tcp_frame(1, 1, b"\x03\x00")) == []
