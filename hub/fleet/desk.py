"""The trackers' place in the way of the data: before the alerts, so that these see what is derived beside its cause.

The desk has the shape of the pipeline's store. It adds the derived readings and events to the batch that caused them
and hands both on; trips, stops, boards and checkpoints are written in the same transaction. One turn at a time: a batch
or the last step of a repair. Who takes the turn of the alerts as well takes this one first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import time_ns

import msgspec
from psycopg import AsyncCursor

from alerts.moment import Gathering, Moment, Moments
from devices.vocabulary import Batch, Device, Echo, EchoWanted, Event, Identity, Reading, ReceiptKey, Written
from fleet.trackers.book import Outline
from fleet.trackers.fold import Fold, Proposal, telling
from fleet.trackers.tracker import KINDS, LONG_AGO, Derived, Live, State
from fleet.trackers.work_state import SECOND
from hub.alerting.desk import AHEAD, AlertDesk
from store.alerts.history import EARLIEST, AlertHistory, ordered
from store.fleet.tracker_history import TrackerHistory
from store.fleet.tracker_rows import HaltRow, TripRow, halt_row, trip_row
from store.fleet.tracker_writes import keep_outlines, keep_states, mark_dirty, record, show

SHOWN_EVERY = 60 * SECOND  #: of a device's time, µs, when nothing else is new


class TrackDesk:
    """See the module. :meth:`write` and the look-ups are those of :class:`ingest.ports.TelemetryStore`."""

    def __init__(
        self,
        alerts: AlertDesk,
        history: TrackerHistory,
        moments: AlertHistory,
        fold: Fold,
        now: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        self.alerts = alerts
        self.history = history
        self.moments = moments
        self.fold = fold
        self.now = now
        self.turn = asyncio.Lock()
        self.dirtied = asyncio.Event()
        self._shown: dict[int, int] = {}

    async def find_devices(self, identities: Iterable[Identity]) -> list[tuple[Identity, Device]]:
        """See the store."""
        return await self.alerts.find_devices(identities)

    async def register(self, newcomers: Sequence[tuple[Identity, str]], limit: int) -> list[tuple[Identity, Device]]:
        """See the store."""
        return await self.alerts.register(newcomers, limit)

    async def find_receipts(self, wanted: Iterable[ReceiptKey]) -> Mapping[ReceiptKey, int]:
        """See the store."""
        return await self.alerts.find_receipts(wanted)

    async def find_echoes(self, wanted: Iterable[EchoWanted]) -> list[Echo]:
        """See the store."""
        return await self.alerts.find_echoes(wanted)

    async def write(self, batch: Batch) -> Written:
        """Commit a batch with what the trackers derive of it. What is derived does not count in the answer."""
        gathered = Gathering()
        gathered.add(batch.readings, batch.fixes, batch.events)
        devices, moments = gathered.devices, tracked(gathered)
        if not moments:
            return await self.alerts.write(batch, None, gathered)
        async with self.turn:
            await self.load({key: devices[key] for key in self.fold.unknown(moments)})
            proposal = self.fold.propose(moments, devices)
            live = self._live(proposal, devices)
            readings, events = records(proposal.derived, self.now())
            whole = msgspec.structs.replace(
                batch, readings=[*batch.readings, *readings], events=[*batch.events, *events]
            )
            gathered.add(readings, (), events)
            written = await self.alerts.write(whole, partial(self._record, proposal, live), gathered)
            self.fold.accept(proposal)
            self._shown |= {key: one.at for key, one in live.items()}
        if proposal.dirty:
            self.dirtied.set()
        return Written(max(0, written.inserted - len(readings) - len(events)), written.duplicates)

    async def load(self, devices: Mapping[int, Device]) -> None:
        """Bring the states of devices: from their newest checkpoint over what is stored since. Within a turn.

        One that was heard and has no checkpoint has a history that was never tracked, or in another way: that is left
        to the repair, as is one that is dirty.
        """
        tracked = {key: one for key, one in devices.items() if one.kind in KINDS}
        if not tracked:
            return
        dirty = await self.history.dirty(tracked)
        kept = await self.history.states(dict.fromkeys(tracked, 2**62))
        heard = await self.moments.heard_at(key for key in tracked if key not in kept)
        dirty |= {key: EARLIEST for key in heard if key not in dirty}
        if dirty:
            self.fold.mark(dirty)
            self.dirtied.set()
        clean = {key: one for key, one in tracked.items() if key in kept and key not in dirty}
        if clean:
            since = {key: kept[key].at - 1 for key in clean}
            newest = (await self.moments.heard_at(clean)).values()
            found = await self.moments.moments(clean, since, max(self.now(), *newest, 0) + AHEAD)
            for key, device in clean.items():
                state, moments = kept[key], telling(ordered(found.get(key, {})))
                kept_at = state.at
                self.fold.run(state, device, [one for one in moments if one.at > kept_at])
                self.fold.admit(key, state, kept_at, moments)
        for key in tracked:
            if key not in kept and key not in dirty:
                self.fold.admit(key, State())

    async def replan(self, since: Mapping[int, int], outlines: Mapping[str, Sequence[Outline]]) -> None:
        """What devices are to be tracked with from now on, by their ids; some again from these instants (µs) on.

        Within a turn, and in one transaction: a hub that dies before it finds the difference again.
        """

        async def enter(cursor: AsyncCursor) -> None:
            await mark_dirty(cursor, since, offsets=True)
            await keep_outlines(cursor, outlines)

        await self.alerts.store.write(Batch(), enter)
        self.fold.mark(since)
        if since:
            self.dirtied.set()

    async def follow(self) -> None:
        """Take up what others (an import, another hub) have noted as dirty."""
        found = await self.history.dirty()
        if found:
            async with self.turn:
                news = {key: at for key, at in found.items() if self.fold.dirty.get(key, at + 1) > at}
                self.fold.mark(news)

    def _live(self, proposal: Proposal, devices: Mapping[int, Device]) -> dict[int, Live]:
        """What boards are to be told: of whom something new is known, and of the others once a minute."""
        news = {device.key for device, _ in proposal.derived}
        return {
            key: self.fold.tracker.live(state, devices[key].id)
            for key, state in proposal.states.items()
            if key in news or state.at - self._shown.get(key, LONG_AGO) >= SHOWN_EVERY
        }

    async def _record(self, proposal: Proposal, live: Mapping[int, Live], cursor: AsyncCursor) -> None:
        await record(cursor, *rows(proposal.derived))
        await show(cursor, live)
        await mark_dirty(cursor, proposal.dirty)
        await keep_states(cursor, ((key, at, data) for key, (at, data) in proposal.checkpoints.items()))


def tracked(gathered: Gathering) -> Moments:
    """The moments in which vehicles and workers told a place or a reading. They are those of the rules, not copies."""
    devices = gathered.devices
    return {
        key: told
        for key, of_device in gathered.moments.items()
        if devices[key].kind in KINDS and (told := _telling(of_device))
    }


def _telling(of_device: dict[int, Moment]) -> dict[int, Moment]:
    """Without the moments of which there are only events, which are few."""
    if all(one.position is not None or one.readings for one in of_device.values()):
        return of_device
    return {at: one for at, one in of_device.items() if one.position is not None or one.readings}


def records(derived: Iterable[tuple[Device, Derived]], now: int) -> tuple[list[Reading], list[Event]]:
    """What was derived as readings and events, received now (µs)."""
    readings, events = [], []
    for device, one in derived:
        readings += [Reading(device, name, value, one.at, now) for name, value in one.readings.items()]
        if one.trips or one.halts:
            events += [Event(device, kind, one.at, now, attributes) for kind, attributes in one.events()]
    return readings, events


def rows(derived: Iterable[tuple[Device, Derived]]) -> tuple[list[TripRow], list[HaltRow]]:
    """Trips and stops, each once and in its last form."""
    trips: dict[tuple[int, int], TripRow] = {}
    halts: dict[tuple[int, int], HaltRow] = {}
    for device, one in derived:
        for trip, origin, goal in one.trips:
            trips[device.key, trip.start] = trip_row(device.key, trip, origin, goal)
        for halt, spot in one.halts:
            halts[device.key, halt.start] = halt_row(device.key, halt, spot)
    return list(trips.values()), list(halts.values())
