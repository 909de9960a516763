"""What a JT/T 808 terminal says, built for the tests without the code under test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

PHONE = "013800138000"
PHONE_2019 = "00000000013800138000"


def corpus(name: str) -> Path | None:
    """A file of the shared corpus: in the folder that SANIHUB_TEST_CORPORA names, else beside a checkout above."""
    folders = [Path(folder) for folder in (os.environ.get("SANIHUB_TEST_CORPORA"),) if folder]
    folders += [parent / "shared" / "corpora" for parent in Path(__file__).resolve().parents]
    return next((folder / name for folder in folders if (folder / name).exists()), None)


def escaped(content: bytes) -> bytes:
    """Checksum, escapes and delimiters around header and body."""
    check = 0
    for byte in content:
        check ^= byte
    inside = bytearray()
    for byte in (*content, check):
        inside += {0x7E: b"\x7d\x02", 0x7D: b"\x7d\x01"}.get(byte, bytes((byte,)))
    return b"\x7e" + bytes(inside) + b"\x7e"


def header(
    message_id: int, length: int, serial: int, phone: str, *, part: tuple[int, int] | None = None, bits: int = 0
) -> bytes:
    """A header; 20 digits of phone make it one of 2019. `part` is (parts, part)."""
    properties = length | bits | (0x4000 if len(phone) == 20 else 0) | (0x2000 if part else 0)
    found = message_id.to_bytes(2, "big") + properties.to_bytes(2, "big")
    found += b"\x01" if len(phone) == 20 else b""
    found += bytes.fromhex(phone) + serial.to_bytes(2, "big")
    return found + (b"" if part is None else part[0].to_bytes(2, "big") + part[1].to_bytes(2, "big"))


def frame(
    message_id: int,
    body: bytes = b"",
    serial: int = 0,
    phone: str = PHONE,
    *,
    part: tuple[int, int] | None = None,
    bits: int = 0,
) -> bytes:
    """A frame as it travels."""
    return escaped(header(message_id, len(body), serial, phone, part=part, bits=bits) + body)


def split(message_id: int, body: bytes, serial: int, size: int, phone: str = PHONE) -> list[bytes]:
    """A message in parts of `size` bytes."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [
        frame(message_id, piece, (serial + index) & 0xFFFF, phone, part=(len(pieces), index + 1))
        for index, piece in enumerate(pieces)
    ]


def item(number: int, value: bytes) -> bytes:
    return bytes((number, len(value))) + value


def position(
    *,
    alarm: int = 0,
    status: int = 0x000C0003,
    lat: float = 30.5,
    lon: float = 114.3,
    altitude: int = 25,
    speed: int = 123,
    direction: int = 90,
    time: str | datetime = "261123080000",
    items: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """A body of 0x0200. Numbers as sent: speed in 0.1 km/h; time in GMT+8."""
    digits = time if isinstance(time, str) else time.strftime("%y%m%d%H%M%S")
    return (
        alarm.to_bytes(4, "big")
        + status.to_bytes(4, "big")
        + round(lat * 1e6).to_bytes(4, "big")
        + round(lon * 1e6).to_bytes(4, "big")
        + altitude.to_bytes(2, "big")
        + speed.to_bytes(2, "big")
        + direction.to_bytes(2, "big")
        + bytes.fromhex(digits)
        + b"".join(item(number, value) for number, value in items)
    )


def batch(bodies: Sequence[bytes], kind: int = 1, count: int | None = None) -> bytes:
    """A body of 0x0704."""
    head = (len(bodies) if count is None else count).to_bytes(2, "big") + bytes((kind,))
    return head + b"".join(len(body).to_bytes(2, "big") + body for body in bodies)


def register(plate: str = "鄂A12345", edition: int = 2013) -> bytes:
    """A body of 0x0100."""
    maker, model, terminal = {2011: (5, 8, 7), 2013: (5, 20, 7), 2019: (11, 30, 30)}[edition]
    return (
        (42).to_bytes(2, "big")
        + (100).to_bytes(2, "big")
        + b"70111".ljust(maker, b"\0")
        + b"SW-8".ljust(model, b"\0")
        + b"T000042".ljust(terminal, b"\0")
        + b"\x02"
        + plate.encode("gbk")
    )
