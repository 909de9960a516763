"""Which devices lie in which areas: found at once for all of them, when somebody asks and the last answer is old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from api.ports import wall_clock
from fleet.geometry.containing import Containing
from fleet.master.places import Area
from store.device_places import DevicePlace, DevicePlaces
from store.fleet_master import FleetMaster
from store.readers_session import ReadSession

FRESH_S = 30.0  #: vehicles drive on; so long they still count where they were


class Areas:
    """The devices of areas (``api.people_ports.AreaDirectory``). ``steady`` is a clock in s that never jumps.

    Nothing is done while nobody asks who is limited to areas, and one look is made for all who ask at the same time.
    """

    def __init__(
        self,
        reads: ReadSession,
        *,
        clock: Callable[[], int] = wall_clock,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places, self._master = DevicePlaces(reads), FleetMaster(reads)
        self._clock, self._steady = clock, steady
        self._found: Mapping[str, frozenset[str]] = {}
        self._found_at = float("-inf")
        self._looking = asyncio.Lock()

    async def devices_in(self, areas: Collection[str]) -> frozenset[str]:
        """The ids of the devices in any of these areas, at most half a minute old. Raises TransientError."""
        async with self._looking:
            if self._steady() - self._found_at >= FRESH_S:
                asked_at = self._steady()
                places = await self._places.places()
                planned = await self._master.areas(self._clock())
                self._found = await asyncio.to_thread(by_area, places, planned)
                self._found_at = asked_at
            found = self._found
        return frozenset().union(*(found.get(area, frozenset()) for area in areas))

    def forget(self) -> None:
        """Look anew at the next question: the registry was changed."""
        self._found_at = float("-inf")


def by_area(places: Iterable[DevicePlace], areas: Collection[Area]) -> dict[str, frozenset[str]]:
    """The devices of each area: of those that were given one by its name, of the others by where they are."""
    found: dict[str, set[str]] = {}
    loose = []
    for place in places:
        if place.area is not None:
            found.setdefault(place.area, set()).add(place.id)
        elif place.lon is not None and place.lat is not None:
            loose.append(place)
    if loose and areas:
        lon, lat = np.array([one.lon for one in loose]), np.array([one.lat for one in loose])
        for index, area in Containing(tuple(areas)).areas_of(lon, lat):
            found.setdefault(area, set()).add(loose[index].id)
    return {area: frozenset(ids) for area, ids in found.items()}
