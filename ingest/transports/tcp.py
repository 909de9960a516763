"""A TCP server for many connections that say little: limits, back-pressure, and an orderly end.

A connection hands the bytes that it reads to its :class:`Line`, which a protocol's adapter makes, and takes the bytes
to send. It reads in chunks of a bounded size and not at all while it is held, so that the kernel's buffers fill and
the peer waits. A peer that does not read what it is sent is cut off.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import Callable
from typing import Protocol, cast

import msgspec
import structlog

from devices.errors import ConfigError
from ingest.transports.tls import Certificates, ServerTls

log = structlog.get_logger("ingest.tcp")

SPARE_FILES = 256  #: open files of a process beside the connections of one server
HANDSHAKE_S = 10.0  #: how long a peer may take to agree on encryption
CLOSING_S = 5.0  #: how long peers may take to read their last replies when the server ends


class TcpLimits(msgspec.Struct, frozen=True):
    """Bounds of a server.

    ``per_address`` is generous, for a carrier may put a whole fleet behind one address. ``idle_s`` is how long a peer
    may be silent; ``newcomer_s`` how long it may take to be admitted. ``chunk_bytes`` bounds what is read of a
    connection and not yet handled, ``unsent_bytes`` what it is sent and does not read.
    """

    connections: int = 10_000
    per_address: int = 1_000
    idle_s: float = 300.0
    newcomer_s: float = 30.0
    chunk_bytes: int = 16 * 1024
    unsent_bytes: int = 64 * 1024


class Line(Protocol):
    """A protocol's side of a connection."""

    @property
    def admitted(self) -> bool:
        """Whether the peer has proved who it is, where its protocol asks for that."""
        ...

    def receive(self, data: bytes) -> None:
        """Take bytes. May send, hold or drop the connection."""
        ...

    def lost(self) -> None:
        """The connection is gone; nothing can be sent any more."""
        ...


class Connection(asyncio.BufferedProtocol):
    """One connection. All calls are from the event loop."""

    def __init__(self, server: TcpServer) -> None:
        self.alive = False
        self.held = False
        self.peer = "unknown"  #: the address, without the port
        self.line: Line | None = None
        self.made_at = self.heard_at = server.loop.time()
        self._server = server
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the peer, or turn it away."""
        self._transport = stream = cast(asyncio.Transport, transport)
        name = stream.get_extra_info("peername")
        self.peer = str(name[0]) if name else "unknown"
        self.alive = self._server.admit(self)
        if not self.alive:
            stream.abort()
            return
        stream.set_write_buffer_limits(high=self._server.limits.unsent_bytes)
        if (sock := stream.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.line = self._server.open_line(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """One buffer serves all connections: it is filled and emptied within one turn of the loop."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read."""
        self.heard_at = self._server.loop.time()
        self._server.received_bytes += nbytes
        if self.line is not None and self.alive:
            self.line.receive(bytes(self._server.buffer[:nbytes]))

    def pause_writing(self) -> None:
        """The peer does not read what it is sent."""
        self.drop("unread")

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection."""
        known, self.alive = self.line is not None, False
        if known:
            self._server.forget(self)
        if self.line is not None:
            self.line.lost()

    def send(self, data: bytes) -> None:
        """Send bytes; nothing when the connection is gone."""
        if self.alive and self._transport is not None:
            self._transport.write(data)

    def hold(self) -> None:
        """Stop reading."""
        if self.alive and not self.held and self._transport is not None:
            self.held = True
            self._transport.pause_reading()

    def release(self) -> None:
        """Read on. Its silence counts from now, for nobody listened before."""
        if self.alive and self.held and self._transport is not None and not self._server.ending:
            self.held = False
            self.heard_at = self._server.loop.time()
            self._transport.resume_reading()

    def drop(self, reason: str) -> None:
        """Cut the connection; the reason is counted."""
        if self.alive and self._transport is not None:
            self.alive = False
            self._server.dropped[reason] += 1
            self._transport.abort()

    def close(self) -> None:
        """Close when all is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


class TcpServer:
    """Listens at an address and makes a line for each connection; encrypted, where ``tls`` is given.

    ``dropped`` counts connections that the server ended or refused: ``crowded``, ``address``, ``idle``,
    ``unauthenticated``, ``unread``.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        limits: TcpLimits,
        open_line: Callable[[Connection], Line],
        tls: ServerTls | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.limits = limits
        self.open_line = open_line
        self.ending = False
        self.accepted = 0
        self.received_bytes = 0
        self.dropped: Counter[str] = Counter()
        self._certificates = Certificates(tls, name) if tls else None
        self.buffer = memoryview(bytearray(limits.chunk_bytes))
        self.loop: asyncio.AbstractEventLoop
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        """Listen. Port 0 takes a free one, which :attr:`port` then names. Raises ConfigError."""
        self.loop = asyncio.get_running_loop()
        self._make_room()
        try:
            self._server = await self.loop.create_server(
                lambda: Connection(self),
                self.host,
                self.port,
                backlog=4_096,
                reuse_address=True,
                ssl=self._certificates.context if self._certificates else None,
                ssl_handshake_timeout=HANDSHAKE_S if self._certificates else None,
            )
        except OSError as error:
            raise ConfigError(f"{self.name}: cannot listen at {self.host}:{self.port}: {error.strerror}") from None
        self.port = self._server.sockets[0].getsockname()[1]
        log.info("tcp_listening", listener=self.name, host=self.host, port=self.port)
        self._sweep()

    def _make_room(self) -> None:
        """Let the process open as many files as there may be connections: systems begin with 1,024."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self.limits.connections + SPARE_FILES
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < allowed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            log.warning("tcp_few_files", listener=self.name, allowed=allowed, wanted=wanted, see="ulimit -Hn")

    def pause_reading(self) -> None:
        """Accept nobody and read nothing more; replies can still be sent. For an orderly end."""
        self.ending = True
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.hold()

    async def stop(self) -> None:
        """Close all connections when their replies are sent."""
        self.pause_reading()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self._connections):
            connection.close()
        try:
            async with asyncio.timeout(CLOSING_S):
                while self._connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for a connection; then it is counted."""
        limits = self.limits
        if self.ending or len(self._connections) >= limits.connections:
            self.dropped["crowded"] += 1
            return False
        if self._by_address[connection.peer] >= limits.per_address:
            self.dropped["address"] += 1
            return False
        self.accepted += 1
        self._connections.add(connection)
        self._by_address[connection.peer] += 1
        return True

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self._by_address[connection.peer] -= 1
        if not self._by_address[connection.peer]:
            del self._by_address[connection.peer]
        if not self._connections:
            self._empty.set()

    def _sweep(self) -> None:
        """Drop the silent and those that do not say who they are; one timer for all."""
        now, limits = self.loop.time(), self.limits
        if self._certificates is not None:
            self._certificates.look(now)
        for connection in list(self._connections):
            if connection.held:
                continue
            if now - connection.heard_at > limits.idle_s:
                connection.drop("idle")
            elif now - connection.made_at > limits.newcomer_s and not (connection.line and connection.line.admitted):
                connection.drop("unauthenticated")
        pause = min(1.0, limits.idle_s / 4, limits.newcomer_s / 4)
        self._sweeping = self.loop.call_later(pause, self._sweep)
