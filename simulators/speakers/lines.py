"""Many TCP connections, one for each device, kept up by a single task."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, cast

import msgspec
import structlog

log = structlog.get_logger(__name__)

FLUSH_S = 5.0  # for what was written to reach a peer, at the end
State = Literal["off", "waiting", "connecting", "connected"]


class Peer(msgspec.Struct, frozen=True):
    """Whom the devices connect to, and how.

    The connections are looked at every ``tick_s``; at most ``connecting`` are made at a time, each within
    ``connect_s``. Waits between attempts grow from ``backoff_s`` to ``backoff_limit_s``. ``sources`` are local
    addresses that the devices connect from in turn: one address has 28,000 ports to offer, and servers bound what they
    take from one (over loopback all of 127.0.0.0/8 will do).
    """

    host: str
    port: int
    tick_s: float = 0.25
    connecting: int = 64
    connect_s: float = 10.0
    backoff_s: float = 0.5
    backoff_limit_s: float = 30.0
    sources: tuple[str, ...] = ()


class Line(asyncio.Protocol):
    """One device's line, over any number of connections, one after another; it has no task and no timer of its own.

    ``off`` stays off until :meth:`switch_on`; ``waiting`` wants to be connected at ``due`` (seconds of the loop).
    """

    def __init__(self, peer: Peer) -> None:
        self.state: State = "waiting"
        self.due = 0.0
        self.connections = 0
        self.choked = False  #: whether the peer reads slower than we write
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._pause = peer.backoff_s
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.Event()
        self._forsaken = 0  # connections that we gave up and that have not told us their end yet

    def hang_up(self) -> None:
        """Lose the network without a goodbye, and stay away until switched on."""
        transport, self._transport = self._transport, None
        self.state = "off"
        if transport is not None:
            self._forsake(transport)

    def switch_on(self) -> None:
        """Come back, if it was off."""
        if self.state == "off":
            self.state, self.due = "waiting", self._loop.time()

    def postpone(self) -> None:
        """No connection: try again after a pause that grows, with jitter so that a fleet does not knock at once."""
        self._transport = None
        self.state, self.due = "waiting", self._loop.time() + self._pause * random.uniform(0.5, 1.0)
        self._pause = min(self._pause * 2, self._peer.backoff_limit_s)

    def settled(self) -> None:
        """The connection has proved good: the next pause is short again."""
        self._pause = self._peer.backoff_s

    def give_up(self) -> None:
        """End a connection that is no good any more; another will be tried."""
        if self._transport is not None:
            self._transport.abort()

    async def goodbye(self) -> None:
        """End the connection in good order, with everything that was written on its way to the peer."""
        transport, self.state = self._transport, "off"
        if transport is not None:
            transport.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), FLUSH_S)

    def write(self, data: bytes) -> None:
        """Send bytes, where there is a connection."""
        if self._transport is not None:
            self._transport.write(data)

    # What a kind of line adds.

    def connected(self) -> None:
        """The connection stands."""

    def heard(self, data: bytes) -> None:
        """The peer has said something."""

    def pump(self) -> None:
        """Send what waits, as far as there is room."""

    def tick(self, now: float) -> None:
        """Look at the clock (seconds of the loop); called while connected."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        line = cast(asyncio.Transport, transport)  # uvloop's is none by class
        if self.state != "connecting":  # the network went away while the connection was made, or is back by another
            self._forsake(line)
            return
        self._transport, self.choked, self.state = line, False, "connected"
        self._ended.clear()
        self.connections += 1
        self.connected()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._transport is not None:
            self.heard(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._ended.set()
        if self._forsaken:
            self._forsaken -= 1
        elif self.state == "off":
            self._transport = None
        else:
            self.postpone()

    def pause_writing(self) -> None:
        """Called by the loop."""
        self.choked = True

    def resume_writing(self) -> None:
        """Called by the loop."""
        self.choked = False
        self.pump()

    def _forsake(self, transport: asyncio.Transport) -> None:
        self._forsaken += 1
        transport.abort()


class Exchange:
    """Keeps ``lines`` (which may grow meanwhile) connected to ``peer``. An asynchronous context manager."""

    def __init__(self, name: str, peer: Peer, lines: Mapping[str, Line]) -> None:
        self._name, self._peer, self._lines = name, peer, lines
        self._loop = asyncio.get_running_loop()
        self._group = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None
        self._connecting = 0
        self._away = False

    async def __aenter__(self) -> Exchange:
        await self._group.__aenter__()
        self._task = self._group.create_task(self._look_after())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
        for line in self._lines.values():
            line.hang_up()
        # An error of the caller's own block passes as it is; only what the group itself caused goes through it.
        if kind is not None and not issubclass(kind, asyncio.CancelledError):
            kind = error = trace = None
        await self._group.__aexit__(kind, error, trace)

    async def _look_after(self) -> None:
        while True:
            now = self._loop.time()
            for number, line in enumerate(list(self._lines.values())):
                if line.state == "connected":
                    line.tick(now)
                elif line.state == "waiting" and now >= line.due and self._connecting < self._peer.connecting:
                    line.state = "connecting"
                    self._connecting += 1
                    self._group.create_task(self._connect(line, number))
            # While many wait for their turn to connect, come back as soon as the others had theirs.
            await asyncio.sleep(self._peer.tick_s if self._connecting < self._peer.connecting else 0.01)

    async def _connect(self, line: Line, number: int) -> None:
        peer = self._peer
        local = (peer.sources[number % len(peer.sources)], 0) if peer.sources else None
        try:
            async with asyncio.timeout(peer.connect_s):
                await self._loop.create_connection(lambda: line, peer.host, peer.port, local_addr=local)
            if self._away:
                log.info("peer_back", protocol=self._name, host=peer.host, port=peer.port)
            self._away = False
        except (OSError, TimeoutError) as error:
            if not self._away:
                reason = str(error) or "no answer"
                log.warning("peer_away", protocol=self._name, host=peer.host, port=peer.port, reason=reason)
            self._away = True
            if line.state == "connecting":
                line.postpone()
        finally:
            self._connecting -= 1
