"""Repair: the history of a device into which something came late is folded again, and what was told follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog
from psycopg import AsyncCursor

from alerts.checkpoint import pack
from alerts.engine import Dirty
from alerts.fold import LONG_AGO, Alert, Track
from alerts.reconcile import Repair, reconcile
from alerts.rulebook import final
from devices.errors import TransientError
from devices.vocabulary import Batch, Device
from hub.alerting.desk import SECOND, AlertDesk
from ingest.runner import Condition, pause, persist
from store.alerts.history import ordered
from store.alerts.writes import keep_tracks, repaired, revise

log = structlog.get_logger("hub.alerts")

SLICE = 86_400 * SECOND  #: of a device's time, folded at once


class Repairer:
    """Mends dirty devices, one after the other. ``device`` finds a device by its key."""

    def __init__(self, desk: AlertDesk, device: Callable[[int], Device | None]) -> None:
        self._desk = desk
        self._device = device
        self.repairs = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Repair whatever becomes dirty until ``stop`` is set."""
        condition = Condition("alert repair")
        while not stop.is_set():
            self._desk.dirtied.clear()
            try:
                await persist(self.mend_all, condition, stop)
            except TransientError:  # only while stopping
                return
            waiting = asyncio.ensure_future(self._desk.dirtied.wait())
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            stopping.cancel()

    async def mend_all(self) -> None:
        """Repair every device that is dirty now. Raises TransientError when the store is away."""
        for key in list(self._desk.engine.dirty):
            device = self._device(key)
            if device is None:
                continue
            while key in self._desk.engine.dirty and not await self.mend(device):
                pass

    async def mend(self, device: Device) -> bool:
        """Fold a device's history again from before what came late; False when more came late meanwhile."""
        desk, key = self._desk, device.key
        dirty = desk.engine.dirty[key]
        desk.engine.waiting.pop(key, None)
        _, track = (await desk.history.tracks({key: dirty.since})).get(key, (LONG_AGO, Track()))
        start, before = track.at, list(track.open.values())
        begin = max(start, desk.engine.book.begin - 1)
        changed: list[Alert] = []
        reached = await self._fold_far(device, track, begin, changed)
        async with desk.turn:
            earlier = desk.engine.dirty.get(key, dirty).since < dirty.since
            if earlier or desk.engine.waiting.get(key, reached + 1) <= reached:
                return False
            rest = await desk.history.moments({key: device}, {key: reached}, desk.reach(key))
            changed += desk.engine.book.fold(track, device, ordered(rest.get(key, {})), desk.horizon(key))
            true = final(before, changed)
            result = reconcile(await desk.history.told(key, start), true)
            await desk.store.write(Batch(), partial(self._write, device, dirty, track, result))
            desk.engine.admit(device, track, track.at)
        self.repairs += 1
        if result.moved or result.appeared or result.vanished:
            counts = {name: len(getattr(result, name)) for name in ("moved", "appeared", "vanished")}
            log.debug("alerts_revised", device=device.id, **counts)
        return True

    async def _fold_far(self, device: Device, track: Track, since: int, changed: list[Alert]) -> int:
        """Fold what lies days back, a day at a time, without holding anybody up; returns how far it came (µs)."""
        desk, key = self._desk, device.key
        while (first := await desk.history.next_instant(key, since)) is not None:
            until = first + SLICE
            if until >= desk.now() - SLICE:
                break
            moments = await desk.history.moments({key: device}, {key: since}, until)
            changed += desk.engine.book.fold(track, device, ordered(moments.get(key, {})), None)
            since = until
        return since

    async def _write(
        self, device: Device, dirty: Dirty, track: Track, result: Repair[int], cursor: AsyncCursor
    ) -> None:
        desk = self._desk
        await revise(cursor, result.moved, result.vanished)
        await desk.enter(cursor, desk.told([(device, alert) for alert in result.appeared], dirty.frontier))
        await repaired(cursor, device.key, dirty.since)
        kind_of = desk.engine.book.kinds_of(device, track.rule_set)
        await keep_tracks(cursor, {device.key: (track.at, pack(track, kind_of))} if track.at > LONG_AGO else {})


async def keep_time(desk: AlertDesk, stop: asyncio.Event, every_s: float = 1.0) -> None:
    """Let time pass for the engine until ``stop`` is set."""
    condition = Condition("alert timers")
    while not stop.is_set():
        try:
            more = await persist(desk.pass_time, condition, stop)
        except TransientError:  # only while stopping
            return
        if not more:
            await pause(stop, every_s)
