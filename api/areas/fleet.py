"""Bins and trips, as somebody sees them who is limited to areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from api.areas.filter import Ids, only
from api.ports.bins import BinOutlook, EmptyingReader
from api.ports.services import Services
from api.ports.trips import TripReader
from devices.read_models import Page
from fleet.bins.forecast import Forecast
from fleet.bins.readiness import Readiness
from fleet.bins.records import EmptyingEntry
from fleet.trackers.records import LiveEntry, StopEntry, TripEntry


def narrowed(services: Services, ids: Ids) -> Services:
    """The services with these in them narrowed to the devices ``ids``."""
    return replace(
        services,
        emptyings=_Emptyings(services.emptyings, ids),
        outlook=_Outlook(services.outlook, ids),
        trips=_Trips(services.trips, ids),
    )


class _Emptyings:
    def __init__(self, reader: EmptyingReader, ids: Ids) -> None:
        self._reader, self._ids = reader, ids

    async def emptyings(
        self,
        *,
        start: int,
        end: int,
        devices: Sequence[str] = (),
        vehicles: Sequence[str] = (),
        retracted: bool = False,
        cursor: str | None,
        limit: int,
    ) -> Page[EmptyingEntry]:
        within = only(devices, self._ids)
        return await self._reader.emptyings(
            start=start,
            end=end,
            devices=within,
            vehicles=vehicles,
            retracted=retracted,
            cursor=cursor,
            limit=limit,
        )


class _Outlook:
    def __init__(self, outlook: BinOutlook, ids: Ids) -> None:
        self._outlook, self._ids = outlook, ids

    async def readiness(self, at: int, next_visit: int | None = None) -> Sequence[Readiness]:
        return [one for one in await self._outlook.readiness(at, next_visit) if one.bin in self._ids]

    async def forecast(self, device: str, at: int, then: int, visits: Sequence[int] | None) -> Forecast | None:
        return await self._outlook.forecast(device, at, then, visits) if device in self._ids else None


class _Trips:
    def __init__(self, reader: TripReader, ids: Ids) -> None:
        self._reader, self._ids = reader, ids

    async def trips(self, device_id: str, *, start: int, end: int, cursor: str | None, limit: int) -> Page[TripEntry]:
        name = device_id if device_id in self._ids else ""
        return await self._reader.trips(name, start=start, end=end, cursor=cursor, limit=limit)

    async def stops(self, device_id: str, *, start: int, end: int, cursor: str | None, limit: int) -> Page[StopEntry]:
        name = device_id if device_id in self._ids else ""
        return await self._reader.stops(name, start=start, end=end, cursor=cursor, limit=limit)

    async def live(
        self, *, devices: tuple[str, ...] = (), route: str | None, cursor: str | None, limit: int
    ) -> Page[LiveEntry]:
        within = only(devices, self._ids)
        return await self._reader.live(devices=within, route=route, cursor=cursor, limit=limit)
