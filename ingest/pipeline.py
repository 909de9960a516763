"""The pipeline: frames in, one transaction for each batch, then and only then the acknowledgement.

``offer`` is synchronous and cheap; everything else happens once for each batch: decoding, looking up devices and
receipts, filing, committing, settling. What is in flight is bounded in number and in bytes; a transport asks
``has_room`` and is told through ``on_room`` when there is room again.

The store being away stops acknowledgements and nothing else: the same batch is tried until it is committed. A batch
that the store refuses for its content is halved until the one frame at fault stands alone, and that one goes to dead
letters.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import perf_counter
from typing import TypeVar

import msgspec
import structlog

from devices.errors import RejectedError, TransientError
from devices.vocabulary import Batch, Consignment, Delivery, Frame, Outcome, Written
from ingest.assembly import Assembler, Claim
from ingest.filing import dead_letter
from ingest.ports import TelemetryStore
from ingest.runner import Condition, persist
from ingest.waiting import Parcel, Settle, Share, Waiting

log = structlog.get_logger("ingest.pipeline")
T = TypeVar("T")


class Bounds(msgspec.Struct, frozen=True):
    """Bounds of the pipeline. ``linger_s`` is how long a small batch waits for company."""

    max_batch: int = 4_000
    linger_s: float = 0.005
    max_in_flight: int = 20_000
    max_in_flight_bytes: int = 48 * 1024 * 1024


class Stats:
    """Counters since start, for ``/metrics`` and the benches."""

    def __init__(self) -> None:
        self.frames = 0
        self.redelivered = 0
        self.rows = 0
        self.duplicates = 0
        self.batches = 0
        self.prepare_seconds = 0.0
        self.commit_seconds = 0.0
        self.dead_letters: Counter[str] = Counter()


class Pipeline:
    """Carries frames from transports to the store. One instance, one writer, one event loop."""

    def __init__(self, store: TelemetryStore, assembler: Assembler, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.stats = Stats()
        self.store_condition = Condition("store")
        self.store = store  #: where batches go
        self._assembler = assembler
        self._pending = Waiting()
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._starved = False
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stop = asyncio.Event()
        self._room_listeners: list[Callable[[], None]] = []

    # -- the side of the transports -------------------------------------------------------------------------------

    def offer(self, frame: Frame, delivery: Delivery) -> None:
        """Take a frame. Never blocks and never refuses: a transport that respects ``has_room`` keeps it bounded."""
        self._put((frame,), lambda outcome, _: delivery.settle(outcome))

    def offer_many(self, frames: Sequence[Frame], consignment: Consignment) -> None:
        """Take frames in their order, as :meth:`offer` does; none of them is copied."""
        if frames:
            self._put(frames, consignment.settle_next)

    def _put(self, frames: Sequence[Frame], settle: Settle) -> None:
        before = len(self._pending)
        self._in_flight_bytes += self._pending.put(frames, settle)
        self._in_flight += len(frames)
        if not before:
            self._idle.clear()
            self._arrived.set()
        if before < self.bounds.max_batch <= len(self._pending):
            self._full.set()

    @property
    def in_flight(self) -> int:
        """Frames taken and not yet settled."""
        return self._in_flight

    @property
    def has_room(self) -> bool:
        """Whether a transport may go on reading."""
        return self.room > 0

    @property
    def room(self) -> int:
        """How many frames more a transport may read."""
        room = self.bounds.max_in_flight - self._in_flight
        if room > 0 and self._in_flight_bytes < self.bounds.max_in_flight_bytes:
            return room
        self._starved = True
        return 0

    @property
    def healthy(self) -> bool:
        """Whether the store takes batches."""
        return self.store_condition.fault is None

    def on_room(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` each time that there is room again after somebody found none."""
        self._room_listeners.append(listener)

    # -- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until :meth:`stop`; then finish what was taken, if the store lets it, and return.

        Whatever ends it, no delivery is left without an answer.
        """
        try:
            await self._work()
        except TransientError:  # only while stopping: the store is away, and peers will send again
            return
        finally:
            self._settle(self._pending.take(len(self._pending)).shares, Outcome.ABANDONED)
            self._idle.set()

    async def drained(self) -> None:
        """Wait until nothing is in flight."""
        await self._idle.wait()

    def stop(self) -> None:
        """Ask :meth:`run` to finish."""
        self._stop.set()
        self._arrived.set()
        self._full.set()

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            if not self._pending:
                if self._stop.is_set():
                    return
                self._arrived.clear()
                self._idle.set()
                continue
            await self._linger()
            parcel = self._pending.take(self.bounds.max_batch)
            try:
                await self._carry(parcel)
            except BaseException:
                self._settle(parcel.shares, Outcome.ABANDONED)
                raise

    async def _linger(self) -> None:
        if len(self._pending) >= self.bounds.max_batch or self._stop.is_set():
            return
        self._full.clear()
        try:
            async with asyncio.timeout(self.bounds.linger_s):
                await self._full.wait()
        except TimeoutError:
            return

    def _settle(self, shares: Sequence[Share], outcome: Outcome) -> None:
        for settle, count, size in shares:
            self._in_flight -= count
            self._in_flight_bytes -= size
            settle(outcome, count)
        if self._starved and self.has_room:
            self._starved = False
            for listener in self._room_listeners:
                listener()

    async def _carry(self, parcel: Parcel) -> None:
        """Store a run of frames and settle their deliveries. Raises TransientError only while stopping."""
        started = perf_counter()
        claims = [self._assembler.decode(frame) for frame in parcel.frames]
        self.stats.prepare_seconds += perf_counter() - started
        await self._commit(claims)
        self.stats.frames += len(parcel.frames)
        self.stats.redelivered += sum([frame.redelivered for frame in parcel.frames])
        self._settle(parcel.shares, Outcome.COMMITTED)

    async def _commit(self, claims: Sequence[Claim]) -> None:
        """Commit claims in one transaction, or, when the store refuses a record, in halves around it."""
        try:
            batch, written = await self._store_whole(claims)
        except RejectedError as error:
            if len(claims) > 1:
                middle = len(claims) // 2
                await self._commit(claims[:middle])
                await self._commit(claims[middle:])
                return
            letter = dead_letter(claims[0].frame, "store", str(error))
            log.warning("record_refused", adapter=letter.frame.adapter, channel=letter.frame.channel, error=str(error))
            batch = Batch(dead_letters=[letter])
            written = await self._persist(partial(self.store.write, batch))
        self._count(batch, written)

    async def _store_whole(self, claims: Sequence[Claim]) -> tuple[Batch, Written]:
        """Commit claims in one transaction. Raises RejectedError when the store refuses one of them."""
        started = perf_counter()
        batch = await self._persist(partial(self._assembler.assemble, claims))
        assembled = perf_counter()
        self.stats.prepare_seconds += assembled - started
        try:
            return batch, await self._persist(partial(self.store.write, batch))
        finally:
            self.stats.commit_seconds += perf_counter() - assembled

    def _persist(self, call: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        return persist(call, self.store_condition, self._stop)

    def _count(self, batch: Batch, written: Written) -> None:
        stats = self.stats
        stats.batches += 1
        stats.rows += written.inserted
        stats.duplicates += written.duplicates
        for letter in batch.dead_letters:
            stats.dead_letters[letter.code] += 1
