"""A backfill: what is stored already goes to InfluxDB, device by device, in the order of their time.

It takes turns with the sink, writes the same points that the sink would, and notes how far it is after InfluxDB has
answered; so it may be broken off, begun anew, and run beside the hub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import msgspec

from hub.influx.pump import Pump
from ingest.runner import pause
from store.influx.backfills import Backfills, Reached
from store.influx.points import Naming, StoredPoints

INSTANTS_AT_ONCE = 2_000


class Wanted(msgspec.Struct, frozen=True):
    """What to fill: the records of ``[begin, end)`` (µs), of one device or all; ``rate`` bounds points a second."""

    begin: int
    end: int
    device: str | None = None
    rate: float | None = None


class Progress(msgspec.Struct, frozen=True):
    """How far it is: devices done and in all, and points written by it, earlier runs of the same one included."""

    devices: int
    total: int
    points: int


class Backfill:
    """One backfill; ``told`` hears of each step. Raises TransientError while a peer is away: step again then."""

    def __init__(self, pump: Pump, wanted: Wanted, told: Callable[[Progress], None] = lambda _: None) -> None:
        self._pump, self._wanted, self._told = pump, wanted, told
        self._devices: list[tuple[int, str]] | None = None
        self._place = Reached(0, wanted.begin, 0)
        self._began = monotonic()
        self._points_here = 0

    @property
    def progress(self) -> Progress:
        """How far it is."""
        devices = self._devices or []
        done = sum(key < self._place.key for key, _ in devices)
        return Progress(done, len(devices), self._place.points)

    async def open(self, *, anew: bool = False) -> bool:
        """Find the devices, and the place where the same backfill was broken off unless ``anew``; whether there is one.

        An unknown device has none to go through.
        """
        connection = await self._pump.queue.connection()
        found = None if anew else await (await self._places()).find()
        self._devices = await StoredPoints(connection, Naming()).devices(self._wanted.device)
        if found is not None:
            self._place = found
        return found is not None

    async def step(self) -> bool:
        """Write the next piece; whether there is more to do."""
        assert self._devices is not None
        left = [key for key, _ in self._devices if key >= self._place.key]
        if not left:
            await (await self._places()).finish()
            return False
        key = left[0]
        begin = self._place.at if key == self._place.key else self._wanted.begin
        async with self._pump.queue.turn():
            count, more = await self._pump.span(key, begin, self._wanted.end, INSTANTS_AT_ONCE)
        points = self._place.points + count
        place = Reached(key + 1, self._wanted.begin, points) if more is None else Reached(key, more, points)
        await (await self._places()).note(place)
        self._place = place
        self._points_here += count
        self._told(self.progress)
        return True

    async def rest(self, stop: asyncio.Event) -> None:
        """Wait as long as the rate asks, or until ``stop`` is set."""
        if self._wanted.rate is not None:
            ahead = self._points_here / self._wanted.rate - (monotonic() - self._began)
            if ahead > 0:
                await pause(stop, ahead)

    async def _places(self) -> Backfills:
        wanted = self._wanted
        return Backfills(await self._pump.queue.connection(), wanted.begin, wanted.end, wanted.device)
