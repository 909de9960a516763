"""Services as somebody sees them who is limited to areas: what lies elsewhere is not there.

Each class has the shape of the port that it stands before. Lists are narrowed by the devices of the areas, single
things of other devices are None, which routes answer with 404: whether there is such a thing is nobody's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from alerts.records import AlertCount, AlertEntry, AlertFilter, LogEntry, Notification, Shelf
from api.alert_ports import AlertHandling, AlertReader
from api.bin_ports import BinOutlook, EmptyingReader
from api.ports import DeadLetterReader, DeviceReader, Services, TelemetryReader
from api.trip_ports import TripReader
from devices.read_models import (
    DeadLetterContent,
    DeadLetterEntry,
    DeviceEntry,
    DeviceState,
    EventRecord,
    Page,
    SeriesBucket,
    SeriesPoint,
    TrackPoint,
)
from fleet.bins.forecast import Forecast
from fleet.bins.readiness import Readiness
from fleet.bins.records import EmptyingEntry
from fleet.trackers.records import LiveEntry, StopEntry, TripEntry

Ids = frozenset[str]
_NONE = ("",)  # no device has this id, and an empty filter would let all in


def limited(services: Services, ids: Ids) -> Services:
    """The services with nothing in them but what is of the devices ``ids``."""
    return replace(
        services,
        devices=_Devices(services.devices, ids),
        telemetry=_Telemetry(services.telemetry, ids),
        dead_letters=_DeadLetters(services.dead_letters, ids),
        alerts=_Alerts(services.alerts, ids),
        alert_handling=_Handling(services.alert_handling, services.alerts, ids),
        emptyings=_Emptyings(services.emptyings, ids),
        outlook=_Outlook(services.outlook, ids),
        trips=_Trips(services.trips, ids),
    )


def _only(wanted: Sequence[str], ids: Ids) -> tuple[str, ...]:
    """A filter of devices within ``ids``; one that lets nothing in where nothing is left."""
    return tuple(sorted(ids if not wanted else ids.intersection(wanted))) or _NONE


class _Devices:
    def __init__(self, reader: DeviceReader, ids: Ids) -> None:
        self._reader, self._ids = reader, ids

    async def device(self, device_id: str) -> DeviceEntry | None:
        return await self._reader.device(device_id) if device_id in self._ids else None

    async def devices(
        self,
        *,
        kinds: Sequence[str] = (),
        statuses: Sequence[str] = (),
        ids: Sequence[str] = (),
        q: str = "",
        cursor: str | None,
        limit: int,
    ) -> Page[DeviceEntry]:
        within = _only(ids, self._ids)
        return await self._reader.devices(
            kinds=kinds, statuses=statuses, ids=within, q=q, cursor=cursor, limit=limit
        )  # fmt: skip

    async def state(self, device_id: str) -> DeviceState | None:
        return await self._reader.state(device_id) if device_id in self._ids else None

    async def states(
        self,
        *,
        kinds: Sequence[str] = (),
        protocols: Sequence[str] = (),
        ids: Sequence[str] = (),
        since: int | None = None,
        cursor: str | None,
        limit: int,
    ) -> Page[DeviceState]:
        within = _only(ids, self._ids)
        return await self._reader.states(
            kinds=kinds, protocols=protocols, ids=within, since=since, cursor=cursor, limit=limit
        )  # fmt: skip


class _Telemetry:
    def __init__(self, reader: TelemetryReader, ids: Ids) -> None:
        self._reader, self._ids = reader, ids

    def _named(self, device_id: str) -> str:
        return device_id if device_id in self._ids else ""

    async def series(
        self, device_id: str, metric: str, *, start: int, end: int, cursor: str | None, limit: int
    ) -> Page[SeriesPoint]:
        name = self._named(device_id)
        return await self._reader.series(name, metric, start=start, end=end, cursor=cursor, limit=limit)

    async def buckets(
        self, device_id: str, metric: str, *, start: int, end: int, width: int
    ) -> tuple[SeriesBucket, ...]:
        return await self._reader.buckets(self._named(device_id), metric, start=start, end=end, width=width)

    async def track(
        self, device_id: str, *, start: int, end: int, include_invalid: bool, cursor: str | None, limit: int
    ) -> Page[TrackPoint]:
        name = self._named(device_id)
        return await self._reader.track(
            name, start=start, end=end, include_invalid=include_invalid, cursor=cursor, limit=limit
        )

    async def events(
        self, device_id: str, *, start: int, end: int, kinds: Sequence[str] = (), cursor: str | None, limit: int
    ) -> Page[EventRecord]:
        name = self._named(device_id)
        return await self._reader.events(name, start=start, end=end, kinds=kinds, cursor=cursor, limit=limit)


class _DeadLetters:
    def __init__(self, reader: DeadLetterReader, ids: Ids) -> None:
        self._reader, self._ids = reader, ids

    async def letters(
        self,
        *,
        codes: Sequence[str] = (),
        device_id: str | None,
        device_ids: Sequence[str] = (),
        is_open: bool | None,
        cursor: str | None,
        limit: int,
    ) -> Page[DeadLetterEntry]:
        within = _only(device_ids, self._ids)
        return await self._reader.letters(
            codes=codes, device_id=device_id, device_ids=within, is_open=is_open, cursor=cursor, limit=limit
        )

    async def letter(self, letter_id: int) -> DeadLetterContent | None:
        found = await self._reader.letter(letter_id)
        return found if found is not None and found.entry.device_id in self._ids else None


class _Alerts:
    def __init__(self, reader: AlertReader, ids: Ids) -> None:
        self._reader, self._ids = reader, ids

    async def alerts(self, wanted: AlertFilter, *, cursor: str | None, limit: int) -> Page[AlertEntry]:
        within = msgspec.structs.replace(wanted, devices=_only(wanted.devices, self._ids))
        return await self._reader.alerts(within, cursor=cursor, limit=limit)

    async def alert(self, alert_id: int) -> tuple[AlertEntry, tuple[LogEntry, ...]] | None:
        found = await self._reader.alert(alert_id)
        return found if found is not None and found[0].device in self._ids else None

    async def notifications(self, alert_id: int) -> tuple[Notification, ...]:
        return await self._reader.notifications(alert_id) if await self.alert(alert_id) is not None else ()

    async def counts(self, devices: Sequence[str] = ()) -> Mapping[str, AlertCount]:
        return await self._reader.counts(_only(devices, self._ids))

    async def shelves(self, *, devices: Sequence[str] = (), ended: bool, cursor: str | None, limit: int) -> Page[Shelf]:
        within = _only(devices, self._ids)
        return await self._reader.shelves(devices=within, ended=ended, cursor=cursor, limit=limit)

    async def shelf(self, shelf_id: int) -> Shelf | None:
        found = await self._reader.shelf(shelf_id)
        return found if found is not None and (found.device is None or found.device in self._ids) else None


class _Handling:
    def __init__(self, handling: AlertHandling, reader: AlertReader, ids: Ids) -> None:
        self._handling, self._alerts, self._ids = handling, _Alerts(reader, ids), ids

    async def _shown(self, alert_id: int) -> bool:
        return await self._alerts.alert(alert_id) is not None

    async def acknowledge(self, alert_id: int, actor: str, comment: str = "") -> bool:
        return await self._shown(alert_id) and await self._handling.acknowledge(alert_id, actor, comment)

    async def close(self, alert_id: int, actor: str, comment: str = "") -> bool:
        return await self._shown(alert_id) and await self._handling.close(alert_id, actor, comment)

    async def comment(self, alert_id: int, actor: str, text: str) -> bool:
        return await self._shown(alert_id) and await self._handling.comment(alert_id, actor, text)

    async def snooze(self, alert_id: int, actor: str, until: int) -> bool:
        return await self._shown(alert_id) and await self._handling.snooze(alert_id, actor, until)

    async def shelve(self, rule: str | None, device: str | None, until: int, reason: str, actor: str) -> int | None:
        if device not in self._ids:
            return None
        return await self._handling.shelve(rule, device, until, reason, actor)

    async def unshelve(self, shelf: int, actor: str) -> bool:
        found = await self._alerts.shelf(shelf)
        return found is not None and found.device is not None and await self._handling.unshelve(shelf, actor)


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
        within = _only(devices, self._ids)
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
        within = _only(devices, self._ids)
        return await self._reader.live(devices=within, route=route, cursor=cursor, limit=limit)
