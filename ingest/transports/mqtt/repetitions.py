"""Repetitions: messages that come again unmarked because the broker had lost patience just when it was answered.

A broker that sends an unacknowledged message again marks it (DUP) and keeps its packet identifier (MQTT 3.1.1, clauses
3.3.1.1 and 4.4). nats-server does so after ``ack_wait``, but where the acknowledgement arrives while the repetition is
under way, it takes the message for a new one: no mark, another identifier. So when the hub answers late, which happens
only after its store was away, equal words on the same topic within a few seconds are taken for the same message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from devices.vocabulary import ANY_TOKEN, Frame

Words = tuple[str, bytes]


class Repetitions:
    """The messages that were answered late: after ``late_us``. They may come again for ``within_us``."""

    def __init__(self, late_us: int = 3_000_000, within_us: int = 10_000_000) -> None:
        self.late_us = late_us
        self._within = within_us
        self._until: dict[Words, int] = {}
        self._order: deque[tuple[int, Words]] = deque()

    def answered(self, frames: Sequence[Frame], now: int) -> None:
        """Messages, in the order of their coming, were acknowledged at ``now`` (µs).

        Bounded by what can be in flight and answered within the time.
        """
        for frame in frames:
            if now - frame.received_at < self.late_us:
                return
            words = frame.channel, frame.payload
            self._until[words] = now + self._within
            self._order.append((now + self._within, words))

    def __bool__(self) -> bool:
        """Whether any message may come again."""
        return bool(self._until)

    def marked(self, frame: Frame) -> Frame:
        """A message that has just come: as it is, or, if it is a repetition, marked as one."""
        if not self._until:
            return frame
        while self._order and self._order[0][0] < frame.received_at:
            until, words = self._order.popleft()
            if self._until.get(words) == until:
                del self._until[words]
        if (frame.channel, frame.payload) not in self._until:
            return frame
        return msgspec.structs.replace(frame, redelivered=True, token=ANY_TOKEN)
