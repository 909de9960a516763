"""The least that a subscriber can be: it takes messages at QoS 1, acknowledges them, and keeps nothing but a count.

What a broker delivers to it is the limit for whatever subscribes there from Python. The count stands in a file that the
bench has mapped into its memory, so that telling it costs nothing. Run as ``python -m benchmarks.compare.subscriber``.
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
import struct
from pathlib import Path

from hub.bench.load import connect, packet

COUNT = struct.Struct("<q")
_SUBSCRIBE = packet(0x82, b"\x00\x01" + struct.pack(">H", 22) + b"sanihub/v1/+/telemetry" + b"\x01")


class Subscriber(asyncio.Protocol):
    """One connection that acknowledges what comes (OASIS MQTT 3.1.1, chapters 3.3, 3.4 and 3.8)."""

    def __init__(self, told: mmap.mmap) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._told = told
        self._count = 0
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello, and what is wanted."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(connect("bare") + _SUBSCRIBE)

    def connection_lost(self, error: Exception | None) -> None:
        """The broker is gone."""
        self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Acknowledge every whole message."""
        buffer = self._buffer
        buffer += data
        offset, answers = 0, bytearray()
        while (whole := _packet_end(buffer, offset)) is not None:
            body, end = whole
            if buffer[offset] >> 4 == 3 and buffer[offset] & 0x06:
                at = body + 2 + int.from_bytes(buffer[body : body + 2], "big")
                answers += b"\x40\x02" + buffer[at : at + 2]
            offset = end
        del buffer[:offset]
        if answers:
            self._transport.write(bytes(answers))
            self._count += len(answers) // 4
            COUNT.pack_into(self._told, 0, self._count)


def _packet_end(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Where the body of the packet at ``start`` begins and ends; None when it is not whole."""
    length = shift = 0
    for at in range(start + 1, min(start + 5, len(buffer))):
        length |= (buffer[at] & 0x7F) << shift
        shift += 7
        if not buffer[at] & 0x80:
            return (at + 1, at + 1 + length) if at + 1 + length <= len(buffer) else None
    return None


async def run(host: str, port: int, file: Path) -> None:
    """Take messages until the broker ends the connection."""
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), COUNT.size) as told:
        loop = asyncio.get_running_loop()
        _, subscriber = await loop.create_connection(lambda: Subscriber(told), host, port)
        await subscriber.ended


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path, help="eight bytes for the count, which are there")
    given = parser.parse_args()
    asyncio.run(run(given.host, given.port, given.file))


if __name__ == "__main__":
    main()
