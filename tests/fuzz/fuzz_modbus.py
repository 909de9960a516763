"""Throw inputs at the Modbus decoders: ``python -m tests.fuzz.fuzz_modbus 1000000 [seed]``.

Each input is a sound poll, a sound pair of frames or a sound stream, bent in one of several ways. Whatever is raised
beside DecodeError ends the run with the input that did it.
"""

from __future__ import annotations

import json
import random
import struct
import sys
from collections import Counter
from time import perf_counter

from tests.fuzz.fuzz_jt808 import bent

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.register_map_files import shipped
from devices.vocabulary import Frame
from hub.decoding.decoding import Options
from hub.decoding.modbus import ModbusLines
from ingest.adapters.modbus import NAME, ModbusDecoder
from ingest.wire.modbus_frames import RtuCutter, TcpCutter, rtu_frame, tcp_frame

WORDS = (0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FC0, 0x7F80, 0x4366)


def word(chance: random.Random) -> int:
    """A register, often one that means something."""
    return chance.choice(WORDS) if chance.randrange(2) else chance.getrandbits(16)


def poll(chance: random.Random) -> bytes:
    """A poll of one of the shipped maps, as a payload."""
    return json.dumps(
        {
            "map": chance.choice(sorted(shipped())),
            "unit": chance.randrange(256),
            "at": chance.getrandbits(50),
            "blocks": [block(chance) for _ in range(chance.randrange(4))],
            "before": [block(chance) for _ in range(chance.randrange(2))],
        }
    ).encode()


def block(chance: random.Random) -> dict[str, object]:
    """An answer to one request, or a refusal."""
    function, address = chance.randrange(1, 5), chance.randrange(80)
    if chance.randrange(8) == 0:
        return {"function": function, "address": address, "count": 5, "exception": chance.randrange(256)}
    words = [word(chance) & (1 if function < 3 else 0xFFFF) for _ in range(chance.randrange(40))]
    return {"function": function, "address": address, "words": words}


def pdus(chance: random.Random) -> tuple[bytes, bytes]:
    """A request to read and its response."""
    function, count = chance.choice((3, 4)), chance.randrange(1, 40)
    request = struct.pack(">BHH", function, chance.randrange(80), count)
    return request, struct.pack(f">BB{count}H", function, 2 * count, *(word(chance) for _ in range(count)))


def main(count: int, seed: int) -> None:
    """Run and print what became of the inputs."""
    chance = random.Random(seed)
    decoder = ModbusDecoder(Catalogue())
    tellers = [ModbusLines(Options(model=name)) for name in sorted(shipped())]
    fates: Counter[str] = Counter()
    began = perf_counter()
    rtu, tcp = RtuCutter("response"), TcpCutter()
    for index in range(count):
        payload = bent(chance, poll(chance))
        request, response = pdus(chance)
        unit = chance.randrange(256)
        frames = (rtu_frame(unit, request), bent(chance, rtu_frame(unit, bent(chance, response))))
        if index % 2:
            frames = (tcp_frame(index % 65_536, unit, request), bent(chance, tcp_frame(index % 65_536, unit, response)))
        try:
            try:
                decoded = decoder(Frame(NAME, "fuzz", "toilet-1/x/1", payload, 0))
                fates["partly" if decoded.problems else "decoded"] += 1
            except DecodeError:
                fates["refused"] += 1
            told = tellers[index % len(tellers)](" ".join(frame.hex() for frame in frames).encode())
            fates["pair told" if told["ok"] else "pair refused"] += 1
            fates["rtu frames"] += len(rtu.feed(frames[1]))
            fates["tcp frames"] += len(tcp.feed(frames[1]))
            if tcp.fault is not None:
                tcp = TcpCutter()
            assert rtu.pending <= 256 and tcp.pending <= 260
        except Exception:
            sys.stderr.write(f"input {index} of seed {seed}: {payload!r} {[frame.hex() for frame in frames]}\n")
            raise
    seconds = perf_counter() - began
    sys.stdout.write(f"{count} inputs, seed {seed}, {seconds:.0f} s: {dict(fates)}; garbage {rtu.garbage} bytes\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
