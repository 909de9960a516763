"""What every speaker has in common: it takes messages on, sends each at least once, and counts honestly."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Protocol

from simulators.message import Message


class Tally:
    """The counts of a speaker, and the bound of what it keeps.

    Each message that was taken on is settled once: ``acknowledged`` (the peer has confirmed it), ``refused`` (the peer
    has answered that it will not have it), or ``unconfirmed`` (it was sent, and its protocol has no answers). What is
    not settled is in flight. At most ``window`` messages are.
    """

    def __init__(self, window: int) -> None:
        self._room = asyncio.Semaphore(window)
        self._settled = asyncio.Event()
        self._settled.set()
        self.taken = 0
        self.acknowledged = 0
        self.refused = 0
        self.unconfirmed = 0

    @property
    def in_flight(self) -> int:
        """Messages taken on and not settled."""
        return self.taken - self.acknowledged - self.refused - self.unconfirmed

    async def take(self) -> None:
        """Take a message on; waits while the window is full."""
        await self._room.acquire()
        self.taken += 1
        self._settled.clear()

    def acknowledge(self) -> None:
        """The peer has confirmed a message."""
        self.acknowledged += 1
        self._release()

    def refuse(self) -> None:
        """The peer has answered that it does not take a message, and to send it again would change nothing."""
        self.refused += 1
        self._release()

    def pass_on(self) -> None:
        """A message was sent that nothing will ever confirm."""
        self.unconfirmed += 1
        self._release()

    async def drained(self) -> None:
        """Wait until nothing is in flight."""
        await self._settled.wait()

    def _release(self) -> None:
        self._room.release()
        if self.in_flight == 0:
            self._settled.set()


class Parcel:
    """A message of the city that travels as several of its protocol: it is settled with the last of its ``parts``."""

    __slots__ = ("_parts", "_refused", "_tally")

    def __init__(self, tally: Tally, parts: int) -> None:
        self._tally, self._parts, self._refused = tally, parts, False

    def settle(self, refused: bool = False) -> None:
        """The peer has confirmed a part, or refused it."""
        self._parts -= 1
        self._refused = self._refused or refused
        if self._parts == 0:
            if self._refused:
                self._tally.refuse()
            else:
                self._tally.acknowledge()


class Speaker(Protocol):
    """One protocol. An asynchronous context manager; entering does not wait for a peer.

    Messages of one device leave in the order in which they were published. What was taken on is kept until it is
    settled (see :class:`Tally`), also while the peer is away.
    """

    tally: Tally

    async def __aenter__(self) -> Speaker: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def greet(self, device_id: str) -> None:
        """The device is switched on: connect, register, say hello; whatever its protocol asks for."""

    async def publish(self, message: Message) -> None:
        """Take a message on; waits while the window is full."""

    async def drain(self) -> None:
        """Wait until everything that was taken on is settled."""
