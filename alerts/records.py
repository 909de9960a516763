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
    ``shelved`` is whether its rule or device is on the shelf now. ``flapping``: raised too often of late to ring.
    ``storm`` is the alert that this one is part of, ``parts`` how many are part of this one.
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
    flapping: bool = False


class LogEntry(msgspec.Struct, frozen=True):
    """What happened to an alert: who did what, when (the hub's time)."""

    at: int
    actor: str
    action: str
    detail: Mapping[str, Any]


class Notification(msgspec.Struct, frozen=True):
    """What became of one notification of an alert on one channel; instants are of the hub's time.

    ``state``: *waiting* (for its turn, quiet hours, a digest, or another try), *sending*, *delivered*, *given up*, or
    *nobody* where no route led anywhere; then there is no channel.
    """

    action: str
    entered_at: int
    channel: str | None
    state: Literal["waiting", "sending", "delivered", "given up", "nobody"]
    attempts: int = 0
    tried_at: int | None = None
    delivered_at: int | None = None
    answer: str | None = None


class AlertCount(msgspec.Struct, frozen=True):
    """Open alerts of a severity; how many nobody has acknowledged, and how many are parts of a storm."""

    open: int
    unacknowledged: int
    parts: int


class Shelf(msgspec.Struct, frozen=True):
    """What rings no bell for a while: a rule, a device, or one on the other."""

    id: int
    rule: str | None
    device: str | None
    until: int
    reason: str
    entered_by: str
    entered_at: int


class AlertFilter(msgspec.Struct, frozen=True):
    """Which alerts; an empty tuple lets all through.

    ``open``: not cleared and not closed. ``since`` and ``until`` (µs) are of ``raised_at``. ``storm``: the parts of
    that alert; ``parts``: only what is part of a storm, or only what is not.
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
    storm: int | None = None
    parts: bool | None = None


class AlertStateError(SanihubError):
    """The alert is not in a state in which this can be done."""


class EnteredSet(msgspec.Struct, frozen=True):
    """A set of rules as it was entered; it judges moments from ``since`` on (µs)."""

    version: int
    since: int
    entered_at: int
    entered_by: str
    comment: str
    text: str


class StaleVersionError(SanihubError):
    """Somebody else has entered rules since those that a change is based on."""
