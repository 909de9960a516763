"""The last alerts, work orders and incidents that were published, for readers that come back."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from devices.live import LiveAlert, LiveIncident, LiveOrder

Type = Literal["alert", "order", "incident"]
Item = LiveAlert | LiveOrder | LiveIncident
A_TIME = 100  #: items in one entry


class Entry(msgspec.Struct, frozen=True):
    """Items that were published at one position and are sent in one event."""

    at: int
    type: Type
    items: Sequence[Item]


class Ring:
    """At most ``most`` items; :attr:`floor` is the position of the last entry that was forgotten."""

    def __init__(self, most: int = 10_000) -> None:
        self.floor = 0
        self._most = most
        self._count = 0
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return self._count

    def put(self, entry: Entry) -> None:
        """Add an entry behind all others."""
        self._entries.append(entry)
        self._count += len(entry.items)
        while self._count > self._most and self._entries:
            forgotten = self._entries.popleft()
            self._count -= len(forgotten.items)
            self.floor = max(self.floor, forgotten.at)

    def after(self, position: int) -> Iterable[Entry]:
        """The entries behind a position, oldest first."""
        if not self._entries or self._entries[-1].at <= position:
            return ()
        entries = list(self._entries)
        return entries[bisect_right(entries, position, key=lambda entry: entry.at) :]
