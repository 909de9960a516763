"""One TCP connection that carries lines, whoever opened it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from devices.rates import Bucket, Rate
from ingest.ports import Intake
from ingest.transports.lines.stream import OpenStream, Watched
from ingest.transports.tls import peer_name


class LineConnection(asyncio.Protocol):
    """Feeds a stream; stops reading while the intake has no room. ``lost`` is done when the connection has ended."""

    def __init__(
        self,
        open_stream: OpenStream,
        intake: Intake,
        *,
        admit: Callable[[LineConnection], bool] = lambda _: True,
        ended: Callable[[LineConnection], None] = lambda _: None,
        rate: Rate | None = None,
    ) -> None:
        self.address = ""
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.watched: Watched | None = None
        self._open_stream = open_stream
        self._intake = intake
        self._admit = admit
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._bucket = Bucket(rate or Rate(), self._loop.time())
        self._slowed: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless the connection is not admitted."""
        transport = self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""  # gone already
        if not peer or not self._admit(self):
            transport.abort()
            return
        self.watched = Watched(self._open_stream(self.address, peer_name(transport.get_extra_info("peercert"))))
        if not self._intake.has_room:
            self.hold()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self.watched is None:
            return
        self.watched.feed(data)
        wait_s = self._bucket.take(len(data), self._loop.time())
        if wait_s and self._slowed is None:
            self._slowed = self._loop.call_later(wait_s, self._go_on)
        if self._slowed is not None or not self._intake.has_room:
            self.hold()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the stream."""
        if self.watched is not None:
            self.watched.stream.close()
            self.watched = None
            self._ended(self)
        if not self.lost.done():
            self.lost.set_result(str(exc) if exc else "closed by the peer")

    def write(self, data: bytes) -> None:
        """Send bytes to the peer."""
        if self._transport is not None:
            self._transport.write(data)

    def hold(self) -> None:
        """Stop reading for now."""
        if self.watched is not None and self._transport is not None and not self._transport.is_closing():
            self.watched.hold()
            self._transport.pause_reading()

    def release(self) -> None:
        """Read on, unless the peer speaks too fast."""
        if self._slowed is not None:
            return
        if self.watched is not None and self._transport is not None and not self._transport.is_closing():
            self.watched.release()
            self._transport.resume_reading()

    def _go_on(self) -> None:
        self._slowed = None
        if self._intake.has_room:
            self.release()

    def finish(self) -> None:
        """Read no more and complete what was gathered; the connection closes."""
        if self.watched is not None:
            self.watched.stream.close()
            self.watched = None
            self._ended(self)
        if self._transport is not None:
            self._transport.abort()
