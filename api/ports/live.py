"""What the board's first look needs from the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from devices.live import LiveDevice


class CityReader(Protocol):
    """All devices with what is newest of them. Raises ``TransientError`` while the store is away."""

    async def city(self, *, kinds: Collection[str], after: str, limit: int) -> Sequence[LiveDevice]:
        """Devices in service, by id behind ``after``, that were heard or have a place; empty ``kinds`` let all in."""
