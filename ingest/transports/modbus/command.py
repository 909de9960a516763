"""A write to a Modbus unit that waits for its turn on the bus, or is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from devices.register_maps.layout import WritePoint
from ingest.ports import CommandError, NoAnswerError


class Command:
    """One write. ``sent`` is whether the unit may have been told: then no answer leaves open what it did."""

    def __init__(self, unit: int, point: WritePoint, words: Sequence[int]) -> None:
        self.unit, self.point, self.words = unit, point, words
        self.sent = False
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def over(self) -> bool:
        """Whether its fate is known, or nobody waits for it any more."""
        return self._done.done()

    def confirm(self) -> None:
        """The unit has confirmed."""
        if not self.over:
            self._done.set_result(None)

    def refuse(self, reason: str) -> None:
        """It came to nothing, or, where it was sent, nobody knows."""
        if not self.over:
            self._done.set_exception(self._error(reason))

    async def fate(self, timeout_s: float) -> None:
        """Wait until the unit has confirmed. Raises CommandError, of it NoAnswerError."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._done
        except TimeoutError:
            raise self._error(f"unit {self.unit} was not reached within {timeout_s:g} s") from None

    def _error(self, reason: str) -> CommandError:
        kind = NoAnswerError if self.sent else CommandError
        return kind(f"{self.point.name}: {reason}")
