"""What a simulated device notices at an instant, before any protocol gives it a shape."""

from __future__ import annotations

from typing import Any

import msgspec

SECOND = 1_000_000
"""Microseconds in a second; every instant of the simulators is an integer of microseconds since 1970 (UTC)."""


class Observation(msgspec.Struct, frozen=True, gc=False):
    """One report of one device.

    ``observed_at`` is a multiple of one millisecond, so that a text form with milliseconds loses nothing. ``seq``
    starts at 1 and grows by one with every report of the device. ``readings`` maps metric names of the catalogue to
    values in the metric's unit; ``fix`` is a WGS-84 position with the receiver's own figures; ``events`` are objects
    with ``kind`` and, where there is something to say, ``attributes``.
    """

    device_id: str
    kind: str
    seq: int
    observed_at: int
    readings: dict[str, float]
    fix: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] = ()
