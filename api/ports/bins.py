"""What the API needs for bins, as protocols. All raise ``TransientError`` while the store is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from devices.read_models import Page
from fleet.bins.forecast import Forecast
from fleet.bins.readiness import Readiness
from fleet.bins.records import EmptyingEntry


class EmptyingReader(Protocol):
    """Emptyings as they stand."""

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
        """Emptyings in ``[start, end)`` (µs, the bins' time), newest first; empty filters let all in."""


class BinOutlook(Protocol):
    """What is known and foretold of bins in service."""

    async def readiness(self, at: int, next_visit: int | None = None) -> Sequence[Readiness]:
        """Of every bin in service, by id, as of ``at`` (µs)."""

    async def forecast(self, device: str, at: int, then: int, visits: Sequence[int] | None) -> Forecast | None:
        """How full a bin will be at ``then``, by what is known at ``at`` (µs); None without a level recent enough."""
