"""Lines over TCP, the hub listening: receivers with a modem connect and talk.

A silent or slow peer holds nobody: each connection has its own bounded buffer, is flushed when silent, and ended when
silent for long. Connections beyond the bounds are refused at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic

import structlog

from devices.errors import TransientError
from ingest.ports import Intake
from ingest.runner import Condition, pause, persist
from ingest.transports.lines.connection import LineConnection
from ingest.transports.lines.stream import LineBounds, OpenStream
from ingest.transports.tls import Certificates, ServerTls

log = structlog.get_logger("ingest.lines")

HANDSHAKE_S = 10.0  #: how long a peer may take to agree on encryption


class LineListener:
    """A TCP server for lines. :meth:`run` works until :meth:`stop`. Port 0 takes a free one."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        open_stream: OpenStream,
        intake: Intake,
        bounds: LineBounds,
        tls: ServerTls | None = None,
    ) -> None:
        self.condition = Condition(f"nmea:{name}")
        self.listening = asyncio.Event()
        self.address: tuple[str, int] = (host, port)
        self.accepted = 0
        self.refused = 0
        self._open_stream = open_stream
        self._intake = intake
        self._bounds = bounds
        self._certificates = Certificates(tls, f"nmea {name}") if tls else None
        self._connections: set[LineConnection] = set()
        self._by_address: Counter[str] = Counter()
        self._stop = asyncio.Event()
        self._server: asyncio.Server | None = None
        intake.on_room(self._release)

    @property
    def peers(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    async def run(self) -> None:
        """Listen until :meth:`stop`; a port that is taken is tried again."""
        try:
            self._server = await persist(self._listen, self.condition, self._stop)
        except TransientError:
            return
        self.address = self._server.sockets[0].getsockname()[:2]
        self.listening.set()
        log.info("lines_listening", peer=self.condition.name, host=self.address[0], port=self.address[1])
        while not self._stop.is_set():
            await pause(self._stop, self._bounds.flush_after_s / 2)
            if self._certificates is not None:
                self._certificates.look(monotonic())
            for connection in list(self._connections):
                if connection.watched is not None and not connection.watched.look(self._bounds):
                    connection.finish()
        self.pause_reading()

    def pause_reading(self) -> None:
        """Take nothing more and hand over what was gathered. For an orderly end."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.finish()

    async def stop(self) -> None:
        """Close everything."""
        self._stop.set()
        self.pause_reading()

    async def _listen(self) -> asyncio.Server:
        host, port = self.address
        secure = self._certificates
        try:
            return await asyncio.get_running_loop().create_server(
                self._accept,
                host,
                port,
                ssl=secure.context if secure else None,
                ssl_handshake_timeout=HANDSHAKE_S if secure else None,
            )
        except OSError as error:
            raise TransientError(f"tcp {host}:{port}: {error.strerror or error}") from None

    def _accept(self) -> LineConnection:
        return LineConnection(
            self._open_stream, self._intake, admit=self._admit, ended=self._ended, rate=self._bounds.rate
        )

    def _admit(self, connection: LineConnection) -> bool:
        address = connection.address
        if len(self._connections) >= self._bounds.max_peers or (
            self._by_address[address] >= self._bounds.max_per_address
        ):
            if not self.refused % 100:
                log.warning("line_refused", peer=self.condition.name, address=address, open=len(self._connections))
            self.refused += 1
            return False
        self.accepted += 1
        self._connections.add(connection)
        self._by_address[address] += 1
        return True

    def _ended(self, connection: LineConnection) -> None:
        self._connections.discard(connection)
        self._by_address[connection.address] -= 1
        if self._by_address[connection.address] <= 0:
            del self._by_address[connection.address]

    def _release(self) -> None:
        for connection in self._connections:
            connection.release()
