"""What the fuzzer knows of Modbus: sound polls, requests with their responses, and the streams that carry these."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.register_maps.files import shipped
from ingest.wire.modbus.frames import MAX_RTU, RtuCutter, TcpCutter, parse_rtu, parse_tcp, rtu_frame, tcp_frame
from tests.fuzz.mutations import bent

WORDS = (0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FC0, 0x7F80, 0x4366)  #: sentinels, and halves of odd floats
MAPS = tuple(sorted(shipped()))
MAX_TCP = 260  #: bytes of an ADU (Messaging on TCP/IP Implementation Guide V1.0b, clause 3.1.2)
LULL = 50  #: inputs between two silences of the serial line


def modbus_shape(chance: random.Random, payload: bytes) -> bytes:
    """A poll, or a request and its response, that is sound or bent in one place; its checksums are right then too."""
    fresh = chance.randrange(8)
    if fresh == 0:
        return _pair(chance, *_read(chance))
    if fresh < 5:
        return bent(chance, _poll(chance)) if chance.randrange(2) else _poll(chance)
    if payload[:1] == b"{":
        return json.dumps(_changed(chance, json.loads(payload))).encode()
    return _pair(chance, *(_pdu(frame) for frame in _pieces(payload)))


def _word(chance: random.Random) -> int:
    """A register, often one that means something."""
    return chance.choice(WORDS) if chance.randrange(2) else chance.getrandbits(16)


def _changed(chance: random.Random, poll: dict[str, Any]) -> dict[str, Any]:
    """The poll with other words in the places of its map, some of its blocks left out."""
    blocks = [
        {**block, "words": [_word(chance) & (1 if block["function"] < 3 else 0xFFFF) for _ in block["words"]]}
        if "words" in block and chance.randrange(4)
        else block
        for block in poll.get("blocks", ())
        if chance.randrange(8)
    ]
    return {**poll, "blocks": blocks, "unit": chance.randrange(256)}


def _poll(chance: random.Random) -> bytes:
    """A poll of one of the shipped maps, with blocks anywhere."""
    return json.dumps(
        {
            "map": chance.choice(MAPS),
            "unit": chance.randrange(256),
            "at": chance.getrandbits(50),
            "blocks": [_block(chance) for _ in range(chance.randrange(4))],
            "before": [_block(chance) for _ in range(chance.randrange(2))],
        }
    ).encode()


def _block(chance: random.Random) -> dict[str, Any]:
    """An answer to one request, or a refusal."""
    function, address = chance.randrange(1, 5), chance.randrange(80)
    if chance.randrange(8) == 0:
        return {"function": function, "address": address, "count": 5, "exception": chance.randrange(256)}
    words = [_word(chance) & (1 if function < 3 else 0xFFFF) for _ in range(chance.randrange(40))]
    return {"function": function, "address": address, "words": words}


def _read(chance: random.Random) -> tuple[bytes, bytes]:
    """A request for registers and its response."""
    function, count = chance.choice((3, 4)), chance.randrange(1, 40)
    request = struct.pack(">BHH", function, chance.randrange(80), count)
    return request, struct.pack(f">BB{count}H", function, 2 * count, *(_word(chance) for _ in range(count)))


def _pdu(frame: bytes) -> bytes:
    try:
        return parse_rtu(frame).pdu
    except DecodeError:
        return parse_tcp(frame).pdu


def _pair(chance: random.Random, request: bytes, response: bytes) -> bytes:
    """Both as frames of RTU or TCP, in hexadecimal. Each may be bent inside, the response outside too, or a refusal."""
    unit, transaction = chance.randrange(256), chance.randrange(65_536)
    if chance.randrange(8) == 0:
        response = bytes((request[0] | 0x80, chance.randrange(256)))
    request = bent(chance, request) if chance.randrange(8) == 0 else request
    response = bent(chance, response)[:253] if chance.randrange(2) else response
    asked, answered = (
        (rtu_frame(unit, pdu) if transaction % 2 else tcp_frame(transaction, unit, pdu)) for pdu in (request, response)
    )
    return f"{asked.hex()} {(answered if chance.randrange(4) else bent(chance, answered)).hex()}".encode()


def modbus_stream(catalogue: Catalogue) -> Callable[[bytes], None]:
    """The cutters of all kinds of connections; a TCP one at fault is replaced, serial lines are silent at times."""
    asked, answered, tcp = RtuCutter("request"), RtuCutter("response"), TcpCutter()
    fed = 0

    def feed(data: bytes) -> None:
        nonlocal tcp, fed
        fed += 1
        for piece in _pieces(data):
            for cutter in (asked, answered, tcp):
                cutter.feed(piece)
            assert max(asked.pending, answered.pending) <= MAX_RTU
            assert tcp.pending <= MAX_TCP
            if tcp.fault is not None:
                tcp = TcpCutter()
        if fed % LULL == 0:
            asked.silence()
            answered.silence()
            assert asked.pending == answered.pending == 0

    return feed


def _pieces(data: bytes) -> list[bytes]:
    """The frames of a pair; what is none, as it is."""
    try:
        return [bytes.fromhex(word) for word in data.decode("ascii").split()]
    except ValueError:
        return [data]
