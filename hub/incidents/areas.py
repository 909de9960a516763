"""In which area of the master data an incident lies: that of the largest kind, so that counts by area add up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import msgspec
import numpy as np

from fleet.geometry.containing import Containing
from fleet.master.places import Area
from store.fleet_master import FleetMaster

FRESH_S = 60.0  #: how soon a change of the areas is seen
_KINDS = ("district", "grid", "post")


class _Known(msgspec.Struct, frozen=True):
    shapes: Containing
    rank: dict[str, int]
    read_at: float


class AreaFinder:
    """Finds areas over the store. ``steady`` is a clock in seconds that never jumps."""

    def __init__(self, master: FleetMaster, *, steady: Callable[[], float] = monotonic) -> None:
        self._master = master
        self._steady = steady
        self._known: _Known | None = None

    async def area_at(self, lon: float, lat: float, now: int) -> str | None:
        """The id of the area around a position (WGS-84), a district before a grid before a post; None outside.

        ``now`` in µs. Raises TransientError while the store is away.
        """
        known = self._known
        if known is None or self._steady() - known.read_at >= FRESH_S:
            areas = tuple(area for area in await self._master.areas(now) if area.kind in _KINDS)
            known = self._known = await asyncio.to_thread(_learn, areas, self._steady())
        if not known.rank:
            return None
        around = {area for _, area in known.shapes.areas_of(np.array([lon]), np.array([lat]))}
        return min(around, key=lambda area: (known.rank[area], area), default=None)


def _learn(areas: tuple[Area, ...], read_at: float) -> _Known:
    rank = {area.id: _KINDS.index(area.kind) for area in areas}
    return _Known(Containing(areas), rank, read_at)
