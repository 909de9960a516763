"""A relay between two TCP peers that notes what passes, and can fall silent as a broken network does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Relay:
    """Forwards to ``target``. ``up`` is what the connecting sides said, ``down`` what they were told, all in order."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.address = ("127.0.0.1", 0)
        self.up = bytearray()
        self.down = bytearray()
        self.accepted = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: list[asyncio.StreamWriter] = []

    def freeze(self) -> None:
        """Forward nothing more of the connections that stand; nobody is told. Later ones pass."""
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()  # of those to come

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Relay]:
        """Listen on a free port of loopback."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = server.sockets[0].getsockname()[:2]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            for writer in self._writers:
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        there, out = await asyncio.open_connection(*self.target)
        self._writers += [writer, out]
        await asyncio.gather(
            self._carry(reader, out, self.up, self._flowing), self._carry(there, writer, self.down, self._flowing)
        )

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        noted: bytearray,
        flowing: asyncio.Event,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if not flowing.is_set():
                    continue
                noted += data
                writer.write(data)
                await writer.drain()
        if flowing.is_set():
            writer.close()
