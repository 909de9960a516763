"""What a JT/T 808 terminal says, built for the tests without the code under test."""

from __future__ import annotations

import asyncio
import contextlib
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


class Reply:
    """A message from the platform, taken apart by hand."""

    def __init__(self, framed: bytes) -> None:
        content = framed[1:-1].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
        check = 0
        for byte in content:
            check ^= byte
        assert check == 0, framed.hex()
        self.message_id = int.from_bytes(content[:2], "big")
        properties = int.from_bytes(content[2:4], "big")
        start, size = (5, 10) if properties & 0x4000 else (4, 6)
        self.phone = content[start : start + size].hex()
        self.serial = int.from_bytes(content[start + size : start + size + 2], "big")
        self.body = content[start + size + 2 : -1]
        assert properties & 0x03FF == len(self.body)

    @property
    def general(self) -> tuple[int, int, int]:
        """Of a general reply: serial, message id, result."""
        assert self.message_id == 0x8001
        return int.from_bytes(self.body[:2], "big"), int.from_bytes(self.body[2:4], "big"), self.body[4]


class Terminal:
    """A terminal on a real socket."""

    def __init__(self, phone: str = PHONE) -> None:
        self.phone = phone
        self.serial = 0
        self.code = b""
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def connect(self, address: tuple[str, int]) -> Terminal:
        self._reader, self._writer = await asyncio.open_connection(*address)
        return self

    async def __aenter__(self) -> Terminal:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def kill(self) -> None:
        """The connection is reset without a goodbye."""
        self._writer.transport.abort()

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def send(self, message_id: int, body: bytes = b"") -> int:
        """Send a message under the next serial, which is returned."""
        self.serial = (self.serial + 1) & 0xFFFF
        self.write(frame(message_id, body, self.serial, self.phone))
        return self.serial

    async def reply(self) -> Reply:
        """The next message from the platform."""
        async with asyncio.timeout(30):
            await self._reader.readuntil(b"\x7e")
            return Reply(b"\x7e" + await self._reader.readuntil(b"\x7e"))

    async def ended(self) -> bool:
        """Wait until the platform closes the connection; whether it said nothing more before."""
        async with asyncio.timeout(30):
            try:
                return await self._reader.read() == b""
            except ConnectionError:
                return True

    async def quiet(self) -> bool:
        """Whether nothing has come so far."""
        try:
            async with asyncio.timeout(0):
                await self._reader.readexactly(1)
        except TimeoutError:
            return True
        return False

    async def register(self) -> bytes:
        """Register, and keep the code."""
        serial = self.send(0x0100, register(edition=2019 if len(self.phone) == 20 else 2013))
        reply = await self.reply()
        assert (reply.message_id, reply.body[:3]) == (0x8100, serial.to_bytes(2, "big") + b"\0")
        self.code = reply.body[3:]
        return self.code

    async def authenticate(self, code: bytes | None = None) -> int:
        """Authenticate; the platform's result."""
        given = self.code if code is None else code
        if len(self.phone) == 20:
            given = bytes((len(given),)) + given + b"860000000000001" + b"1.0".ljust(20, b"\0")
        serial = self.send(0x0102, given)
        answered, message_id, result = (await self.reply()).general
        assert (answered, message_id) == (serial, 0x0102)
        return result

    async def enter(self) -> None:
        """Register and authenticate."""
        await self.register()
        assert await self.authenticate() == 0
