"""The life of the trackers within a hub: states at the start, repairs, and the book of plans that they go by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from time import time_ns
from typing import Protocol

from devices.errors import TransientError
from devices.registry import Registry
from devices.vocabulary import Identity
from fleet.master.places import Place
from fleet.offset import PlannedOffsets
from fleet.trackers.book import Outline, TaskBook, differing, outline
from fleet.trackers.fold import Fold
from fleet.trackers.ports import PlanBook, Task
from fleet.trackers.tracker import KINDS, Tracker
from hub.alerting.desk import AlertDesk
from hub.fleet.desk import TrackDesk
from hub.fleet.repair import Mender
from ingest.runner import Condition, pause, persist
from store.alerts.history import AlertHistory
from store.fleet.tracker_history import TrackerHistory
from store.reading import ReadSession

FOLLOW_S = 60.0  #: between two looks at what is planned
DAY = 86_400_000_000
BACK, AHEAD = 8 * DAY, 2 * DAY  #: the span of plans that is held, about now (µs)
AT_ONCE = 200  #: devices whose states are brought in one turn


class PlanSource(Protocol):
    """Where plans come from. Raises TransientError while the store is away."""

    async def planned(self, start: int, end: int) -> Sequence[tuple[str, Task]]:
        """The tasks that begin in ``[start, end)`` (µs), each with the id of its device."""
        ...

    async def planned_for(self, device: str, start: int, end: int) -> Sequence[Task]:
        """The tasks of one device (its id) that begin in ``[start, end)`` (µs)."""
        ...

    async def places(self) -> Sequence[Place]:
        """Depots, tips, fuel stations and the like."""
        ...


class NothingPlanned:
    """A source without plans."""

    async def planned(self, start: int, end: int) -> Sequence[tuple[str, Task]]:
        """None."""
        return ()

    async def planned_for(self, device: str, start: int, end: int) -> Sequence[Task]:
        """None."""
        return ()

    async def places(self) -> Sequence[Place]:
        """None."""
        return ()


class Tracking:
    """The desk of the pipeline, and what works behind it. ``offsets`` is the deriver of the assembler.

    What ``source`` plans is looked at each minute; devices for which something changed are tracked again from there on.
    What they were tracked with stands in the store, so that it does not matter whether a hub ran when it changed.
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
        self.mender = Mender(self.desk, registry.by_key, self._planned_since)
        self._registry = registry
        self._source = source or NothingPlanned()
        self._now = now
        self._held = now() - BACK  #: the book has all tasks that begin from here on
        self._tracked_with: dict[str, tuple[Outline, ...]] | None = None  #: by device, as the store has it
        self._unsaved: set[str] = set()  #: devices of which it does not have what the book has

    async def open(self) -> None:
        """Read what is planned, before the first batch. Raises TransientError."""
        await self.follow_plans()

    async def follow_plans(self) -> None:
        """Bring the book up to date; whose history that changes is tracked again. Raises TransientError."""
        start, end = self._now() - BACK, self._now() + AHEAD
        planned, places = await self._source.planned(start, end), await self._source.places()
        if self._tracked_with is None:
            self._tracked_with = await self.desk.history.outlines()
            self._unsaved = set(self._tracked_with)
        async with self.desk.turn:
            self.book.settle(places)
            self._unsaved |= self.book.enter(planned, start, end).keys()
            self.book.forget(start - DAY)
            self._held = start
            if self._unsaved:  # where the store is away, the next look tells it
                await self._replan(self._tracked_with, start)

    async def _replan(self, before: dict[str, tuple[Outline, ...]], start: int) -> None:
        """Have tracked again what was tracked with other tasks, of those that begin at ``start`` (µs) or later."""
        now = {device: tuple(map(outline, self.book.tasks(device))) for device in self._unsaved}
        since = {}
        for id_, own in now.items():
            at, device = differing(before.get(id_, ()), own, start), self._registry.find(Identity("id", id_))
            if at is not None and device is not None:
                since[device.key] = at
        told = await self.desk.history.told_since(since)
        await self.desk.replan({key: at for key, at in since.items() if key in told}, now)
        before |= now
        self._unsaved = set()

    async def _planned_since(self, device: str, since: int) -> PlanBook:
        """A book that knows the tasks of a device from ``since`` (µs) on. Raises TransientError."""
        held = self._held
        if since >= held + DAY:  # a task that had begun by then is in the book as well
            return self.book
        earlier = await self._source.planned_for(device, since - DAY, held)
        book = TaskBook()
        book.settle(self.book.places())
        tasks = (*earlier, *(one for one in self.book.tasks(device) if one.start >= held))
        book.enter(((device, one) for one in tasks), since - DAY, 2**62)
        return book

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
