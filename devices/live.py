"""What followers of the store are told: that something was committed, and what is newest of it.

Instants are µs since 1970. Everything here is frozen: a read is a photograph.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec


class Note(msgspec.Struct, frozen=True):
    """Something was committed: keys of devices, ids of work orders, numbers in the logs of alerts and incidents."""

    devices: tuple[int, ...] = ()
    alerts: tuple[int, ...] = ()
    orders: tuple[str, ...] = ()
    incidents: tuple[int, ...] = ()


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
    vehicle: str | None
    device: str | None
    place: str
    planned_start: int
    planned_end: int
    changed_at: int
    changed_by: str
    title: str = ""
    note: str = ""
    on: date | None = None
    crew: str | None = None
    worker: str | None = None
    sequence: int = 1
    run: str | None = None
    reason: str | None = None
    lon: float | None = None
    lat: float | None = None
    origin: str = "hand"
    alert: int | None = None
    incident: int | None = None
    entered_at: int | None = None
    entered_by: str = ""
    sent_at: int | None = None
    sent_by: str | None = None
    accepted_at: int | None = None
    done_at: int | None = None
    done_by: str | None = None
    evidence: Mapping[str, Any] | None = None
    fault: str | None = None


class LiveIncident(msgspec.Struct, frozen=True):
    """A step in the life of an incident (``action``, by ``actor`` at ``at``), and how the incident stands since."""

    id: int
    action: str
    at: int
    actor: str
    reference: str
    category: str
    state: str
    text: str
    lat: float
    lon: float
    accuracy_m: float | None
    place: str
    area: str | None
    device: str | None
    seen_at: int
    claimed_at: int | None
    entered_at: int
    entered_by: str
    reporter: str
    worker: str | None
    department: str | None
    work_order: str | None
    changed_at: int
    photos: int
