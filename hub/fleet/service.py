"""The life of the trackers within a hub: states at the start, repairs, and the book of plans that they go by."""

from __future__ import annotations

import asyncio
from itertools import islice

from devices.errors import TransientError
from devices.registry import Registry
from fleet.offset import PlannedOffsets
from fleet.trackers.fold import Fold
from fleet.trackers.ports import NoPlans, PlanBook
from fleet.trackers.tracker import KINDS, Tracker
from hub.alerting.desk import AlertDesk
from hub.fleet.desk import TrackDesk
from hub.fleet.repair import Mender
from ingest.runner import Condition, persist
from store.alert_history import AlertHistory
from store.readers_session import ReadSession
from store.tracker_history import TrackerHistory

AT_ONCE = 200  #: devices whose states are brought in one turn


class Tracking:
    """The desk of the pipeline, and what works behind it. ``offsets`` is the deriver of the assembler.

    ``book`` says what is planned. Whoever changes it tells :meth:`replan`.
    """

    def __init__(self, alerts: AlertDesk, reads: ReadSession, registry: Registry, book: PlanBook | None = None) -> None:
        book = book or NoPlans()
        self.offsets = PlannedOffsets(book)
        self.desk = TrackDesk(alerts, TrackerHistory(reads), AlertHistory(reads), Fold(Tracker(book)))
        self.mender = Mender(self.desk, registry.by_key)
        self._registry = registry

    async def replan(self, device_id: str, since: int) -> None:
        """What is planned for a device has changed from ``since`` (µs) on: it is tracked again from there on.

        A device that was never heard has nothing to be tracked.
        """
        device = next((one for one in self._registry.devices() if one.id == device_id), None)
        if device is not None and device.kind in KINDS:
            async with self.desk.turn:
                await self.desk.dirty({device.key: since})

    async def run(self, stop: asyncio.Event) -> None:
        """Bring the states of all vehicles and workers, then repair, until ``stop`` is set."""
        try:
            await persist(self._bring_all, Condition("tracker states"), stop)
        except TransientError:  # only while stopping
            return
        await self.mender.run(stop)

    async def _bring_all(self) -> None:
        keys = iter(await self.desk.moments.heard())
        while some := list(islice(keys, AT_ONCE)):
            found = {key: device for key in some if (device := self._registry.by_key(key)) is not None}
            devices = {key: device for key, device in found.items() if device.kind in KINDS}
            async with self.desk.turn:
                await self.desk.load({key: devices[key] for key in self.desk.fold.unknown(devices)})
