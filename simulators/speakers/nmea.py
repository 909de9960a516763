"""NMEA receivers: each with a connection of its own over TCP (a modem, a serial server), or sending datagrams.

Nothing is ever confirmed in NMEA. A message counts as sent (``unconfirmed``) once it was written to a connection that
stands, or was handed to the network as a datagram; what is on its way when the other side dies is lost, as it is with
real receivers. What could not be written yet waits, within the window.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType

from simulators.message import Message
from simulators.speakers.lines import Exchange, Line, Peer
from simulators.speakers.nmea_sentences import Dialect, epoch
from simulators.speakers.speaker import Tally

WINDOW = 2_000
DATAGRAMS_PER_S = 250
"""Of all receivers together: a UDP socket of Linux holds about 150 of ours, and nothing tells that it is full."""


def identity_line(imei: str) -> bytes:
    """The line in which a receiver's modem says who it is, before the first sentence of a connection."""
    return f"imei:{imei}\r\n".encode("ascii")


def dialect_of(imei: str) -> Dialect:
    """Half of the receivers are from before NMEA 4.11."""
    return "GB" if int(imei[-1]) % 2 else "BD"


def lines_of(message: Message, dialect: Dialect) -> list[bytes]:
    """What a message becomes: an epoch for each observation, or its senseless bytes as a line."""
    if message.raw is not None:
        return [message.raw.replace(b"\n", b" ") + b"\r\n"]
    return [epoch(observation, dialect) for observation in message.observations]


class _Receiver(Line):
    """One receiver's connection."""

    def __init__(self, imei: str, peer: Peer, tally: Tally) -> None:
        super().__init__(peer)
        self.imei = imei
        self._tally = tally
        self._waiting: deque[bytes] = deque()

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def give(self, data: bytes) -> None:
        self._waiting.append(data)
        self.switch_on()
        self.pump()

    def connected(self) -> None:
        self.settled()
        self.write(identity_line(self.imei))
        self.pump()

    def pump(self) -> None:
        while self._waiting and self.state == "connected" and not self.choked:
            self.write(self._waiting.popleft())
            self._tally.pass_on()


class NmeaTcpSpeaker:
    """Receivers that connect over TCP; ``imei`` gives each its identity. See the module and ``speaker.Speaker``."""

    def __init__(self, peer: Peer, imei: Callable[[str], str], window: int = WINDOW) -> None:
        self.tally = Tally(window)
        self._peer, self._imei = peer, imei
        self._receivers: dict[str, _Receiver] = {}
        self._exchange = Exchange("nmea-tcp", peer, self._receivers)

    async def __aenter__(self) -> NmeaTcpSpeaker:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(receiver.goodbye() for receiver in self._receivers.values()))
        await self._exchange.__aexit__(kind, error, trace)

    async def greet(self, device_id: str) -> None:
        """Connect the receiver."""
        self._receiver(device_id)

    async def publish(self, message: Message) -> None:
        """Write a message, or keep it until the connection stands; ``offline`` tears the connection.

        A copy is left out: receivers repeat nothing, and neither does a stream. (Networks do double datagrams.)
        """
        receiver = self._receiver(message.device_id)
        if message.offline:
            receiver.hang_up()
        if message.offline or message.copy:
            return
        await self.tally.take()
        receiver.give(b"".join(lines_of(message, dialect_of(receiver.imei))))

    async def drain(self) -> None:
        """Wait until everything is written."""
        for receiver in self._receivers.values():
            if receiver.busy:
                receiver.switch_on()
        await self.tally.drained()

    def _receiver(self, device_id: str) -> _Receiver:
        receiver = self._receivers.get(device_id)
        if receiver is None:
            receiver = self._receivers[device_id] = _Receiver(self._imei(device_id), self._peer, self.tally)
        return receiver


class _Datagrams(asyncio.DatagramProtocol):
    """Nobody answers, and a port that nobody listens on is the network's affair."""

    def error_received(self, exc: Exception) -> None:
        """Called by the loop."""


class NmeaUdpSpeaker:
    """Receivers that send each epoch as a datagram from a port of their own, their identity in its first line."""

    def __init__(self, host: str, port: int, imei: Callable[[str], str], per_s: int = DATAGRAMS_PER_S) -> None:
        self.tally = Tally(1)
        self._address, self._imei = (host, port), imei
        self._gap = 1 / per_s
        self._loop = asyncio.get_running_loop()
        self._next = 0.0
        self._sockets: dict[str, asyncio.DatagramTransport] = {}

    async def __aenter__(self) -> NmeaUdpSpeaker:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for transport in self._sockets.values():
            transport.close()

    async def greet(self, device_id: str) -> None:
        """Nothing: there is no connection."""

    async def publish(self, message: Message) -> None:
        """Send a message, no faster than the pace of all datagrams."""
        if message.offline:
            return
        imei = self._imei(message.device_id)
        await self.tally.take()
        try:
            transport = await self._socket(message.device_id)
            for lines in lines_of(message, dialect_of(imei)):
                await self._turn()
                transport.sendto(identity_line(imei) + lines)
        finally:
            self.tally.pass_on()

    async def drain(self) -> None:
        """Nothing waits."""

    async def _socket(self, device_id: str) -> asyncio.DatagramTransport:
        transport = self._sockets.get(device_id)
        if transport is None:
            transport, _ = await self._loop.create_datagram_endpoint(_Datagrams, remote_addr=self._address)
            self._sockets[device_id] = transport
        return transport

    async def _turn(self) -> None:
        now = self._loop.time()
        self._next = max(self._next, now - 0.02) + self._gap
        if self._next > now:
            await asyncio.sleep(self._next - now)
