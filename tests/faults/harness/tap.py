"""A tap between a broker and the hub: it notes which messages the hub acknowledged, and changes nothing.

What a device was promised by its broker is the broker's to keep. What the hub acknowledged to the broker is the hub's,
also where the broker loses what it held. MQTT 3.1.1 (clauses 3.3 PUBLISH, 3.4 PUBACK).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator

from tests.faults.harness.ledger import Ledger

_PUBLISH, _PUBACK = 3, 4


class Tap:
    """Use as a context manager; the hub connects to :attr:`address`. Works in a thread and a loop of its own."""

    def __init__(self, broker: tuple[str, int]) -> None:
        self._broker = broker
        self._numbers: dict[tuple[str, bytes], int] = {}
        self._ledger: Ledger | None = None
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.address = ("127.0.0.1", 0)

    def listen_for(self, ledger: Ledger) -> None:
        """From now on note into ``ledger.taken``."""
        self._numbers = {(one.topic, one.payload): one.number for one in ledger.stream.of("mqtt")}
        self._ledger = ledger

    def __enter__(self) -> Tap:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        self._talks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, *self.address)
        self.address = server.sockets[0].getsockname()[:2]
        self._ready.set()
        await self._end.wait()
        server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, onward = await asyncio.open_connection(*self._broker)
        except OSError:
            writer.transport.abort()
            return
        handed: dict[bytes, int | None] = {}  # by packet identifier; None for what is none of ours
        both = [
            asyncio.ensure_future(_carry(there, writer, lambda head, body: self._handed(handed, head, body))),
            asyncio.ensure_future(_carry(reader, onward, lambda head, body: self._taken(handed, head, body))),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            writer.transport.abort()
            onward.transport.abort()

    def _handed(self, handed: dict[bytes, int | None], head: int, body: bytes) -> None:
        if head >> 4 == _PUBLISH and head & 6:
            size = int.from_bytes(body[:2], "big")
            handed[body[2 + size : 4 + size]] = self._numbers.get((body[2 : 2 + size].decode(), body[4 + size :]))

    def _taken(self, handed: dict[bytes, int | None], head: int, body: bytes) -> None:
        if head >> 4 == _PUBACK and (number := handed.pop(body[:2], None)) is not None and self._ledger is not None:
            self._ledger.taken.add(number)


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: Callable[[int, bytes], None]
) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        async for head, length, body in _packets(reader):
            writer.write(bytes((head,)) + length + body)
            # Noted before it can have arrived: what the hub acknowledged counts, also if the broker never hears of it.
            look(head, body)
            await writer.drain()


async def _packets(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes, bytes]]:
    """Control packets: first byte, the length as it was written, the rest (clause 2.2)."""
    while True:
        head = (await reader.readexactly(1))[0]
        length, size, shift = b"", 0, 0
        while not length or length[-1] & 0x80:
            length += await reader.readexactly(1)
            size |= (length[-1] & 0x7F) << shift
            shift += 7
        yield head, length, await reader.readexactly(size)


@contextlib.contextmanager
def tapped(broker: tuple[str, int]) -> Iterator[Tap]:
    """A tap before this broker."""
    with Tap(broker) as tap:
        yield tap
