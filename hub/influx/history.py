"""The history of a device where its series are read from InfluxDB: tracks and events stay with the store."""

from __future__ import annotations

from collections.abc import Sequence

from api.ports.telemetry import TelemetryReader
from devices.read_models import EventRecord, Page, SeriesBucket, SeriesPoint, TrackPoint
from store.influx.series import InfluxSeries


class InfluxHistory:
    """``api.ports.telemetry.TelemetryReader`` over two sources."""

    def __init__(self, stored: TelemetryReader, series: InfluxSeries) -> None:
        self._stored, self._series = stored, series

    async def series(
        self, device_id: str, metric: str, *, start: int, end: int, cursor: str | None, limit: int
    ) -> Page[SeriesPoint]:
        """Readings as InfluxDB has them, oldest first."""
        return await self._series.series(device_id, metric, start=start, end=end, cursor=cursor, limit=limit)

    async def buckets(
        self, device_id: str, metric: str, *, start: int, end: int, width: int
    ) -> tuple[SeriesBucket, ...]:
        """Readings summed up by buckets, as InfluxDB has them."""
        return await self._series.buckets(device_id, metric, start=start, end=end, width=width)

    async def track(
        self, device_id: str, *, start: int, end: int, include_invalid: bool, cursor: str | None, limit: int
    ) -> Page[TrackPoint]:
        """Positions as the store has them."""
        return await self._stored.track(
            device_id, start=start, end=end, include_invalid=include_invalid, cursor=cursor, limit=limit
        )

    async def events(
        self, device_id: str, *, start: int, end: int, kinds: Sequence[str] = (), cursor: str | None, limit: int
    ) -> Page[EventRecord]:
        """Events as the store has them."""
        return await self._stored.events(device_id, start=start, end=end, kinds=kinds, cursor=cursor, limit=limit)
