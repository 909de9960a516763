"""Throw inputs at the JT/T 808 decoders: ``python -m tests.fuzz.fuzz_jt808 1000000 [seed]``.

Each input is a sound message bent in one of several ways, or noise under a sound header. Whatever is raised beside
DecodeError ends the run with the input that did it.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from time import perf_counter

from devices.errors import DecodeError
from devices.metrics import Catalogue
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from ingest.wire import jt808
from ingest.wire.jt808_bodies import FORMS
from ingest.wire.jt808_frames import Framer, seal
from tests.terminal import PHONE, PHONE_2019, batch, escaped, header, position, register

NUMBERS = (*FORMS, *(0x0200, 0x0704) * 30)


def body(chance: random.Random, number: int) -> bytes:
    """A body that is often almost right."""
    if number in (0x0200, 0x0201, 0x0500):
        found = b"" if number == 0x0200 else b"\x00\x01"
        found += position(alarm=chance.getrandbits(32), status=chance.getrandbits(32))
        found += chance.randbytes(chance.randrange(60))
    elif number == 0x0704:
        found = batch([position() + chance.randbytes(chance.randrange(8)) for _ in range(chance.randrange(5))])
    elif number == 0x0100:
        found = register(edition=chance.choice((2011, 2013, 2019)))
    else:
        found = chance.randbytes(chance.randrange(80))
    return bent(chance, found)


def bent(chance: random.Random, data: bytes) -> bytes:
    """The data, or with some bytes changed, cut off, or put in."""
    bending = chance.randrange(6)
    at = chance.randrange(len(data) + 1)
    if bending == 0:
        return data[:at]
    if bending == 1:
        return data[:at] + chance.randbytes(chance.randrange(1, 9)) + data[at:]
    changed = bytearray(data)
    for _ in range(chance.choice((0, 1, 1, 2, 8))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.choice((0, 0x7D, 0x7E, 0xFF, chance.randrange(256)))
    return bytes(changed)


def inputs(chance: random.Random, number: int) -> bytes:
    """Header and body of a message; one time in eight the header is bent too."""
    content = body(chance, number)[:1023]
    phone = chance.choice((PHONE, PHONE_2019))
    part = (chance.randrange(4), chance.randrange(4)) if chance.randrange(8) == 0 else None
    found = header(number, len(content), chance.getrandbits(16), phone, part=part) + content
    return bent(chance, found) if chance.randrange(8) == 0 else found


def main(count: int, seed: int) -> None:
    """Run and print what became of the inputs."""
    chance = random.Random(seed)
    catalogue, teller = Catalogue(), decodings()["jt808"].teller(Options())
    fates: Counter[str] = Counter()
    began = perf_counter()
    framer = Framer()
    for index in range(count):
        content = inputs(chance, chance.choice(NUMBERS))
        try:
            try:
                decoded = jt808.decode(seal(content), catalogue)
                fates["partly" if decoded.problems else "decoded"] += 1
            except DecodeError:
                fates["refused"] += 1
            teller(escaped(content).hex().encode())
            if index % 4 == 0:
                framer.feed(bent(chance, escaped(content)))
        except Exception:
            sys.stderr.write(f"input {index} of seed {seed}: {content.hex()}\n")
            raise
    seconds = perf_counter() - began
    sys.stdout.write(f"{count} inputs, seed {seed}, {seconds:.0f} s: {dict(fates)}; framer {dict(framer.dropped)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
