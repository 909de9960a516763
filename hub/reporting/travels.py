"""Trips and stops for reports: as the trackers stored them, or, where they owe them, folded as they would.

What is stored is what the fold says of the telemetry, so that both say the same; reading it costs a row a trip and not
a row a moment. The trackers owe what was stored past them (an import, a replay) or came late, until they have repaired
it, and the history of a device that they never tracked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from devices.read_models import Page
from devices.vocabulary import Device
from fleet.trackers.book import TaskBook
from fleet.trackers.fold import Fold, telling
from fleet.trackers.records import StopEntry, TripEntry
from fleet.trackers.tracker import LONG_AGO, Derived, State, Tracker
from fleet.trackers.travels import Travels, told
from hub.fleet.plan_source import StoredPlans
from store.alerts.history import AlertHistory, ordered
from store.fleet.master import FleetMaster
from store.fleet.tracker_history import TrackerHistory
from store.readers.trips import TripReads
from store.reading import ReadSession

DAY = 86_400_000_000
LEAD = 2 * DAY  #: before a span, from which on a history without checkpoints is folded: a stop forgets what was before
OLDEST = 35 * DAY  #: a checkpoint that is older than so is left: from there the way is long, and tells no more
FOLLOW = 7  #: days after a span, that are looked at for the end of what lasts
PAGE = 1_000

Entry = TypeVar("Entry", TripEntry, StopEntry)


class TravelReads:
    """See the module. Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._entries = TripReads(session)
        self._history = TrackerHistory(session)
        self._moments = AlertHistory(session)
        self._plans = StoredPlans(FleetMaster(session))

    async def between(self, device: Device, start: int, end: int) -> Travels:
        """The trips and stops of a vehicle that lasted within ``[start, end)`` (µs), whole."""
        owed = (await self._history.dirty((device.key,))).get(device.key)
        if owed is None or owed >= end + FOLLOW * DAY:
            stored = await self._stored(device, start, end)
            if stored != Travels() or await self._history.states({device.key: 2**62}):
                return stored
        return await self._folded(device, start, end, start if owed is None else min(owed, start))

    async def _stored(self, device: Device, start: int, end: int) -> Travels:
        async def trips(cursor: str | None) -> Page[TripEntry]:
            return await self._entries.trips(device.id, start=start, end=end, cursor=cursor, limit=PAGE)

        async def stops(cursor: str | None) -> Page[StopEntry]:
            return await self._entries.stops(device.id, start=start, end=end, cursor=cursor, limit=PAGE)

        return Travels(await _all(trips), await _all(stops))

    async def _folded(self, device: Device, start: int, end: int, sound: int) -> Travels:
        """Fold from the last checkpoint before an instant up to which the history is ``sound``.

        What began in the span is often told after it: it is followed until something begins after the span.
        """
        state = (await self._history.states({device.key: sound})).get(device.key, State())
        if state.at < start - OLDEST:
            state = State()
        since = start - LEAD if state.at == LONG_AGO else state.at
        fold = Fold(Tracker(await self._book(since, end + FOLLOW * DAY)))
        derived = [fold.tracker.lasting(state)]
        while since < end:
            since = await self._advance(fold, state, device, since, min(since + DAY, end), derived)
        for _ in range(FOLLOW):
            if max(state.journey.trip, state.journey.halt) >= end:
                break
            since = await self._advance(fold, state, device, since, since + DAY, derived)
        return told([*derived, fold.tracker.lasting(state)]).within(start, end)

    async def _advance(
        self, fold: Fold, state: State, device: Device, since: int, until: int, derived: list[Derived]
    ) -> int:
        found = await self._moments.moments({device.key: device}, {device.key: since}, until)
        moments = telling(ordered(found.get(device.key, {})))
        derived += await asyncio.to_thread(fold.run, state, device, moments)
        return until

    async def _book(self, start: int, end: int) -> TaskBook:
        book = TaskBook()
        book.settle(await self._plans.places())
        book.enter(await self._plans.planned(start - DAY, end), start - DAY, end)
        return book


async def _all(page: Callable[[str | None], Awaitable[Page[Entry]]]) -> tuple[Entry, ...]:
    """All pages of a list that has the newest first, in the order of time."""
    found: list[Entry] = []
    cursor = None
    while True:
        one = await page(cursor)
        found += one.items
        cursor = one.next_cursor
        if cursor is None:
            return tuple(reversed(found))
