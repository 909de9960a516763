"""Alerts and what is done with them, as somebody sees them who is limited to areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from alerts.records import AlertCount, AlertEntry, AlertFilter, LogEntry, Notification, Shelf
from api.areas.filter import Ids, only
from api.ports.alerts import AlertHandling, AlertReader
from api.ports.services import Services
from devices.read_models import Page


def narrowed(services: Services, ids: Ids) -> Services:
    """The services with these in them narrowed to the devices ``ids``."""
    return replace(
        services,
        alerts=_Alerts(services.alerts, ids),
        alert_handling=_Handling(services.alert_handling, services.alerts, ids),
    )


class _Alerts:
    def __init__(self, reader: AlertReader, ids: Ids) -> None:
        self._reader, self._ids = reader, ids

    async def alerts(self, wanted: AlertFilter, *, cursor: str | None, limit: int) -> Page[AlertEntry]:
        within = msgspec.structs.replace(wanted, devices=only(wanted.devices, self._ids))
        return await self._reader.alerts(within, cursor=cursor, limit=limit)

    async def alert(self, alert_id: int) -> tuple[AlertEntry, tuple[LogEntry, ...]] | None:
        found = await self._reader.alert(alert_id)
        return found if found is not None and found[0].device in self._ids else None

    async def notifications(self, alert_id: int) -> tuple[Notification, ...]:
        return await self._reader.notifications(alert_id) if await self.alert(alert_id) is not None else ()

    async def counts(self, devices: Sequence[str] = ()) -> Mapping[str, AlertCount]:
        return await self._reader.counts(only(devices, self._ids))

    async def shelves(self, *, devices: Sequence[str] = (), ended: bool, cursor: str | None, limit: int) -> Page[Shelf]:
        within = only(devices, self._ids)
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
