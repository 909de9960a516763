"""What was said, and what was answered: the memory of the devices' side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tests.faults.harness.stream import WAYS, Message, Stream


class Ledger:
    """Which messages of a stream were sent, and which the peer saw acknowledged.

    ``taken`` are those that a hub acknowledged to its broker, where a tap listens (:mod:`tests.faults.harness.tap`).
    """

    def __init__(self, stream: Stream, most_ahead: int = 400) -> None:
        self.stream = stream
        self.sent: set[int] = set()
        self.acknowledged: set[int] = set()
        self.taken: set[int] = set()
        self.murmured: list[Message] = []  #: said beside the stream at QoS 0, to which nobody answers
        self.odd_answers: list[str] = []  #: what no peer should have been told
        self._most_ahead = most_ahead
        self._at = {way: 0 for way in WAYS if stream.of(way)}
        self._moved = asyncio.Condition()

    def acknowledge(self, number: int) -> None:
        """The peer of this message was told that it is kept."""
        self.acknowledged.add(number)

    async def pace(self, way: str, number: int) -> None:
        """Wait until this message may be sent: no way hurries ahead of the others, so that a fault meets all of them.

        At most so many messages of the stream lie between the slowest way and the quickest.
        """
        async with self._moved:
            self._at[way] = max(self._at[way], number)
            self._moved.notify_all()
            await self._moved.wait_for(lambda: number - min(self._at.values(), default=number) <= self._most_ahead)
        self.sent.add(number)

    async def over(self, way: str) -> None:
        """A way has nothing more to send."""
        async with self._moved:
            self._at.pop(way, None)
            self._moved.notify_all()

    async def reached(self, share: float) -> None:
        """Wait until such a share of the stream is acknowledged."""
        wanted = share * len(self.stream.messages)
        while len(self.acknowledged) < wanted:
            await asyncio.sleep(0.005)

    def acknowledge_all(self, numbers: Iterable[int]) -> None:
        """Those of one request or batch."""
        self.acknowledged.update(numbers)
