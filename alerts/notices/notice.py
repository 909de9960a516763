"""A notice: one row of the outbox as those who are told read it.

The content is written when the alert changes, in the same transaction, and says everything that a message needs: a
message is the same whenever it is made, also after the device was renamed or the rules were changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from alerts.rule import Severity

Action = Literal["raised", "cleared", "escalated", "revised", "storm", "test"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")  #: from the least to the gravest


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an outbox row says of an alert; its column ``content`` holds this as JSON.

    ``raised_at`` and ``cleared_at`` are the device's time, ``told_at`` is the wall's (all µs). ``detail`` is what the
    rule has to add. ``late`` marks what a repair of history has found, ``retracted`` what it has taken back. A storm
    names up to twenty of its devices in ``members``, and their number in ``member_count``.
    """

    rule: str
    severity: Severity
    device: str
    raised_at: int
    alert: int | None = None
    title: str = ""
    title_zh: str = ""
    device_name: str = ""
    device_kind: str = ""
    area: str = ""
    scope: str = ""
    cleared_at: int | None = None
    told_at: int | None = None
    value: float | None = None
    unit: str = ""
    detail: Mapping[str, Any] = {}
    late: bool = False
    retracted: bool = False
    escalation: int = 0
    members: Sequence[str] = ()
    member_count: int = 0


class Notice(msgspec.Struct, frozen=True):
    """One notification. ``sequence`` grows with time, and within an alert always; ``key`` is the same for ever."""

    sequence: int
    key: str
    action: str
    entered_at: int
    content: Content


def read_content(raw: Mapping[str, Any], entered_at: int) -> Content:
    """The content of an outbox row.

    One that does not fit is not an error, for what stands in the outbox has to go out: it becomes a critical notice
    that says what is wrong with it, with whatever of rule and device can be read.
    """
    try:
        return msgspec.convert(raw, Content)
    except msgspec.ValidationError as error:
        rule, device = (str(raw.get(name, "?"))[:200] for name in ("rule", "device"))
        fault = {"unreadable": str(error)}
        return Content(rule=rule, severity="critical", device=device, raised_at=entered_at, detail=fault)


class Message(msgspec.Struct, frozen=True):
    """What goes out to a channel at once: one notice, or several that were gathered, in order of their sequence.

    ``id`` is the idempotency key. A message that is sent again has the same id and the same notices.
    """

    id: str
    channel: str
    notices: tuple[Notice, ...]

    @property
    def severity(self) -> Severity:
        """That of the gravest of its notices."""
        return max((notice.content.severity for notice in self.notices), key=SEVERITIES.index)

    @property
    def reference(self) -> str:
        """The beginning of the id, for people."""
        return self.id[:8]
