"""What the API needs for trips, stops and boards of the fleet, as a protocol."""

from __future__ import annotations

from typing import Protocol

from devices.read_models import Page
from fleet.trackers.records import LiveEntry, StopEntry, TripEntry


class TripReader(Protocol):
    """What the trackers made of vehicles and workers. Raises ``TransientError`` while the store is away."""

    async def trips(self, device_id: str, *, start: int, end: int, cursor: str | None, limit: int) -> Page[TripEntry]:
        """Trips of a device that lasted within ``[start, end)`` (µs), the newest first."""

    async def stops(self, device_id: str, *, start: int, end: int, cursor: str | None, limit: int) -> Page[StopEntry]:
        """Stops of a device that lasted within ``[start, end)`` (µs), the newest first."""

    async def live(
        self, *, devices: tuple[str, ...] = (), route: str | None, cursor: str | None, limit: int
    ) -> Page[LiveEntry]:
        """What vehicles and workers in service are doing, by device id; of these, or of all."""
