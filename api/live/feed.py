"""The feed: what is published is kept once, bounded, and readers come for it; it waits for none of them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from api.live.events import body
from api.live.limits import LiveLimits
from api.live.newest import Newest
from api.live.place import Place
from api.live.ring import A_TIME, Entry, Item, Ring, Type
from api.live.sight import Inside, Sight
from api.problems import ProblemError
from devices.live import LiveAlert, LiveDevice, LiveIncident, LiveOrder

A_BUNDLE = 250  #: devices in one event
KEPT_BUNDLES = 16
ASKED_FOR_S = 60.0  #: how long the feed goes on without a reader, for those who come back


class Feed:
    """See the module. ``steady`` is a clock in seconds that never jumps."""

    def __init__(self, limits: LiveLimits | None = None, *, steady: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits or LiveLimits()
        self.hub = secrets.token_hex(4)
        self.steady = steady
        self.head = 0  #: position of what was published last
        self.newest = Newest(self.limits.devices)
        self.ring = Ring(self.limits.items)
        self.closed = False
        self.dropped = 0  #: readers that took nothing for too long
        self._changed = asyncio.Event()
        self._readers: Counter[str] = Counter()
        self._bundles: OrderedDict[tuple[Sight, int, int], list[tuple[int, bytes]]] = OrderedDict()
        self._asked_at = steady() - ASKED_FOR_S

    # -- the side of the store ------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether somebody reads, or did a moment ago."""
        return bool(self._readers) or self.steady() - self._asked_at < ASKED_FOR_S

    def publish(
        self,
        devices: Sequence[LiveDevice] = (),
        alerts: Sequence[LiveAlert] = (),
        orders: Sequence[LiveOrder] = (),
        incidents: Sequence[LiveIncident] = (),
    ) -> None:
        """Tell of what was committed: states first, so that an alert finds its device there."""
        before = self.head
        for device in devices:
            self.head += self.newest.put(device, self.head + 1)
        self._keep("alert", alerts)
        self._keep("order", orders)
        self._keep("incident", incidents)
        if self.head > before:
            self._wake()

    def _keep(self, type_: Type, items: Sequence[Item]) -> None:
        for at in range(0, len(items), A_TIME):
            self.head += 1
            self.ring.put(Entry(self.head, type_, items[at : at + A_TIME]))

    def interrupt(self) -> None:
        """Something may have gone untold: everybody who has come up to here has to read the lists again."""
        self.head += 1
        self.newest.floor = self.ring.floor = self.head
        self._wake()

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        self._wake()

    # -- the side of the readers ----------------------------------------------------------------------------------

    @property
    def readers(self) -> int:
        """How many there are."""
        return self._readers.total()

    @property
    def place(self) -> Place:
        """Where somebody is who has seen everything."""
        return Place(self.hub, self.head, self.head)

    def ask(self) -> Place:
        """The place from which a reader will be told everything, when it comes within a minute."""
        if not self.wanted:
            self.interrupt()  # what was committed while nobody was there was not followed
        self._asked_at = self.steady()
        return self.place

    @contextmanager
    def seat(self, actor: str) -> Iterator[None]:
        """A reader's place. Raises a 429 problem for a principal with too many, 503 when all are taken."""
        if self._readers[actor] >= self.limits.readers_each:
            detail = f"{self.limits.readers_each} live streams of this reader are open already; close one of them"
            raise ProblemError(429, "too-many-streams", detail, headers={"Retry-After": "10"})
        if self.readers >= self.limits.readers:
            detail = f"{self.limits.readers} live streams are open already"
            raise ProblemError(503, "too-many-streams", detail, headers={"Retry-After": "30"})
        self.ask()
        self._readers[actor] += 1
        try:
            yield
        finally:
            self._readers[actor] -= 1
            if not self._readers[actor]:
                del self._readers[actor]
            self._asked_at = self.steady()

    async def changed(self, position: int, within_s: float) -> None:
        """Wait until something is published behind ``position``, the feed is closed, or the time is over."""
        if self.head > position or self.closed or within_s <= 0:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def bundles(self, sight: Sight, position: int, inside: Inside | None) -> list[tuple[int, bytes]]:
        """What changed of devices behind a position: events without id, each with the position that it leads to.

        It is made once for all readers with the same sight at the same position, but for those with a box.
        """
        if inside is not None:
            return self._bundle(sight, position, inside)
        key = (sight, position, self.head)
        made = self._bundles.get(key)
        if made is None:
            made = self._bundles[key] = self._bundle(sight, position, None)
            if len(self._bundles) > KEPT_BUNDLES:
                self._bundles.popitem(last=False)
        return made

    def _bundle(self, sight: Sight, position: int, inside: Inside | None) -> list[tuple[int, bytes]]:
        found = [
            shown
            for shown in self.newest.after(position)
            if sight.shows(shown.device.id, shown.device.kind) and (inside is None or inside.shows(shown))
        ]
        cuts = [found[at : at + A_BUNDLE] for at in range(0, len(found), A_BUNDLE)]
        return [(cut[-1].at, body("device", {"devices": [one.after(position) for one in cut]})) for cut in cuts]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
