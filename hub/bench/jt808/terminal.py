"""One JT/T 808 terminal of the bench, and two kinds of peer that mean no good."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
from typing import cast

import msgspec

from ingest.wire.jt808.frames import Framer, escape, seal
from ingest.wire.jt808.header import Header, build, parse

PER_ADDRESS = 900  #: connections from one source address of the loopback network
BATCHED = 22  #: positions of a batch: the most that fit into one message
ANSWER_S = 120.0  #: longer than that no terminal waits; the run has failed
BEIJING = timezone(timedelta(hours=8))

_ITEMS = bytes.fromhex("0104000003e8 020201f4 30011f 31010c".replace(" ", ""))


def frame(phone: str, message_id: int, serial: int, body: bytes = b"") -> bytes:
    """A message as it travels."""
    return escape(seal(build(Header(message_id, 0, phone, serial & 0xFFFF), body)))


def position(number: int, index: int, base: datetime, step_s: int) -> bytes:
    """The body of the ``index``-th position of a terminal; no two are of one second."""
    moment = base + timedelta(seconds=index * step_s)
    lat, lon = 30_500_000 + number * 10, 114_300_000 + index * 10
    head = (0).to_bytes(4, "big") + (0x000C0003).to_bytes(4, "big") + lat.to_bytes(4, "big") + lon.to_bytes(4, "big")
    tail = (25).to_bytes(2, "big") + (index % 800).to_bytes(2, "big") + (index % 360).to_bytes(2, "big")
    return head + tail + bytes.fromhex(f"{moment:%y%m%d%H%M%S}") + _ITEMS


class Shared(msgspec.Struct):
    """What all terminals of a load have in common: where the hub is, their clock, and the counts.

    ``period_s`` is the pause between two positions of a terminal, ``step_s`` what its own clock makes of it: terminals
    tell whole seconds, and no two positions may be of one.
    """

    host: str
    port: int
    period_s: float
    step_s: int
    base: datetime
    made: int = 0
    acknowledged: int = 0
    refused: int = 0
    latencies: list[float] = []
    reporting_until: float = 0.0
    flooding_until: float = 0.0
    progress: asyncio.Event = msgspec.field(default_factory=asyncio.Event)


class Terminal(asyncio.Protocol):
    """One terminal: its connection, and the positions that nobody has answered yet."""

    def __init__(self, shared: Shared, number: int) -> None:
        self.number = number
        self.phone = f"{13_000_000_000 + number:012}"
        self.made = 0
        self.kept: dict[int, bytes] = {}  #: position by index, until it is answered
        self.open = False
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._serial = 0
        self._code = b""
        self._framer = Framer()
        self._sent: dict[int, tuple[float, tuple[int, ...]]] = {}  #: by serial: when, and which positions
        self._entered: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        """Connect, register where that was not done before, and authenticate."""
        address = (f"127.0.0.{2 + self.number // PER_ADDRESS}", 0)
        self._entered = entered = self._loop.create_future()
        await self._loop.create_connection(lambda: self, self._shared.host, self._shared.port, local_addr=address)
        async with asyncio.timeout(ANSWER_S):
            await entered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        self._transport, self.open = cast(asyncio.Transport, transport), True  # uvloop's are of a class of their own
        self._framer = Framer()
        if self._code:
            self._send(0x0102, self._code)
        else:
            maker = b"\0\x2a\0\x64" + b"70111" + b"BENCH".ljust(20, b"\0") + f"{self.number:07}".encode() + b"\x02"
            self._send(0x0100, maker + "鄂A12345".encode("gbk"))

    def connection_lost(self, _: Exception | None) -> None:
        """What was not answered is kept."""
        self.open = False
        self._sent.clear()

    def data_received(self, data: bytes) -> None:
        """Take answers."""
        now = time.perf_counter()
        for content in self._framer.feed(data):
            message = parse(content)
            body = message.body
            if message.header.message_id == 0x8100:
                self._code = body[3:]
                self._send(0x0102, self._code)
            elif message.header.message_id == 0x8001 and body[4] == 0:
                if body[2:4] == b"\x01\x02" and self._entered is not None:
                    self._entered.set_result(None)
                    self._entered = None
                else:
                    self._answered(int.from_bytes(body[:2], "big"), now)
            else:
                self._shared.refused += 1

    def make(self) -> int:
        """One more position; its index."""
        shared = self._shared
        self.kept[self.made] = position(self.number, self.made, shared.base, shared.step_s)
        self.made += 1
        shared.made += 1
        return self.made - 1

    def report(self) -> None:
        """Report a position now, and again after a period."""
        if self._loop.time() >= self._shared.reporting_until:
            return
        index = self.make()
        if self.open:
            self._send(0x0200, self.kept[index], (index,))
        self._timer = self._loop.call_later(self._shared.period_s, self.report)

    def flood(self, window: int) -> None:
        """Send so many positions now, and one for each that is answered, until the flood is over."""
        self.be_quiet()
        for _ in range(window):
            index = self.make()
            self._send(0x0200, self.kept[index], (index,))

    def report_from(self, delay_s: float) -> None:
        """Begin to report."""
        self.be_quiet()
        self._timer = self._loop.call_later(delay_s, self.report)

    def be_quiet(self) -> None:
        """Report no more."""
        if self._timer is not None:
            self._timer.cancel()

    def leave(self) -> None:
        """The connection ends without a goodbye."""
        self.open = False
        self._transport.abort()

    def backfill(self) -> None:
        """Everything that was kept, in batches (0x0704, type 1)."""
        indices = sorted(self.kept)
        for at in range(0, len(indices), BATCHED):
            chosen = tuple(indices[at : at + BATCHED])
            bodies = [self.kept[index] for index in chosen]
            head = len(bodies).to_bytes(2, "big") + b"\x01"
            self._send(0x0704, head + b"".join(len(body).to_bytes(2, "big") + body for body in bodies), chosen)

    def _send(self, message_id: int, body: bytes, indices: tuple[int, ...] = ()) -> None:
        self._serial = (self._serial + 1) & 0xFFFF
        if indices:
            self._sent[self._serial] = time.perf_counter(), indices
        self._transport.write(frame(self.phone, message_id, self._serial, body))

    def _answered(self, serial: int, now: float) -> None:
        sent = self._sent.pop(serial, None)
        if sent is None:
            return
        at, indices = sent
        if len(indices) == 1:
            self._shared.latencies.append(now - at)
        for index in indices:
            if self.kept.pop(index, None) is not None:
                self._shared.acknowledged += 1
        self._shared.progress.set()
        if self._loop.time() < self._shared.flooding_until:
            self.flood(1)


class Stranger(asyncio.Protocol):
    """A peer that sends half a frame and is silent, or one that sends heartbeats on and on and reads no answer."""

    def __init__(self, *, deaf: bool) -> None:
        self.ended = False
        self._deaf = deaf
        self._transport: asyncio.Transport
        self._writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Half a frame, or the first of many."""
        self._transport = cast(asyncio.Transport, transport)
        if self._deaf:
            self._transport.pause_reading()
            self._go_on()
        else:
            self._transport.write(frame("013900000000", 0x0200, 1, bytes(28))[:20])

    def connection_lost(self, _: Exception | None) -> None:
        """Cut off."""
        self.ended = True

    def pause_writing(self) -> None:
        """The hub's buffers are full."""
        self._writable = False

    def resume_writing(self) -> None:
        """There is room again."""
        self._writable = True

    def _go_on(self) -> None:
        if self.ended:
            return
        if self._writable:
            self._transport.write(frame("013900000000", 0x0002, 1) * 50)
        asyncio.get_running_loop().call_later(0.05, self._go_on)
