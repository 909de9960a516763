"""Repair: the history of a device into which something came late is tracked again, and what was derived follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
import structlog
from psycopg import AsyncCursor

from devices.errors import TransientError
from devices.vocabulary import Batch, Device, Event, Reading
from fleet.offset import PlannedOffsets
from fleet.trackers.checkpoint import pack
from fleet.trackers.fold import REMEMBERED, Fold, telling
from fleet.trackers.ports import Moment, PlanBook
from fleet.trackers.tracker import LONG_AGO, Derived, State, Tracker
from fleet.trackers.work_state import SECOND
from hub.fleet.desk import TrackDesk, records, rows
from ingest.runner import Condition, persist
from store.alerts.history import ordered
from store.fleet.tracker_history import Stored
from store.fleet.tracker_rows import HaltRow, TripRow
from store.fleet.tracker_writes import Obsolete, drop, keep_states, record, repaired, show

log = structlog.get_logger("hub.fleet")

FOLLOW_S = 20.0  #: between two looks at what others have noted
SLICE = 86_400 * SECOND  #: of a device's time, folded at once
MARGIN = 120 * SECOND  #: that is left for the turn


class Revision(msgspec.Struct):
    """How what was derived of a device has to change; ``first`` is the earliest instant of that (µs), if any."""

    readings: list[Reading]
    events: list[Event]
    trips: list[TripRow]
    halts: list[HaltRow]
    obsolete: Obsolete
    first: int | None


class _Work(msgspec.Struct):
    """A device that is being tracked again: by which fold, how far it came, and what that gave.

    ``offsets`` derives distances from the plan of what was told after ``offsets_since`` (µs), where that is wanted.
    """

    device: Device
    since: int
    marks: int
    state: State
    fold: Fold
    offsets: PlannedOffsets
    offsets_since: int | None
    derived: list[Derived] = []
    distances: list[Reading] = []
    kept: dict[int, bytes] = {}

    def keep(self) -> None:
        """Keep what is known so far as a checkpoint."""
        if self.state.at > LONG_AGO:
            self.kept[self.state.at] = pack(self.state)


Books = Callable[[str, int], Awaitable[PlanBook]]
"""What was planned for a device (its id) from an instant (µs) on."""


class Mender:
    """Tracks dirty devices again, one after the other. ``device`` finds a device by its key.

    ``books`` knows what was planned before the time that the trackers' own book holds; without it, that is left out.
    """

    def __init__(self, desk: TrackDesk, device: Callable[[int], Device | None], books: Books | None = None) -> None:
        self._desk = desk
        self._device = device
        self._books = books
        self.repairs = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Repair whatever becomes dirty, here or by the word of others, until ``stop`` is set."""
        condition = Condition("tracker repair")
        while not stop.is_set():
            self._desk.dirtied.clear()
            try:
                await persist(self._desk.follow, condition, stop)
                await persist(self.mend_all, condition, stop)
            except TransientError:  # only while stopping
                return
            waiting = asyncio.ensure_future(self._desk.dirtied.wait())
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({waiting, stopping}, timeout=FOLLOW_S, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            stopping.cancel()

    async def mend_all(self) -> None:
        """Repair every device that is dirty now. Raises TransientError when the store is away."""
        for key in list(self._desk.fold.dirty):
            device = self._device(key)
            if device is None:
                continue
            while key in self._desk.fold.dirty and not await self.mend(device):
                pass

    async def mend(self, device: Device) -> bool:
        """Track a device again from before what came late; False when more came late meanwhile."""
        desk, key = self._desk, device.key
        desk.fold.waiting.pop(key, None)  # whatever comes from here on is told by it
        since = desk.fold.dirty[key]
        state = (await desk.history.states({key: since})).get(key, State())
        start = state.at
        if start == LONG_AGO:
            first = await desk.moments.next_instant(key, start)
            start = (desk.now() if first is None else first) - 1
        work = await self._begin(device, since, start, state)
        reached = await self._fold_far(work, start)
        async with desk.turn:
            if desk.fold.waiting.get(key, reached + 1) <= reached:
                return False
            recent = await self._fold(work, reached, desk.alerts.reach(key))
            work.keep()
            work.derived.append(work.fold.tracker.lasting(state))
            stored = await desk.history.derived(key, start)
            if work.offsets_since is not None:
                stored.readings += await desk.history.offsets(key, work.offsets_since)
            revision = revise(device, stored, work.derived, desk.now(), work.distances)
            await desk.alerts.rewrite(
                Batch(readings=revision.readings, events=revision.events),
                device,
                2**62 if revision.first is None else revision.first,
                partial(self._write, work, revision),
            )
            desk.fold.admit(key, state, state.at, recent)
        self.repairs += 1
        return True

    async def _begin(self, device: Device, since: int, start: int, state: State) -> _Work:
        fold = self._desk.fold
        marks, offsets_since = await self._desk.history.marks(device.key)
        if offsets_since is not None:
            offsets_since = max(offsets_since - 1, start)
        shared = fold.tracker.book
        book = shared if self._books is None else await self._books(device.id, start)
        own = fold if book is shared else Fold(Tracker(book))
        return _Work(device, since, marks, state, own, PlannedOffsets(book), offsets_since)

    async def _fold_far(self, work: _Work, since: int) -> int:
        """Track all but the last minutes, a day at a time, without holding anybody up; returns how far it came (µs)."""
        desk, key = self._desk, work.device.key
        while (first := await desk.moments.next_instant(key, since)) is not None:
            until = min(first + SLICE, desk.now() - MARGIN)
            if until < first:
                break
            await self._fold(work, since, until)
            work.keep()
            since = until
        return since

    async def _fold(self, work: _Work, since: int, until: int) -> list[Moment]:
        desk, device = self._desk, work.device
        found = await desk.moments.moments({device.key: device}, {device.key: since}, until)
        moments = telling(ordered(found.get(device.key, {})))
        work.derived += work.fold.run(work.state, device, moments)
        if work.offsets_since is not None and work.offsets_since < until:
            fixes = await desk.history.fixes(device, max(since, work.offsets_since), until)
            work.distances += work.offsets.derive(fixes)
        return moments[-REMEMBERED:]

    async def _write(self, work: _Work, revision: Revision, cursor: AsyncCursor) -> None:
        device, state = work.device, work.state
        await drop(cursor, device.key, revision.obsolete)
        await record(cursor, revision.trips, revision.halts, revising=True)
        if state.at > LONG_AGO:
            await show(cursor, {device.key: work.fold.tracker.live(state, device.id)})
        await repaired(cursor, device.key, work.since, work.marks)
        await keep_states(cursor, ((device.key, at, data) for at, data in work.kept.items()))


def revise(
    device: Device, stored: Stored, derived: list[Derived], now: int, distances: Sequence[Reading] = ()
) -> Revision:
    """What has to be added and taken away, for what is stored of a device to be what was derived.

    ``distances`` are those from the plan, where ``stored`` has them too.
    """
    pairs = [(device, one) for one in derived]
    readings, events = records(pairs, now)
    readings += distances
    trips, halts = rows(pairs)
    have, have_trips, have_halts = set(stored.readings), set(stored.trips), set(stored.halts)
    wanted = {(one.metric, one.observed_at, one.value) for one in readings}
    happened = [(one.kind, one.observed_at, one.attributes) for one in events]
    new_readings = [one for one in readings if (one.metric, one.observed_at, one.value) not in have]
    new_events = [one for one in events if (one.kind, one.observed_at, one.attributes) not in stored.events]
    starts, halt_starts = {one.started_at for one in trips}, {one.started_at for one in halts}
    obsolete = Obsolete(
        readings=sorted(have - wanted),
        events=[one for one in stored.events if one not in happened],
        trips=[one.started_at for one in stored.trips if one.started_at not in starts],
        halts=[one.started_at for one in stored.halts if one.started_at not in halt_starts],
    )
    changed = [
        *(one.observed_at for one in new_readings),
        *(one.observed_at for one in new_events),
        *(one[1] for one in obsolete.readings),
        *(one[1] for one in obsolete.events),
    ]
    return Revision(
        new_readings,
        new_events,
        [one for one in trips if one not in have_trips],
        [one for one in halts if one not in have_halts],
        obsolete,
        min(changed, default=None),
    )
