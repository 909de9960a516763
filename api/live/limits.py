"""Bounds of the live stream."""

from __future__ import annotations

import msgspec


class LiveLimits(msgspec.Struct, frozen=True):
    """Bounds of the stream: readers in all and of one principal, and what is kept for those who come back."""

    readers: int = 200
    readers_each: int = 10
    devices: int = 100_000
    items: int = 10_000
    patience_s: float = 20.0  #: how long a reader may take nothing
    heartbeat_s: float = 15.0
    lifetime_s: float = 900.0  #: then the reader has to come again, and be recognised again
