"""Modbus TCP gateways with several units behind one port, whose registers follow the city's toilets.

A unit is polled: it tells nothing by itself and remembers nothing. A report changes its registers and counts as sent
(``unconfirmed``), for whether anybody reads it before the next one nobody can say; of several reports that were held
back only the newest is ever seen. History cannot be told at all: :mod:`simulators.speakers.choir` sends it by another
protocol.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import cast

import msgspec

from simulators.city.observation import Observation
from simulators.message import Message
from simulators.speakers.modbus_registers import Controller
from simulators.speakers.speaker import Tally

NO_SUCH_UNIT = 0x0A  # gateway path unavailable
_LONGEST = 254  # unit and PDU


class Seat(msgspec.Struct, frozen=True):
    """Where a controller is: behind which gateway (from 0), under which unit id; ``dead`` ones never answer."""

    gateway: int
    unit: int
    dead: bool = False


def seats(device_ids: Iterable[str], units: int, dead: frozenset[str] = frozenset()) -> dict[str, Seat]:
    """Seats for devices in their order: ``units`` behind each gateway, with unit ids from 1 on."""
    return {
        device_id: Seat(index // units, index % units + 1, device_id in dead)
        for index, device_id in enumerate(device_ids)
    }


class _Unit:
    def __init__(self, seat: Seat) -> None:
        self.controller = Controller()
        self.answers = not seat.dead
        self.noise: bytes | None = None  # said once, instead of the next answer
        self._seen = 0

    def see(self, observation: Observation) -> None:
        """Follow a report, unless a newer one was there before: registers show what is, and not what was."""
        if observation.seq > self._seen:
            self._seen = observation.seq
            self.controller.see(observation)

    def respond(self, request: bytes) -> bytes | None:
        if not self.answers:
            return None
        noise, self.noise = self.noise, None
        return self.controller.answer(request) if noise is None else noise[:253]


class _Session(asyncio.Protocol):
    """One client of a gateway. Frames: transaction, protocol 0, length, unit, PDU (Messaging on TCP/IP, clause 3.1)."""

    def __init__(self, units: Mapping[int, _Unit], open_sessions: set[asyncio.Transport]) -> None:
        self._units, self._open = units, open_sessions
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._rest += data
        while len(self._rest) >= 7:
            length = int.from_bytes(self._rest[4:6], "big")
            if self._rest[2:4] != b"\0\0" or not 2 <= length <= _LONGEST:
                self._transport.abort()
                return
            frame, rest = self._rest[: 6 + length], self._rest[6 + length :]
            if len(frame) < 6 + length:
                return
            self._rest = rest
            self._serve(self._transport, frame)

    def _serve(self, transport: asyncio.Transport, frame: bytes) -> None:
        unit = self._units.get(frame[6])
        pdu = bytes((frame[7] | 0x80, NO_SUCH_UNIT)) if unit is None else unit.respond(frame[7:])
        if pdu is not None:
            transport.write(frame[:4] + (len(pdu) + 1).to_bytes(2, "big") + frame[6:7] + pdu)


class ModbusSpeaker:
    """Gateways on listening ``sockets``, one for each gateway that the ``places`` of the devices name.

    See the module and :class:`simulators.speakers.speaker.Speaker`. ``offline`` silences a unit until its next report;
    senseless bytes take the place of a unit's next answer, in a frame that is sound.
    """

    def __init__(self, places: Mapping[str, Seat], sockets: Sequence[socket.socket]) -> None:
        self.tally = Tally(1)
        self._places, self._sockets = places, sockets
        self._units = {device_id: _Unit(seat) for device_id, seat in places.items()}
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Transport] = set()

    def controller(self, device_id: str) -> Controller:
        """The controller of a device."""
        return self._units[device_id].controller

    async def __aenter__(self) -> ModbusSpeaker:
        loop = asyncio.get_running_loop()
        for number, sock in enumerate(self._sockets):
            units = {seat.unit: self._units[name] for name, seat in self._places.items() if seat.gateway == number}
            server = await loop.create_server(partial(_Session, units, self._open), sock=sock)
            self._servers.append(server)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        for transport in list(self._open):
            transport.abort()

    async def greet(self, device_id: str) -> None:
        """Nothing: a controller waits to be asked."""

    async def publish(self, message: Message) -> None:
        """Bring a unit's registers up to date."""
        unit, seat = self._units[message.device_id], self._places[message.device_id]
        if message.offline:
            unit.answers = False
            return
        await self.tally.take()
        if message.raw is not None:
            unit.noise = message.raw
        else:
            unit.see(message.observations[-1])
            unit.answers = not seat.dead
        self.tally.pass_on()

    async def drain(self) -> None:
        """Nothing waits."""
