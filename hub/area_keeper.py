"""Keeps for boards which devices lie in which areas: found as for people who are limited to areas, and written down.

Boards are SQL, and point in polygon is none: without an extension of PostgreSQL's the answer has to lie there. What is
entered by name (``attributes.area``) goes before where a device is (``hub.areas``).
"""

from __future__ import annotations

import asyncio
from time import time_ns

from devices.errors import RejectedError, TransientError
from fleet.geometry.containing import Containing
from hub.areas import by_area
from ingest.runner import Condition, pause, persist
from store.boards.areas import DeviceAreas
from store.fleet.master import FleetMaster
from store.readers.places import DevicePlaces
from store.reading import Pool, ReadSession
from store.writing import WriteSession

EVERY_S = 60.0  #: vehicles drive on; a board's area is a minute old at most


class AreaKeeper:
    """Works over ``pool``; one statement a minute, which writes nothing while nobody moved to another area."""

    def __init__(self, pool: Pool, every_s: float = EVERY_S) -> None:
        reads = ReadSession(pool)
        self._places, self._master = DevicePlaces(reads), FleetMaster(reads)
        self._kept = DeviceAreas(WriteSession(pool))
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until ``stop`` is set."""
        condition = Condition("device_areas")
        while not stop.is_set():
            try:
                await persist(self.look, condition, stop)
            except TransientError:  # only while stopping
                return
            except RejectedError:  # a device was deleted meanwhile; the next look knows
                pass
            await pause(stop, self._every_s)

    async def look(self) -> int:
        """Look once; how many rows changed. Raises TransientError while the store is away."""
        places = await self._places.places()
        areas = await self._master.areas(time_ns() // 1_000)
        return await self._kept.follow(await asyncio.to_thread(lambda: by_area(places, Containing(areas))))
