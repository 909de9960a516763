"""The life of the trackers within a hub: states at the start, repairs, and the book of plans that they go by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from time import time_ns
from typing import Protocol

from devices.errors import TransientError
from devices.registry import Registry
from devices.vocabulary import Identity
from fleet.master.places import Place
from fleet.offset import PlannedOffsets
from fleet.trackers.book import TaskBook
from fleet.trackers.fold import Fold
from fleet.trackers.ports import Task
from fleet.trackers.tracker import KINDS, Tracker
from hub.alerting.desk import AlertDesk
from hub.fleet.desk import TrackDesk
from hub.fleet.repair import Mender
from ingest.runner import Condition, pause, persist
from store.alert_history import AlertHistory
from store.readers_session import ReadSession
from store.tracker_history import TrackerHistory

FOLLOW_S = 60.0  #: between two looks at what is planned
DAY = 86_400_000_000
BACK, AHEAD = 8 * DAY, 2 * DAY  #: the span of plans that is held, about now (µs)
SLACK = 600_000_000  #: that a device's clock may be ahead, µs
AT_ONCE = 200  #: devices whose states are brought in one turn


class PlanSource(Protocol):
    """Where plans come from. Raises TransientError while the store is away."""

    async def planned(self, start: int, end: int) -> Sequence[tuple[str, Task]]:
        """The tasks that begin in ``[start, end)`` (µs), each with the id of its device."""
        ...

    async def places(self) -> Sequence[Place]:
        """Depots, tips, fuel stations and the like."""
        ...


class NothingPlanned:
    """A source without plans."""

    async def planned(self, start: int, end: int) -> Sequence[tuple[str, Task]]:
        """None."""
        return ()

    async def places(self) -> Sequence[Place]:
        """None."""
        return ()


class Tracking:
    """The desk of the pipeline, and what works behind it. ``offsets`` is the deriver of the assembler.

    What ``source`` plans is looked at each minute; devices for which something changed are tracked again from there on.
    """

    def __init__(
        self,
        alerts: AlertDesk,
        reads: ReadSession,
        registry: Registry,
        source: PlanSource | None = None,
        now: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        self.book = TaskBook()
        self.offsets = PlannedOffsets(self.book)
        self.desk = TrackDesk(alerts, TrackerHistory(reads), AlertHistory(reads), Fold(Tracker(self.book)), now)
        self.mender = Mender(self.desk, registry.by_key)
        self._registry = registry
        self._source = source or NothingPlanned()
        self._now = now
        self._read_plans = False
        self._replanned: dict[int, int] = {}

    async def open(self) -> None:
        """Read what is planned, before the first batch. Raises TransientError."""
        await self.follow_plans()

    async def follow_plans(self) -> None:
        """Bring the book up to date. What was known at the start makes no repair; what changes later does."""
        start, end = self._now() - BACK, self._now() + AHEAD
        planned, places = await self._source.planned(start, end), await self._source.places()
        async with self.desk.turn:
            self.book.settle(places)
            changed = self.book.enter(planned, start, end)
            self.book.forget(start - DAY)
            if self._read_plans:
                self._replanned |= self._passed(changed)
            self._read_plans = True
            if self._replanned:
                await self.desk.dirty(self._replanned)  # where the store is away, the next look tells it
                self._replanned = {}

    def _passed(self, changed: Mapping[str, int]) -> dict[int, int]:
        """Of devices, by their ids, whose plans changed: those whose history that concerns, by their keys."""
        found = {}
        for id_, since in changed.items():
            device = self._registry.find(Identity("id", id_))
            if device is not None and since < self._now() + SLACK:
                found[device.key] = min(since, self._replanned.get(device.key, since))
        return found

    async def run(self, stop: asyncio.Event) -> None:
        """Bring the states of all vehicles and workers, then repair and follow the plans, until ``stop`` is set."""
        try:
            await persist(self._bring_all, Condition("tracker states"), stop)
        except TransientError:  # only while stopping
            return
        await asyncio.gather(self.mender.run(stop), self._follow(stop))

    async def _follow(self, stop: asyncio.Event) -> None:
        condition = Condition("plans")
        while not stop.is_set():
            await pause(stop, FOLLOW_S)
            try:
                await persist(self.follow_plans, condition, stop)
            except TransientError:  # only while stopping
                return

    async def _bring_all(self) -> None:
        keys = iter(await self.desk.moments.heard())
        while some := list(islice(keys, AT_ONCE)):
            found = {key: device for key in some if (device := self._registry.by_key(key)) is not None}
            devices = {key: device for key, device in found.items() if device.kind in KINDS}
            async with self.desk.turn:
                await self.desk.load({key: devices[key] for key in self.desk.fold.unknown(devices)})
