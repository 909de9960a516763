"""Devices, their history, and dead letters, as somebody sees them who is limited to areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from api.areas.filter import Ids, only
from api.ports.services import Services
from api.ports.telemetry import DeadLetterReader, DeviceReader, TelemetryReader
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


def narrowed(services: Services, ids: Ids) -> Services:
    """The services with these in them narrowed to the devices ``ids``."""
    return replace(
        services,
        devices=_Devices(services.devices, ids),
        telemetry=_Telemetry(services.telemetry, ids),
        dead_letters=_DeadLetters(services.dead_letters, ids),
    )


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
        within = only(ids, self._ids)
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
        within = only(ids, self._ids)
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
        within = only(device_ids, self._ids)
        return await self._reader.letters(
            codes=codes, device_id=device_id, device_ids=within, is_open=is_open, cursor=cursor, limit=limit
        )

    async def letter(self, letter_id: int) -> DeadLetterContent | None:
        found = await self._reader.letter(letter_id)
        return found if found is not None and found.entry.device_id in self._ids else None
