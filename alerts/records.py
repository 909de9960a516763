"""Alerts as people see and handle them.

Instants are µs since 1970: ``raised_at`` and ``cleared_at`` of the device's time, all others of the hub's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from devices.errors import SanihubError

Stage = Literal["raised", "acknowledged", "cleared", "closed", "retracted"]


class AlertEntry(msgspec.Struct, frozen=True):
    """One alert.

    ``stage``: *raised* until somebody acknowledges it or its cause is gone (*cleared*); *closed* by a person's word.
    *retracted*: told, and by the repaired history never there. ``late``: found by a repair, no bell rang.
    ``shelved`` is whether its rule or device is on the shelf now; ``parts`` how many alerts a storm holds.
    """

    id: int
    device: str
    device_kind: str
    device_name: str
    area: str | None
    rule: str
    scope: str
    severity: str
    stage: Stage
    raised_at: int
    cleared_at: int | None
    raised_value: float | None
    cleared_value: float | None
    detail: Mapping[str, Any]
    told_at: int
    settled_at: int | None = None
    revised_at: int | None = None
    late: bool = False
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    closed_at: int | None = None
    closed_by: str | None = None
    quiet_until: int | None = None
    escalation: int = 0
    storm: int | None = None
    parts: int = 0
    shelved: bool = False


class LogEntry(msgspec.Struct, frozen=True):
    """What happened to an alert: who did what, when (the hub's time)."""

    at: int
    actor: str
    action: str
    detail: Mapping[str, Any]


class AlertFilter(msgspec.Struct, frozen=True):
    """Which alerts; an empty tuple lets all through.

    ``open``: not cleared and not closed. ``since`` and ``until`` (µs) are of ``raised_at``.
    """

    stages: tuple[Stage, ...] = ()
    severities: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    open: bool | None = None
    since: int | None = None
    until: int | None = None


class AlertStateError(SanihubError):
    """The alert is not in a state in which this can be done."""
