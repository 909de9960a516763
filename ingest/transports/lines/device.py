"""Lines of this machine itself: a serial port, or a file that may grow.

Both are read without a thread: a serial port is a file descriptor that the event loop watches, and a file answers at
once. A port that is pulled out, or a file that is not there yet, is tried again.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import serial
import structlog

from devices.errors import TransientError
from ingest.ports import Intake
from ingest.runner import Backoff, Condition, pause
from ingest.transports.lines.stream import LineBounds, OpenStream, Watched

log = structlog.get_logger("ingest.lines")

READ_BYTES = 16 * 1024


class SerialLine:
    """A serial port (8 data bits, no parity, one stop bit), opened for this process alone."""

    def __init__(self, name: str, path: str, baud: int, open_stream: OpenStream, bounds: LineBounds) -> None:
        self.condition = Condition(f"nmea:{name}")
        self.peers = 0
        self._path = path
        self._baud = baud
        self._open_stream = open_stream
        self._bounds = bounds
        self._stop = asyncio.Event()
        self._watched: Watched | None = None

    async def run(self) -> None:
        """Read until :meth:`stop`."""
        backoff = Backoff()
        while not self._stop.is_set():
            try:
                await self._read()
            except TransientError as error:
                self.condition.failed(error)
                await pause(self._stop, backoff.delay(self.condition.failures))

    def pause_reading(self) -> None:
        """Take nothing more and hand over what was gathered."""
        self._stop.set()
        if self._watched is not None:
            self._watched.stream.close()
            self._watched = None

    async def stop(self) -> None:
        """Close the port."""
        self.pause_reading()

    async def _read(self) -> None:
        """One opening of the port. Raises TransientError when it cannot be opened or goes away."""
        loop = asyncio.get_running_loop()
        try:
            port = serial.Serial(self._path, self._baud, timeout=0, exclusive=True)
        except (OSError, ValueError) as error:  # pyserial's own is an OSError
            raise TransientError(f"serial {self._path}: {error}") from None
        gone: asyncio.Future[str] = loop.create_future()
        self._watched, self.peers = Watched(self._open_stream(self._path)), 1
        log.info("line_connected", peer=self.condition.name, path=self._path, baud=self._baud)
        loop.add_reader(port.fileno(), self._on_readable, port.fileno(), gone)
        try:
            while not self._stop.is_set() and not gone.done():
                await self._wait(gone)
                if self._watched is not None:
                    self._watched.look(self._bounds)
        finally:
            loop.remove_reader(port.fileno())
            port.close()
            self.peers = 0
            if self._watched is not None:
                self._watched.stream.close()
                self._watched = None
        if not self._stop.is_set():
            raise TransientError(f"serial {self._path}: {gone.result()}")

    async def _wait(self, gone: asyncio.Future[str]) -> None:
        """Until the port is gone, the hub stops, or it is time to look at the silence."""
        stopping = asyncio.ensure_future(self._stop.wait())
        wanted: set[asyncio.Future[object]] = {gone, stopping}  # type: ignore[arg-type]
        await asyncio.wait(wanted, timeout=self._bounds.flush_after_s / 2, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    def _on_readable(self, descriptor: int, gone: asyncio.Future[str]) -> None:
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            data, reason = b"", error.strerror or str(error)
        else:
            reason = "the port is gone"
        if data and self._watched is not None:
            self.condition.recovered()
            self._watched.feed(data)
        elif not data and not gone.done():
            gone.set_result(reason)


class FileLine:
    """A file read from its start and then followed as it grows; one that is replaced or cut is read from its start."""

    def __init__(self, name: str, path: Path, open_stream: OpenStream, intake: Intake, bounds: LineBounds) -> None:
        self.condition = Condition(f"nmea:{name}")
        self.peers = 0
        self._path = path
        self._open_stream = open_stream
        self._intake = intake
        self._bounds = bounds
        self._stop = asyncio.Event()
        self._watched: Watched | None = None

    async def run(self) -> None:
        """Read until :meth:`stop`."""
        backoff = Backoff()
        while not self._stop.is_set():
            try:
                await self._follow()
            except OSError as error:
                self.condition.failed(TransientError(f"file {self._path}: {error.strerror or error}"))
                await pause(self._stop, backoff.delay(self.condition.failures))

    def pause_reading(self) -> None:
        """Take nothing more and hand over what was gathered."""
        self._stop.set()
        self._end()

    async def stop(self) -> None:
        """Close the file."""
        self.pause_reading()

    async def _follow(self) -> None:
        """One opening of the file, until it is replaced, cut, or the hub stops."""
        with self._path.open("rb", buffering=0) as file:
            self.condition.recovered()
            self.peers = 1
            watched = self._watched = Watched(self._open_stream(str(self._path)))
            try:
                while not self._stop.is_set():
                    if self._intake.has_room and (data := file.read(READ_BYTES)):
                        watched.feed(data)
                        await asyncio.sleep(0)  # others get their turn
                        continue
                    await pause(self._stop, self._bounds.flush_after_s / 2)
                    watched.look(self._bounds)
                    if self._is_another(file.fileno(), file.tell()):
                        return
            finally:
                self.peers = 0
                self._end()

    def _end(self) -> None:
        if self._watched is not None:
            self._watched.stream.close()
            self._watched = None

    def _is_another(self, descriptor: int, position: int) -> bool:
        """Whether the path names another file by now, or this one was cut."""
        here = os.fstat(descriptor)
        there = self._path.stat()
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino) or there.st_size < position
