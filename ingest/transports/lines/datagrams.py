"""Lines over UDP: a datagram holds one sentence or several; a line never crosses a datagram's end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import structlog

from devices.errors import TransientError
from ingest.runner import Condition, pause, persist
from ingest.transports.lines.stream import LineBounds, OpenStream, Watched

log = structlog.get_logger("ingest.lines")

Key = tuple[str, int]


class LineDatagrams(asyncio.DatagramProtocol):
    """A UDP socket for lines. A peer is an address, or with ``by_port`` an address and port.

    ``by_port`` is for peers that say who they are: several may stand behind one address. Beyond ``max_peers`` the one
    that was silent for longest is forgotten, its epoch handed over.
    """

    def __init__(
        self, name: str, host: str, port: int, open_stream: OpenStream, bounds: LineBounds, *, by_port: bool = False
    ) -> None:
        self.condition = Condition(f"nmea:{name}")
        self.listening = asyncio.Event()
        self.address: tuple[str, int] = (host, port)
        self.datagrams = 0
        self._open_stream = open_stream
        self._bounds = bounds
        self._by_port = by_port
        self._peers: OrderedDict[Key, Watched] = OrderedDict()
        self._stop = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def peers(self) -> int:
        """Peers heard within the idle time."""
        return len(self._peers)

    async def run(self) -> None:
        """Listen until :meth:`stop`."""
        try:
            self._transport = await persist(self._listen, self.condition, self._stop)
        except TransientError:
            return
        self.address = self._transport.get_extra_info("sockname")[:2]
        self.listening.set()
        log.info("lines_listening", peer=self.condition.name, host=self.address[0], port=self.address[1])
        while not self._stop.is_set():
            await pause(self._stop, self._bounds.flush_after_s / 2)
            for key, watched in list(self._peers.items()):
                if not watched.look(self._bounds):
                    self._forget(key)
        self.pause_reading()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take one datagram."""
        self.datagrams += 1
        key = (str(addr[0]), addr[1] if self._by_port else 0)
        watched = self._peers.get(key)
        if watched is None:
            if len(self._peers) >= self._bounds.max_peers:
                self._forget(next(iter(self._peers)))
            watched = self._peers[key] = Watched(self._open_stream(key[0]))
        self._peers.move_to_end(key)
        watched.feed(data + b"\n")

    def error_received(self, exc: Exception) -> None:
        """An ICMP answer to something that was never sent from here: of no interest."""

    def pause_reading(self) -> None:
        """Take nothing more and hand over what was gathered."""
        if self._transport is not None:
            self._transport.close()
        for key in list(self._peers):
            self._forget(key)

    async def stop(self) -> None:
        """Close the socket."""
        self._stop.set()
        self.pause_reading()

    def _forget(self, key: Key) -> None:
        self._peers.pop(key).stream.close()

    async def _listen(self) -> asyncio.DatagramTransport:
        host, port = self.address
        try:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, local_addr=(host, port)
            )
        except OSError as error:
            raise TransientError(f"udp {host}:{port}: {error.strerror or error}") from None
        return transport
