"""One reader of the feed: where it is, what it is told next, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from math import floor
from typing import Any

import msgspec

from api.live.events import body, heartbeat, numbered, told
from api.live.feed import Feed
from api.live.place import read_place
from api.live.sight import Inside, Sight
from devices.instants import to_iso

RETRY_MS = 2_000  #: how long a browser waits before it comes again


class Reader:
    """See the module. ``after`` is the id of the last event that it had, if it was here before.

    States of devices are sent together, at most once in ``interval_s``. All readers with the same interval are sent to
    at the same time, so that they are at the same position and share their bytes.
    """

    def __init__(
        self, feed: Feed, sight: Sight, *, interval_s: float, after: str | None, clock: Callable[[], int]
    ) -> None:
        self._feed = feed
        self._sight = sight
        self._interval_s = interval_s
        self._clock = clock
        self._inside = None if sight.box is None else Inside(sight.box)
        self._slot = -1
        self._missed: str | None = None
        self.place = feed.place
        if after is None:
            self._resumed = False
            return
        known = read_place(after)
        self._resumed = known is not None and known.hub == feed.hub and max(known.events, known.devices) <= feed.head
        if known is not None and self._resumed:
            self.place = known
        else:
            self._missed = "unknown-position"  # of another hub, or of this one before it was started again

    async def events(self) -> AsyncIterator[bytes]:
        """The stream, as pieces that each hold one event or comment, until the feed is closed or the time is over."""
        feed = self._feed
        until = feed.steady() + feed.limits.lifetime_s
        yield self._hello()
        sent_at = feed.steady()
        while not feed.closed and (now := feed.steady()) < until:
            for piece in self._news(now):
                yield piece
                sent_at = feed.steady()
            now = feed.steady()
            if now - sent_at >= feed.limits.heartbeat_s:
                yield heartbeat(self.place)
                sent_at = now
            await feed.changed(self.place.events, self._idle_s(now, sent_at))

    def _hello(self) -> bytes:
        data: dict[str, Any] = {
            "now": to_iso(self._clock()),
            "hub": self._feed.hub,
            "position": str(self.place),
            "resumed": self._resumed,
        }
        return b"retry: %d\n" % RETRY_MS + numbered(self.place) + body("hello", data)

    def _news(self, now: float) -> Iterator[bytes]:
        """What is to be sent now: all of it is gathered at once, and then sent, however long that takes."""
        feed, head = self._feed, self._feed.head
        if reason := self._lost():
            self.place, self._missed = feed.place, None
            yield numbered(self.place) + body("resync", {"reason": reason, "position": str(self.place)})
            return
        entries = list(feed.ring.after(self.place.events))
        slot = floor(now / self._interval_s) if self._interval_s else None
        due = self.place.devices < head and slot != self._slot
        bundles = feed.bundles(self._sight, self.place.devices, self._inside) if due and self._devices else []
        for position, data in bundles:
            self._go(devices=position)
            yield numbered(self.place) + data
        if due:
            self._go(devices=head)
            self._slot = -1 if slot is None else slot
        for entry in entries:
            self._go(events=entry.at)
            if items := self._sight.items(entry):
                yield numbered(self.place) + body(entry.type, {f"{entry.type}s": told(items)})
        self._go(events=head)

    @property
    def _devices(self) -> bool:
        return self._sight.wants("device")

    def _go(self, **to: int) -> None:
        self.place = msgspec.structs.replace(self.place, **to)

    def _lost(self) -> str | None:
        """Why the reader cannot be told all that it has missed, if so."""
        if self._missed is not None:
            return self._missed
        behind = self.place.events < self._feed.ring.floor or self.place.devices < self._feed.newest.floor
        return "too-far-behind" if behind else None

    def _idle_s(self, now: float, sent_at: float) -> float:
        """How long nothing is to be done unless something is published."""
        idle_s = sent_at + self._feed.limits.heartbeat_s - now
        if self.place.devices < self._feed.head and self._interval_s:
            idle_s = min(idle_s, (floor(now / self._interval_s) + 1) * self._interval_s - now)
        return max(0.0, idle_s)
