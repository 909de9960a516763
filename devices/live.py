"""What followers of the store are told: that something was committed, and what is newest of it.

Instants are µs since 1970. Everything here is frozen: a read is a photograph.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Note(msgspec.Struct, frozen=True):
    """Something was committed: the keys of devices, the numbers of entries in the log of alerts, ids of work orders."""

    devices: tuple[int, ...] = ()
    alerts: tuple[int, ...] = ()
    orders: tuple[str, ...] = ()


class LiveDevice(msgspec.Struct, frozen=True):
    """The newest state of a device in service.

    The position is that of its newest valid fix, with ``observed_at``; of a device that never told one, the place in
    its attributes, with ``observed_at`` None. ``received_at`` is its newest frame, None when it was never heard.
    """

    id: str
    kind: str
    name: str = ""
    received_at: int | None = None
    online: bool | None = None
    observed_at: int | None = None
    lat: float | None = None
    lon: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    readings: Mapping[str, float] = {}


class LiveAlert(msgspec.Struct, frozen=True):
    """Something happened to an alert (``action``, by ``actor`` at ``at``), and how the alert stands since."""

    id: int
    action: str
    at: int
    actor: str
    stage: str
    device: str
    device_kind: str
    device_name: str
    rule: str
    scope: str
    severity: str
    raised_at: int
    cleared_at: int | None
    raised_value: float | None
    acknowledged_by: str | None
    storm: int | None
    late: bool


class LiveOrder(msgspec.Struct, frozen=True):
    """A work order as it stands now."""

    id: str
    kind: str
    state: str
    vehicle: str
    device: str | None
    place: str
    planned_start: int
    planned_end: int
    changed_at: int
    changed_by: str
