"""What the API reads of devices and telemetry: ports that the store fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from devices.read_models import (
    DeadLetterContent,
    DeadLetterEntry,
    DeviceEntry,
    DeviceState,
    EventRecord,
    Page,
    SeriesBucket,
    SeriesPoint,
    StoreFigures,
    TrackPoint,
)


class DeviceReader(Protocol):
    """Devices and what is newest of them.

    Every reader raises ``TransientError`` while the store is away, its subclass ``QueryTimeoutError`` when the store
    gave up on the question, and ``CursorError`` for a cursor that it did not make.
    """

    async def device(self, device_id: str) -> DeviceEntry | None:
        """The device with that id, or None."""

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
        """Devices by id; ``q`` is a piece of id, name or identity, without regard to case. Empty filters let all in."""

    async def state(self, device_id: str) -> DeviceState | None:
        """What is newest of one device, or None when there is no such device."""

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
        """States by device id of devices in service that were ever heard; ``since`` (µs): heard then or later.

        ``protocols`` are those by which the newest frame came.
        """


class TelemetryReader(Protocol):
    """The history of one device. Spans are ``[start, end)`` in µs. Unknown devices and metrics have empty histories."""

    async def series(
        self, device_id: str, metric: str, *, start: int, end: int, cursor: str | None, limit: int
    ) -> Page[SeriesPoint]:
        """Readings as stored, oldest first; of one instant, smaller values first."""

    async def buckets(
        self, device_id: str, metric: str, *, start: int, end: int, width: int
    ) -> tuple[SeriesBucket, ...]:
        """Readings summed up by buckets of ``width`` µs, counted from Monday 2000-01-03T00:00Z."""

    async def track(
        self, device_id: str, *, start: int, end: int, include_invalid: bool, cursor: str | None, limit: int
    ) -> Page[TrackPoint]:
        """Positions, oldest first; of one instant by ``seq`` (none first), then as the store keeps them."""

    async def events(
        self, device_id: str, *, start: int, end: int, kinds: Sequence[str] = (), cursor: str | None, limit: int
    ) -> Page[EventRecord]:
        """Events, newest first."""


class DeadLetterReader(Protocol):
    """Frames that could not be filed."""

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
        """Dead letters, newest first; ``is_open`` picks those not replayed yet (True) or replayed (False).

        ``device_ids`` picks those of any of these devices.
        """

    async def letter(self, letter_id: int) -> DeadLetterContent | None:
        """One dead letter with its bytes, or None."""


class StoreReader(Protocol):
    """The store as a whole."""

    async def ping(self) -> None:
        """Return when the store answers; raise ``TransientError`` soon when it does not."""

    async def figures(self, *, reporting_since: int) -> StoreFigures:
        """Counts for boards; a device is reporting when it was heard at ``reporting_since`` (µs) or later."""
