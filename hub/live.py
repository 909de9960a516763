"""Following the store for the live stream: what it notes is read once for all readers, and published.

Notes are gathered for a moment, so that the store is asked at most a few times a second however much is committed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import islice
from typing import TypeVar

import msgspec

from api.live.feed import Feed
from devices.errors import TransientError
from devices.live import Note
from ingest.runner import Backoff, Condition, pause, persist
from store.telemetry.live import LiveStore

GATHER_S = 0.25
A_TIME = 5_000  #: devices, or entries of the log, in one question
MOST_WAITING = 200_000  #: notes that are not yet read; beyond it readers are told to read anew

T = TypeVar("T")


class Waiting(msgspec.Struct):
    """What was noted and is not yet read, each once and in the order of its first note."""

    devices: dict[int, None] = msgspec.field(default_factory=dict)
    alerts: dict[int, None] = msgspec.field(default_factory=dict)
    orders: dict[str, None] = msgspec.field(default_factory=dict)
    incidents: dict[int, None] = msgspec.field(default_factory=dict)

    def add(self, note: Note) -> None:
        """Add what a note names."""
        self.devices.update(dict.fromkeys(note.devices))
        self.alerts.update(dict.fromkeys(note.alerts))
        self.orders.update(dict.fromkeys(note.orders))
        self.incidents.update(dict.fromkeys(note.incidents))

    def join(self, later: Waiting) -> None:
        """Add what waits elsewhere, behind what waits here."""
        self.add(Note(tuple(later.devices), tuple(later.alerts), tuple(later.orders), tuple(later.incidents)))

    def take(self, most: int) -> Waiting:
        """Take out the first of each."""
        return Waiting(
            _some(self.devices, most),
            _some(self.alerts, most),
            _some(self.orders, most),
            _some(self.incidents, most),
        )

    def clear(self) -> None:
        """Forget all of it."""
        for one in (self.devices, self.alerts, self.orders, self.incidents):
            one.clear()

    def __len__(self) -> int:
        return len(self.devices) + len(self.alerts) + len(self.orders) + len(self.incidents)

    @property
    def overfull(self) -> bool:
        """Whether more waits than is kept."""
        return len(self) > MOST_WAITING


class Follower:
    """See the module."""

    def __init__(self, store: LiveStore, feed: Feed) -> None:
        self.feed = feed
        self.listening = asyncio.Event()  #: set while nothing that is committed goes unnoted
        self._store = store
        self._waiting = Waiting()
        self._noted = asyncio.Event()
        self._listener = Condition("live-notes")
        self._reads = Condition("live-reads")

    @property
    def waiting(self) -> int:
        """What is noted and not yet told; at most :data:`MOST_WAITING` and a note."""
        return len(self._waiting)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until ``stop`` is set, through outages of the store."""
        tasks = [asyncio.create_task(work) for work in (self._listen(stop), self._tell(stop), stop.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.feed.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _listen(self, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            try:
                async with self._store.listening() as notes:
                    self.feed.interrupt()  # whatever was committed before went unnoted
                    self._listener.recovered()
                    self.listening.set()
                    async for note in notes:
                        self._note(note)
            except TransientError as error:
                self._listener.failed(error)
            self.listening.clear()
            await pause(stop, backoff.delay(max(1, self._listener.failures)))

    def _note(self, note: Note) -> None:
        if not self.feed.wanted:
            return
        self._waiting.add(note)
        if self._waiting.overfull:
            self._waiting.clear()
            self.feed.interrupt()
        if self._waiting:
            self._noted.set()

    async def _tell(self, stop: asyncio.Event) -> None:
        with suppress(TransientError):  # raised only while stopping
            while not stop.is_set():
                await self._noted.wait()
                self._noted.clear()
                while self._waiting:
                    await persist(self._publish, self._reads, stop)
                await asyncio.sleep(GATHER_S)

    async def _publish(self) -> None:
        """Read and publish some of what waits. What is noted again meanwhile is read again; on a fault all waits on."""
        taken = self._waiting.take(A_TIME)
        try:
            devices = await self._store.devices(taken.devices) if taken.devices else []
            alerts = await self._store.alerts(taken.alerts) if taken.alerts else []
            orders = await self._store.orders(taken.orders) if taken.orders else []
            incidents = await self._store.incidents(taken.incidents) if taken.incidents else []
        except TransientError:
            taken.join(self._waiting)
            self._waiting = taken
            raise
        self.feed.publish(devices, alerts, orders, incidents)


def _some(found: dict[T, None], most: int) -> dict[T, None]:
    """Take the first of what is found out of it."""
    taken = dict.fromkeys(islice(found, most))
    for one in taken:
        del found[one]
    return taken
