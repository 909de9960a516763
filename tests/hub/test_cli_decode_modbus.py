"""``sanihub decode modbus``."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from devices.errors import ConfigError
from hub.decoding.decoding import Options
from hub.decoding.modbus import ModbusLines
from ingest.wire.modbus.frames import rtu_frame, tcp_frame
from ingest.wire.modbus.poll import Block, Poll, payload_of
from tests.modbus import floats, map_file


def asked(function: int, address: int, count: int) -> bytes:
    return struct.pack(">BHH", function, address, count)


def answered(function: int, words: list[int]) -> bytes:
    return struct.pack(f">BB{len(words)}H", function, 2 * len(words), *words)


def pair(request: bytes, response: bytes, *, tcp: bool = False, unit: int = 3) -> bytes:
    if tcp:
        return f"{tcp_frame(9, unit, request).hex()} {tcp_frame(9, unit, response).hex()}".encode()
    return f"{rtu_frame(unit, request).hex()} {rtu_frame(unit, response).hex()}".encode()


def told(line: bytes, **options: Any) -> dict[str, Any]:
    return ModbusLines(Options(**options))(line)


@pytest.mark.parametrize("tcp", [False, True])
def test_a_request_and_its_response(tcp: bool) -> None:
    line = pair(asked(4, 0, 2), answered(4, floats(230.1)), tcp=tcp)
    found = told(line, model="sdm120", device="meter-1")
    assert found["ok"]
    assert found["device"] == {"id": "meter-1"}
    assert found["readings"] == {"voltage_v": 230.1}
    assert found["observed_at"] is None
    assert found["reply"] is None
    message = found["message"]
    assert message["frame"] == ("tcp" if tcp else "rtu")
    assert {key: message[key] for key in ("unit", "function", "address", "count", "registers", "map")} == {
        "unit": 3, "function": 4, "address": 0, "count": 2, "registers": [0x4366, 0x199A], "map": "sdm120",
    }  # fmt: skip
    assert message.get("transaction") == (9 if tcp else None)


def test_without_a_map_the_registers_are_told() -> None:
    found = told(pair(asked(3, 7, 1), answered(3, [5])))
    assert (found["ok"], found["readings"], found["device"]) == (True, {}, {"modbus_unit": "3"})
    assert found["message"]["registers"] == [5]


def test_bits_and_writes() -> None:
    assert told(pair(asked(2, 0, 3), b"\x02\x01\x05"))["message"]["bits"] == [1, 0, 1]
    write = struct.pack(">BHH", 5, 0, 0xFF00)
    found = told(pair(write, write), model="toilet-controller")
    assert (found["message"]["name"], found["message"]["bits"], found["readings"]) == ("write single coil", [1], {})


def test_an_exception_has_a_name() -> None:
    found = told(pair(asked(4, 0, 2), b"\x84\x02"), model="sdm120")
    assert found["ok"]
    assert (found["message"]["exception"], found["message"]["exception_name"]) == (2, "illegal data address")
    assert found["problems"] == ["input registers 0 to 1: exception 2 (illegal data address)"]


def test_a_frame_as_the_hub_keeps_it() -> None:
    poll = Poll(
        "sdm120", 7, 1_795_392_000_000_000, (Block(4, 0, tuple(floats(230.1))), Block(4, 70, count=6, exception=4))
    )
    found = told(payload_of(poll))
    assert found["observed_at"] == "2026-11-23T00:00:00Z"
    assert found["readings"] == {"voltage_v": 230.1}
    assert found["message"]["unit"] == 7
    assert found["message"]["blocks"] == [
        {"function": 4, "address": 0, "count": 2, "registers": [0x4366, 0x199A]},
        {"function": 4, "address": 70, "count": 6, "exception": 4, "exception_name": "server device failure"},
    ]


def test_a_map_of_ones_own_by_its_file(tmp_path: Path) -> None:
    map_file(
        tmp_path, "mine", "title: t\ngroups: {g: {function: 3, points: [{address: 7, type: u16, metric: fill_pct}]}}"
    )
    found = told(pair(asked(3, 7, 1), answered(3, [50])), model=str(tmp_path / "mine.yaml"))
    assert found["readings"] == {"fill_pct": 50.0}
    with pytest.raises(ConfigError, match="No such file"):
        ModbusLines(Options(model=str(tmp_path / "other.yaml")))
    with pytest.raises(ConfigError, match="no register map is named 'sdm121'"):
        ModbusLines(Options(model="sdm121"))


ANOTHER = "response: unit or transaction is another than the request's"
UNKNOWN = "map: no register map is named 'other'; name it, or its file, with --model"
GOOD = rtu_frame(3, asked(4, 0, 2)).hex()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("0304", "line: 1 words, expected JSON, or a request and a response in hexadecimal"),
        ("zz 00", "line: expected hexadecimal digits, two to a byte"),
        (f"{GOOD} 00", "response (rtu): frame: 1 bytes, expected 4 to 256"),
        (
            f"{GOOD} {rtu_frame(4, answered(4, [0, 0])).hex()}",
            "response: unit or transaction is another than the request's",
        ),
        (f"{GOOD} {rtu_frame(3, answered(4, [0])).hex()}", "response: 2 bytes, expected 4 for 2 registers"),
        (f"{GOOD} {rtu_frame(3, answered(3, [0, 0])).hex()}", "response: function 3, expected 4 as in the request"),
        (
            '{"map": "other", "unit": 1, "at": 1}',
            "map: no register map is named 'other'; name it, or its file, with --model",
        ),
        ("{}", "payload: Object missing required field map"),
    ],
)
def test_lines_that_are_none(line: str, error: str) -> None:
    found = told(line.encode())
    assert (found["ok"], found["error"], found["input"]) == (False, error, line)
