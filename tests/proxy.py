"""A TCP proxy that does what networks do: pass, delay, throttle, cut, close one half, and go silent while open.

It has an event loop of its own, in a thread, so that a test may tell it to misbehave from anywhere. Towards the server
is `Way.UP`, towards the client `Way.DOWN`.

    with Proxy(("127.0.0.1", 5432)) as proxy:
        connect_to(proxy.address)
        proxy.mute()             # half-open: what the present connections say is swallowed, and nobody is told
        proxy.cut()              # a reset for both ends of each
        proxy.cut_after(Way.UP, 1_000)  # the same, once so many bytes have gone that way: within a packet

A connection that a NAT has forgotten is :meth:`mute`: it stays as it is, for those that are there, and new ones work.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
CHUNK = 16 * 1024


class Way(enum.Enum):
    """A direction."""

    UP = "to the server"
    DOWN = "to the client"


BOTH = frozenset(Way)


class _Pair:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = {Way.DOWN: client, Way.UP: server}  #: who is written to
        self.muted: set[Way] = set()

    def reset(self) -> None:
        """RST to both ends, whatever is still to be sent."""
        for writer in self.ends.values():
            if (sock := writer.get_extra_info("socket")) is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """Listens on loopback, port :attr:`address`; each connection leads to ``target``.

    ``delay_s`` holds back each chunk that long, ``chunk`` bounds what is passed on at once, so that both together are a
    throttle: ``chunk / delay_s`` bytes a second, each way. They may be changed at any time. ``noting`` keeps what was
    handed on in :attr:`noted`, of all connections in its order.
    """

    def __init__(self, target: tuple[str, int], *, noting: bool = False) -> None:
        self.target = target
        self.address = ("127.0.0.1", 0)
        self.delay_s = 0.0
        self.chunk = CHUNK
        self.passed = dict.fromkeys(Way, 0)  #: bytes that were handed on
        self.noted = {way: bytearray() for way in Way}
        self._noting = noting
        self.accepted = 0
        self._refusing = False
        self._muted_newcomers = frozenset[Way]()
        self._cut_at: dict[Way, int] = {}
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Connections that are there, muted ones too."""
        return self._told(lambda: len(self._pairs))

    # -- what a network does ------------------------------------------------------------------------------------------

    def mute(self, ways: frozenset[Way] = BOTH, *, newcomers: bool = False) -> int:
        """Swallow what is said from now on in the present connections; with ``newcomers`` in later ones too.

        Returns how many connections are mute.
        """

        def work() -> int:
            self._muted_newcomers = ways if newcomers else frozenset()
            for pair in self._pairs:
                pair.muted |= ways
            return len(self._pairs)

        return self._told(work)

    def cut(self, *, refuse: bool = False) -> int:
        """Reset the present connections; with ``refuse`` later ones too, until :meth:`heal`. Returns how many."""

        def work() -> int:
            self._refusing = refuse
            pairs = list(self._pairs)
            for pair in pairs:
                pair.reset()
            return len(pairs)

        return self._told(work)

    def cut_after(self, way: Way, count: int) -> None:
        """Reset the connection that carries the byte ``count`` from now on that way, before that byte. Once."""

        def work() -> None:
            self._cut_at[way] = self.passed[way] + count

        self._told(work)

    @property
    def cutting(self) -> bool:
        """Whether a cut that was ordered has still to come."""
        return self._told(lambda: bool(self._cut_at))

    def close_half(self, way: Way) -> None:
        """FIN in one direction of the present connections: nothing more is said that way, the other goes on."""

        def work() -> None:
            for pair in self._pairs:
                pair.muted.add(way)
                with contextlib.suppress(OSError):
                    pair.ends[way].write_eof()

        self._told(work)

    def heal(self) -> None:
        """Pass everything of new connections, without delay. What is mute stays so: nobody mends it."""

        def work() -> None:
            self._refusing = False
            self._muted_newcomers = frozenset()
            self._cut_at.clear()
            self.delay_s, self.chunk = 0.0, CHUNK

        self._told(work)

    # -- how it does it -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()

        async def listen() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.address = self._server.sockets[0].getsockname()

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async def end() -> None:
            if self._server is not None:
                self._server.close()
            for pair in list(self._pairs):
                pair.reset()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _told(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except asyncio.CancelledError:
            return  # the test is over; asyncio would print what became of the task
        finally:
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            if self._refusing:
                raise ConnectionRefusedError
            from_server, to_server = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writer, to_server)
        pair.muted |= self._muted_newcomers
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pass(pair, reader, Way.UP), self._pass(pair, from_server, Way.DOWN))
        except OSError:
            pair.reset()
        finally:
            self._pairs.discard(pair)
            for end in pair.ends.values():
                end.close()

    async def _pass(self, pair: _Pair, reader: asyncio.StreamReader, way: Way) -> None:
        writer = pair.ends[way]
        while data := await reader.read(self.chunk):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if way in pair.muted:
                continue
            last = self._cut_at.get(way)
            if last is not None and self.passed[way] + len(data) > last:
                del self._cut_at[way]
                writer.write(data[: last - self.passed[way]])
                await writer.drain()
                await asyncio.sleep(0)  # the part has to be on its way before the reset
                pair.reset()
                return
            self.passed[way] += len(data)
            if self._noting:
                self.noted[way] += data
            writer.write(data)
            await writer.drain()
        if way not in pair.muted and writer.can_write_eof():
            writer.write_eof()
