"""What leaves a device in one piece: one observation, several that were held back, or bytes that make no sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from simulators.city.observation import Observation

LONGEST_ARRAY = 50


class Message(msgspec.Struct, frozen=True):
    """One message of a device, sent at ``sent_at`` (µs of simulated time).

    ``raw`` stands for bytes that no protocol would make; such a message has no observations. ``copy`` marks a
    message that was sent before. ``offline`` is no message at all: the device falls silent here, until its next one.
    """

    device_id: str
    sent_at: int
    observations: tuple[Observation, ...] = ()
    raw: bytes | None = None
    copy: bool = False
    offline: bool = False


class Batcher:
    """Joins successive messages of a device into arrays of up to ``longest`` observations, in their order.

    Copies, raw bytes and silences are not joined: they pass at once, behind what their device had gathered so far.
    """

    def __init__(self, longest: int = LONGEST_ARRAY) -> None:
        self._longest = longest
        self._gathered: dict[str, list[Observation]] = {}

    def add(self, message: Message) -> Iterator[Message]:
        """Take a message; yields what is complete by that."""
        device_id = message.device_id
        if message.raw is not None or message.copy or message.offline:
            if device_id in self._gathered:
                yield self._take(device_id)
            yield message
            return
        gathered = self._gathered.setdefault(device_id, [])
        if len(gathered) + len(message.observations) > self._longest and gathered:
            yield self._take(device_id)
            gathered = self._gathered.setdefault(device_id, [])
        gathered.extend(message.observations)
        if len(gathered) >= self._longest:
            yield self._take(device_id)

    def flush(self) -> Iterator[Message]:
        """Everything that is still gathered."""
        for device_id in list(self._gathered):
            yield self._take(device_id)

    def _take(self, device_id: str) -> Message:
        gathered = self._gathered.pop(device_id)
        return Message(device_id, gathered[-1].observed_at, tuple(gathered))


def count(message: Message, counts: Counter[str]) -> None:
    """Add the observations of a message to ``counts`` by kind; copies do not count again."""
    if not message.copy:
        for observation in message.observations:
            counts[observation.kind] += 1
