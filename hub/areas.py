"""Areas of the master data on the map: which devices lie in which, and in which a position lies.

They are read when somebody asks and the last answer is old.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
import numpy as np

from api.ports.services import wall_clock
from fleet.geometry.containing import Containing
from store.fleet.master import FleetMaster
from store.readers.places import DevicePlace, DevicePlaces
from store.reading import ReadSession

FRESH_S = 30.0  #: vehicles drive on; so long they still count where they were
_COUNTED = ("district", "grid", "post")  #: kinds by which things are counted, the largest first


class _Known(msgspec.Struct, frozen=True):
    shapes: Containing
    rank: Mapping[str, int]
    read_at: float


class Areas:
    """Areas over the store (``api.ports.people.AreaDirectory``). ``steady`` is a clock in s that never jumps.

    Nothing is done while nobody asks, and one look is made for all who ask at the same time. All of it raises
    TransientError while the store is away.
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
        self._known: _Known | None = None
        self._found: Mapping[str, frozenset[str]] = {}
        self._found_at = float("-inf")
        self._looking = asyncio.Lock()

    async def devices_in(self, areas: Collection[str]) -> frozenset[str]:
        """The ids of the devices in any of these areas, at most half a minute old."""
        async with self._looking:
            if self._steady() - self._found_at >= FRESH_S:
                asked_at = self._steady()
                places = await self._places.places()
                known = await self._learn()
                self._found = await asyncio.to_thread(by_area, places, known.shapes)
                self._found_at = asked_at
            found = self._found
        return frozenset().union(*(found.get(area, frozenset()) for area in areas))

    async def area_at(self, lon: float, lat: float) -> str | None:
        """The id of the area around a position (WGS-84), a district before a grid before a post; None outside.

        That of the largest kind, so that counts by area add up. Areas are as they were at most half a minute ago.
        """
        async with self._looking:
            known = self._known
            if known is None or self._steady() - known.read_at >= FRESH_S:
                known = await self._learn()
        around = {area for _, area in known.shapes.areas_of(np.array([lon]), np.array([lat])) if area in known.rank}
        return min(around, key=lambda area: (known.rank[area], area), default=None)

    def forget(self) -> None:
        """Look anew at the next question for devices: the registry was changed."""
        self._found_at = float("-inf")

    async def _learn(self) -> _Known:
        read_at, areas = self._steady(), await self._master.areas(self._clock())
        shapes = await asyncio.to_thread(Containing, areas)
        rank = {area.id: _COUNTED.index(area.kind) for area in areas if area.kind in _COUNTED}
        self._known = _Known(shapes, rank, read_at)
        return self._known


def by_area(places: Iterable[DevicePlace], shapes: Containing) -> dict[str, frozenset[str]]:
    """The devices of each area: of those that were given one by its name, of the others by where they are."""
    found: dict[str, set[str]] = {}
    loose = []
    for place in places:
        if place.area is not None:
            found.setdefault(place.area, set()).add(place.id)
        elif place.lon is not None and place.lat is not None:
            loose.append(place)
    if loose:
        lon, lat = np.array([one.lon for one in loose]), np.array([one.lat for one in loose])
        for index, area in shapes.areas_of(lon, lat):
            found.setdefault(area, set()).add(loose[index].id)
    return {area: frozenset(ids) for area, ids in found.items()}
