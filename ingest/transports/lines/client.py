"""Lines over TCP, the hub connecting: serial servers, and gpsd's port."""

from __future__ import annotations

import asyncio

import structlog

from devices.errors import TransientError
from ingest.ports import Intake
from ingest.runner import Backoff, Condition, pause
from ingest.transports.lines.connection import LineConnection
from ingest.transports.lines.stream import LineBounds, OpenStream

log = structlog.get_logger("ingest.lines")

CONNECT_TIMEOUT_S = 10.0


class LineClient:
    """A TCP connection that is made again whenever it is lost. ``greeting`` is sent at the start of each."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        open_stream: OpenStream,
        intake: Intake,
        bounds: LineBounds,
        *,
        greeting: bytes = b"",
    ) -> None:
        self.condition = Condition(f"nmea:{name}")
        self.connects = 0
        self._address = (host, port)
        self._open_stream = open_stream
        self._intake = intake
        self._bounds = bounds
        self._greeting = greeting
        self._stop = asyncio.Event()
        self._connection: LineConnection | None = None
        intake.on_room(self._release)

    @property
    def peers(self) -> int:
        """1 while connected."""
        return int(self._connection is not None)

    async def run(self) -> None:
        """Stay connected until :meth:`stop`."""
        backoff = Backoff()
        while not self._stop.is_set():
            try:
                await self._converse()
            except TransientError as error:
                self.condition.failed(error)
            if not self._stop.is_set():
                await pause(self._stop, backoff.delay(max(self.condition.failures, 1)))

    def pause_reading(self) -> None:
        """Take nothing more and hand over what was gathered."""
        self._stop.set()
        if self._connection is not None:
            self._connection.finish()

    async def stop(self) -> None:
        """Disconnect."""
        self.pause_reading()

    async def _converse(self) -> None:
        """One connection from its start to its end. Raises TransientError when it is refused or lost."""
        host, port = self._address
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: LineConnection(lambda *_: self._open_stream(host), self._intake), host, port
                )
        except TimeoutError:
            raise TransientError(f"tcp {host}:{port}: no answer within {CONNECT_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise TransientError(f"tcp {host}:{port}: {error.strerror or error}") from None
        self._connection = connection
        self.connects += 1
        log.info("line_connected", peer=self.condition.name, host=host, port=port)
        connection.write(self._greeting)
        try:
            await self._attend(connection)
        finally:
            connection.finish()
            self._connection = None

    async def _attend(self, connection: LineConnection) -> None:
        """Flush while it is silent. What says nothing at all for long is a dead connection and is made anew."""
        heard = False
        while not self._stop.is_set() and not connection.lost.done():
            await asyncio.wait({connection.lost}, timeout=self._bounds.flush_after_s / 2)
            watched = connection.watched
            if watched is None:
                continue
            if not watched.look(self._bounds):
                raise TransientError(f"tcp {self._address[0]}:{self._address[1]}: silent")
            if not heard and watched.fed:
                heard = True
                self.condition.recovered()
        if not self._stop.is_set():
            raise TransientError(f"tcp {self._address[0]}:{self._address[1]}: {await connection.lost}")

    def _release(self) -> None:
        if self._connection is not None:
            self._connection.release()
