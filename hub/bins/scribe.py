"""The scribe of emptyings: looks at what came since its last look, and lets table and events follow the history.

Whatever it is that changed a bin's history, live, late, doubled or replayed, the same happens: the readings around the
change are read again, and the emptyings that they show are held against those that are known. What appeared is entered,
what is no longer shown is retracted, both with its derived event and in one transaction, so that a look that is cut off
or done twice changes nothing (docs/adr/0018).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from time import time_ns

import structlog
from psycopg import AsyncCursor

from devices.errors import RejectedError, TransientError
from devices.registry import Registry
from devices.vocabulary import Batch, Device, Event
from fleet.bins.emptying import CLOCKS, Emptying, emptyings
from fleet.bins.halts import Halts
from fleet.bins.revision import LAG, LEAD, LONG_LEAD, Revision, Span, reports_seldom, revised, span_around
from fleet.bins.watch import falls
from hub.alerting.desk import AlertDesk
from hub.bins.settings import BinsSection
from ingest.runner import Condition, pause, persist
from store.bins.emptyings import enter, looked, retract
from store.bins.history import BinHistory, BinNews

log = structlog.get_logger("hub.bins")

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
NAME = "emptyings"
AT_ONCE = 50  #: bins that are read together; what a question brings holds the event loop up
OVERLAP = 60 * SECOND  #: looked at again, for transactions that commit late
LATE_LIFT_S = 300.0
PIECE = 3 * DAY  #: of bins' histories, read at once
SLICE = DAY  #: of trucks' columns, read at once

Changes = Mapping[int, tuple[int, int]]
"""The spans of device time in which the histories of bins changed (µs), by device key."""


class Scribe:
    """See the module. ``revisions`` counts emptyings that were entered or retracted."""

    def __init__(
        self,
        desk: AlertDesk,
        history: BinHistory,
        registry: Registry,
        section: BinsSection,
        now: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        self._desk, self._history, self._registry, self._section = desk, history, registry, section
        self._now = now
        self._again_at = 0
        self._stop = asyncio.Event()
        self.revisions = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until ``stop`` is set, which also breaks a look off."""
        self._stop = stop
        condition = Condition("emptyings")
        while self._section.look_every_s and not stop.is_set():
            try:
                await persist(self.look, condition, stop)
            except TransientError:  # only while stopping
                return
            except RejectedError as error:  # a device was deleted meanwhile; the next look knows
                log.warning("emptyings_refused", error=str(error))
            await pause(stop, self._section.look_every_s)

    async def look(self) -> int:
        """Look once; how many emptyings were entered or retracted. Raises TransientError while the store is away."""
        newest = await self._history.newest_reception()
        if newest is None:
            return 0
        before = self.revisions
        since = await self._history.looked(NAME)
        if since is not None:  # what was received while the clock was ahead does not hide what comes since it is right
            since = min(since, self._now() - int(self._section.look_every_s * SECOND))
        changes = {} if since is None else await self._changes(since - OVERLAP)
        again = since is None or (self._section.again_every_h > 0 and self._due_again())
        if again:
            changes = self._everything(changes, newest)
        for piece in _pieces(changes):
            if self._stop.is_set():
                return self.revisions - before
            await self._follow(piece)
        await self._desk.store.write(Batch(), partial(looked, name=NAME, received_at=newest))
        if again:
            self._again_at = self._now() + int(self._section.again_every_h * HOUR)
        return self.revisions - before

    def _due_again(self) -> bool:
        """Whether the last look at everything is long ago, or lies ahead: then the clock was set back."""
        every = int(self._section.again_every_h * HOUR)
        return not self._again_at - every <= self._now() < self._again_at

    async def _changes(self, since: int) -> Changes:
        """What came since a reception (µs), with the bins beside which a truck's lifts came late."""
        changes = dict(await self._history.changed(since))
        late = await self._history.late_lifts(since, LATE_LIFT_S)
        if late is not None:
            for device in self._bins():
                first, last = changes.get(device.key, late)
                changes[device.key] = min(first, late[0]), max(last, late[1])
        return {key: span for key, span in changes.items() if self._registry.by_key(key) is not None}

    def _everything(self, changes: Changes, newest: int) -> Changes:
        """All bins over the last days too: what was replayed carries its old time of reception."""
        begin = newest - int(self._section.again_days * DAY)
        wide = {device.key: (begin, newest) for device in self._bins()}
        for key, (first, last) in changes.items():
            wide[key] = min(first, begin), max(last, newest)
        return wide

    def _bins(self) -> Iterator[Device]:
        return (device for device in self._registry.devices() if device.kind == "bin")

    async def _follow(self, changes: Changes) -> None:
        """Bring some bins up to date, in one transaction."""
        news = await self._read(changes, LEAD)
        seldom = {key: span for key, span in changes.items() if reports_seldom(news[key].fill, span[0])}
        if seldom:
            news |= await self._read(seldom, LONG_LEAD)
        leads = {key: LONG_LEAD if key in seldom else LEAD for key in changes}
        spans = {key: span_around(news[key].fill, *changes[key], leads[key]) for key in changes}
        halts = await self._halts(news, spans)
        places = await self._history.places(list(changes))
        revisions = {}
        for key, span in spans.items():
            device = self._registry.by_key(key)
            if device is not None:
                place = _place(device) or places.get(key)
                beside = halts.beside(*place, self._section.radius_m) if place else []
                found = emptyings(device.id, news[key].fill, news[key].told, beside)
                revisions[key] = revised(news[key].known, found, span)
        await self._enter({key: one for key, one in revisions.items() if one.appeared or one.vanished})

    async def _read(self, changes: Changes, lead: int) -> dict[int, BinNews]:
        begin = min(first for first, _ in changes.values()) - lead
        return await self._history.news(list(changes), begin, max(last for _, last in changes.values()) + LAG)

    async def _halts(self, news: Mapping[int, BinNews], spans: Mapping[int, Span]) -> Halts:
        """Where trucks stood while something fell: only then are their columns read."""
        windows = []
        for key, of_bin in news.items():
            pairs = zip(of_bin.fill.at.tolist(), of_bin.fill.value.tolist(), strict=True)
            windows += [(fall.since, fall.at) for fall in falls(pairs) if fall.at > spans[key].since]
            windows += [(word.at - HOUR, word.at) for word in of_bin.told if word.at > spans[key].since]
        if not windows:
            return Halts()
        trucks = {device.key: device.id for device in self._registry.devices() if device.kind == "vehicle"}
        found = []
        for begin, end in _merged(windows):
            found += await self._history.trucks(trucks, begin - 5 * CLOCKS, end + 5 * CLOCKS)
        return Halts(found)

    async def _enter(self, revisions: Mapping[int, Revision]) -> None:
        if not revisions:
            return
        devices = {key: device for key in revisions if (device := self._registry.by_key(key)) is not None}
        vanished = {key: one.vanished for key, one in revisions.items() if one.vanished}
        appeared = {key: one.appeared for key, one in revisions.items() if one.appeared}
        now = self._now()
        batch = Batch(expect_duplicates=True)
        for key, own in appeared.items():
            batch.events += [event_of(devices[key], one, now) for one in own if one.proof != "device"]
        taken_back = {key: (devices[key], min(one.at for one in own)) for key, own in vanished.items()}

        async def also(cursor: AsyncCursor) -> None:
            await retract(cursor, vanished)
            await enter(cursor, appeared)

        await self._desk.amend(batch, taken_back, also)
        counts = sum(map(len, appeared.values())), sum(map(len, vanished.values()))
        self.revisions += sum(counts)
        log.debug("emptyings_revised", appeared=counts[0], vanished=counts[1])


def event_of(device: Device, one: Emptying, now: int) -> Event:
    """The event that tells of an emptying which the bin itself did not tell of."""
    attributes: dict[str, object] = {"derived": True, "proof": one.proof}
    if one.before_pct is not None and one.after_pct is not None:
        attributes |= {"fill_before_pct": round(one.before_pct), "fill_after_pct": round(one.after_pct)}
    if one.vehicle is not None:
        attributes["vehicle"] = one.vehicle
    if one.partial:
        attributes["partial"] = True
    return Event(device, "emptied", one.at, now, attributes)


def _place(device: Device) -> tuple[float, float] | None:
    """Where a bin stands, as registered."""
    lat, lon = device.attributes.get("lat"), device.attributes.get("lon")
    if isinstance(lat, int | float) and isinstance(lon, int | float):
        return float(lat), float(lon)
    return None


def _merged(windows: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Windows that overlap, or lie within an hour, as one; none longer than a slice at a time."""
    begin = end = None
    for first, last in sorted(windows):
        if begin is None or end is None or first > end + HOUR or last - begin > SLICE:
            if begin is not None and end is not None:
                yield begin, end
            begin, end = first, last
        else:
            end = max(end, last)
    if begin is not None and end is not None:
        yield begin, end


def _pieces(changes: Changes) -> Iterator[Changes]:
    """So many bins, and so many days of them, at a time; the past first."""
    keys = sorted(changes)
    for place in range(0, len(keys), AT_ONCE):
        some = {key: changes[key] for key in keys[place : place + AT_ONCE]}
        begin, end = min(first for first, _ in some.values()), max(last for _, last in some.values())
        for start in range(begin, end + 1, PIECE):
            stop = start + PIECE - 1
            piece = {
                key: (max(first, start), min(last, stop))
                for key, (first, last) in some.items()
                if first <= stop and last >= start
            }
            if piece:
                yield piece
