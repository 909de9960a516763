"""The engine's place in the way of the data: a store that commits alerts together with the telemetry that caused them.

The desk has the shape of the pipeline's store and stands before it. One turn at a time: a batch, the passing of time,
or the last step of a repair, so that what the engine proposes is committed before it proposes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from time import time_ns

import msgspec
import structlog
from psycopg import AsyncCursor

from alerts.engine import Engine, Proposal
from alerts.fold import LONG_AGO, Alert, Track
from alerts.moment import Gathering
from alerts.rule import Rule
from alerts.rulebook import final
from devices.metrics import Catalogue
from devices.vocabulary import Batch, Device, Echo, EchoWanted, Identity, ReceiptKey, Written
from store.alerts.bells import Bells
from store.alerts.history import AlertHistory, by_device
from store.alerts.writes import Told, keep_tracks, mark_dirty, record
from store.telemetry.writer import PostgresStore

log = structlog.get_logger("hub.alerts")

SECOND = 1_000_000
AHEAD = 600 * SECOND
Also = Callable[[AsyncCursor], Awaitable[None]]
"""What else is done in the transaction of a batch; it may be done twice."""


class Ringing(msgspec.Struct, frozen=True):
    """When a bell rings. An alert that is over, and was raised longer ago than ``within_s``, is history and rings none.

    ``grace_s`` is how long a waking waits for data that is on its way. ``late`` rings, with a mark, for a repair's
    alerts that still last. The rest says when bells are held back for flapping and storms
    (:class:`store.alerts.bells.Bells`).
    """

    within_s: float = 600
    grace_s: float = 10
    late: bool = False
    flaps: int = 5
    flap_s: float = 600
    storm: int = 30
    storm_s: float = 60
    gather_s: float = 30

    def bells(self, rules: Iterable[Rule]) -> Bells:
        """When bells are held back, under these rules."""
        silences = tuple(rule.id for rule in rules if rule.kind == "silence")
        return Bells(self.flaps, self.flap_s, self.storm, self.storm_s, self.gather_s, silences)


class AlertDesk:
    """See the module. :meth:`write` and the look-ups are those of :class:`ingest.ports.TelemetryStore`."""

    def __init__(
        self,
        store: PostgresStore,
        history: AlertHistory,
        engine: Engine,
        catalogue: Catalogue,
        ringing: Ringing | None = None,
        now: Callable[[], int] = lambda: time_ns() // 1_000,
        steps: Callable[[int], int] = lambda now: 0,
    ) -> None:
        self.store = store
        self.history = history
        self.engine = engine
        self.ringing = ringing or Ringing()
        self.turn = asyncio.Lock()
        self.dirtied = asyncio.Event()
        self.now = now
        self._steps = steps
        self._told_at: dict[int, tuple[int, int]] = {}  #: by key: the newest instant told, and how far behind (µs)
        self._units = {metric.name: metric.unit for metric in catalogue.by_name.values()}

    async def find_devices(self, identities: Iterable[Identity]) -> list[tuple[Identity, Device]]:
        """See the store."""
        return await self.store.find_devices(identities)

    async def register(self, newcomers: Sequence[tuple[Identity, str]], limit: int) -> list[tuple[Identity, Device]]:
        """See the store."""
        return await self.store.register(newcomers, limit)

    async def find_receipts(self, wanted: Iterable[ReceiptKey]) -> Mapping[ReceiptKey, int]:
        """See the store."""
        return await self.store.find_receipts(wanted)

    async def find_echoes(self, wanted: Iterable[EchoWanted]) -> list[Echo]:
        """See the store."""
        return await self.store.find_echoes(wanted)

    async def write(self, batch: Batch, also: Also | None = None, gathered: Gathering | None = None) -> Written:
        """Commit a batch with the alerts that it raises and clears; ``also`` works in the same transaction.

        ``gathered`` are its moments where somebody has gathered them before.
        """
        gathered = gathered or _gathered(batch)
        moments, devices = gathered.moments, gathered.devices
        if not moments:
            return await self.store.write(batch, also)
        async with self.turn:
            await self.load({key: devices[key] for key in self.engine.unknown(moments)})
            proposal = self.engine.propose(moments, devices)
            written = await self._commit(batch, proposal, devices, also)
        now = self._followed_clock()
        for key, of_device in moments.items():
            self._hear(key, max(of_device), now)
        return written

    async def rewrite(self, batch: Batch, device: Device, since: int, also: Also) -> None:
        """Commit a batch that changes what was stored of a device from ``since`` on (µs): its alerts are repaired."""
        async with self.turn:
            await self.load(dict.fromkeys(self.engine.unknown((device.key,)), device))
            proposal = Proposal()
            self.engine.reconsider(proposal, {device.key: since})
            await self._commit(batch, proposal, None, also)

    async def amend(self, batch: Batch, taken_back: Mapping[int, tuple[Device, int]], also: Also) -> Written:
        """Commit what the hub itself found out of stored telemetry, with the alerts that follow.

        ``taken_back`` are devices of which events were removed, by key, and the first instant (µs) of these: their
        history is folded again. ``also`` works in the same transaction.
        """
        gathered = _gathered(batch)
        moments = gathered.moments
        devices = gathered.devices | {key: device for key, (device, _) in taken_back.items()}
        async with self.turn:
            await self.load({key: devices[key] for key in self.engine.unknown(devices)})
            proposal = self.engine.propose(moments, devices)
            self.engine.reconsider(proposal, {key: since for key, (_, since) in taken_back.items()})
            return await self._commit(batch, proposal, devices, also)

    def behind(self, key: int) -> int:
        """How far (µs) the newest that a device told lay behind its reception.

        So far behind the hub's clock its time passes: with a clock that is slow it is silent when nothing has come for
        long enough, and with a backlog nothing is concluded from what is still on its way.
        """
        return self._told_at.get(key, (0, 0))[1]

    def reach(self, key: int) -> int:
        """Beyond this instant (µs) nothing is stored of a device, even where the hub's clock has been set back."""
        return max(self.now(), self._told_at.get(key, (0, 0))[0]) + AHEAD

    def horizon(self, key: int) -> int:
        """The instant (µs) up to which a device's time has passed."""
        return self._followed_clock() - int(self.ringing.grace_s * SECOND) - self.behind(key)

    def _hear(self, key: int, newest: int, received_at: int) -> None:
        known = self._told_at.get(key)
        if known is None or newest > known[0]:
            self._told_at[key] = newest, max(0, received_at - newest)

    def _followed_clock(self) -> int:
        """Now (µs). Where the clock was set, no time has passed for any device: each lies behind by more, or less."""
        now = self.now()
        step = self._steps(now)
        if step:
            log.warning("clock_set", by_s=round(step / SECOND))
            for key, (newest, behind) in self._told_at.items():
                self._told_at[key] = newest, max(0, behind + step)
            self.engine.look_at_all()
        return now

    async def pass_time(self) -> bool:
        """Wake what is due; whether something is left for another turn."""
        horizon = self._followed_clock() - int(self.ringing.grace_s * SECOND)
        if not self.engine.more_due(horizon):
            return False
        async with self.turn:
            proposal = self.engine.tick(horizon, behind=self.behind)
            if proposal.empty:
                self.engine.accept(proposal)
            else:
                await self._commit(Batch(), proposal, None)
        return self.engine.more_due(horizon)

    async def load(self, devices: Mapping[int, Device]) -> None:
        """Bring the tracks of devices: from their newest checkpoint over what is stored since. Within a turn.

        What that raises was told when it was stored. A device whose history is dirty is left to the repair.
        """
        if not devices:
            return
        dirty = await self.history.dirty(devices)
        self.engine.dirty |= dirty
        if dirty:
            self.dirtied.set()
        clean = {key: device for key, device in devices.items() if key not in dirty}
        if not clean:
            return
        kept = await self.history.tracks(dict.fromkeys(clean, 2**62))
        begin = self.engine.book.begin - 1
        since = {key: max(begin, kept[key][1].at if key in kept else begin) for key in clean}
        heard_at = await self.history.heard_at(clean)
        until = max(self.now(), *heard_at.values(), 0) + AHEAD
        moments = by_device(await self.history.moments(clean, since, until))
        for key, device in clean.items():
            kept_at, track = kept.get(key, (LONG_AGO, Track()))
            newest = moments[key][-1].at if moments[key] else kept_at
            if newest > LONG_AGO:
                self._hear(key, newest, min(heard_at.get(key, newest), self.now()))
            self.engine.book.fold(track, device, moments[key], None)
            self.engine.admit(device, track, kept_at)

    def told(self, changes: Iterable[tuple[Device, Alert]], frontier: int = LONG_AGO) -> list[Told]:
        """Alerts as they are to be told, each in its last form; those raised up to ``frontier`` (µs) are late."""
        found: dict[int, tuple[Device, list[Alert]]] = {}
        for device, alert in changes:
            found.setdefault(device.key, (device, []))[1].append(alert)
        return [
            self._told(device, alert, alert.raised_at <= frontier)
            for device, alerts in found.values()
            for alert in final((), alerts)
        ]

    def _told(self, device: Device, alert: Alert, late: bool) -> Told:
        rule, version = self._rule(device, alert)
        recent = self.now() - alert.raised_at <= self.ringing.within_s * SECOND
        rings = (alert.cleared is None and self.ringing.late) if late else (alert.cleared is None or recent)
        metric = getattr(rule.params, "metric", "")
        return Told(device, alert, rule, version, rings, late, self._units.get(metric, ""))

    def _rule(self, device: Device, alert: Alert) -> tuple[Rule, int]:
        return self.engine.book.rule(device, alert.rule, alert.raised_at)

    async def _commit(
        self, batch: Batch, proposal: Proposal, devices: Mapping[int, Device] | None, also: Also | None = None
    ) -> Written:
        work = also if proposal.empty else partial(self._record, proposal, also)
        try:
            written = await self.store.write(batch, work)
        except BaseException:
            self.engine.dismiss(proposal)
            raise
        self.engine.accept(proposal, devices)
        if proposal.dirty:
            self.dirtied.set()
        return written

    async def enter(self, cursor: AsyncCursor, told: Sequence[Told]) -> None:
        """Enter alerts in somebody's transaction, and ring for them."""
        await record(cursor, told, self.ringing.bells(self.engine.book.current.rules))

    async def _record(self, proposal: Proposal, also: Also | None, cursor: AsyncCursor) -> None:
        if also is not None:
            await also(cursor)
        await self.enter(cursor, self.told(proposal.changes))
        await mark_dirty(cursor, proposal.dirty)
        await keep_tracks(cursor, proposal.checkpoints)


def _gathered(batch: Batch) -> Gathering:
    found = Gathering()
    found.add(batch.readings, batch.fixes, batch.events)
    return found
