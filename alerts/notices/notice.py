"""A notice: one row of the outbox as those who are told read it.

The content is written when the alert changes, in the same transaction, and says everything that a message needs: a
message is the same whenever it is made, also after the device was renamed or the rules were changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from alerts.rule import Severity

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")  #: from the least to the gravest
ACTIONS = ("raised", "raised_again", "escalated", "cleared", "revised", "storm")  #: what an outbox row may tell


class Subject(msgspec.Struct, frozen=True):
    """The device of an alert, as it was called when the notice was entered."""

    id: str
    name: str = ""
    kind: str = ""
    area: str | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an outbox row says of an alert; its column ``content`` holds this as JSON.

    ``kind`` is the kind of the rule. ``raised_at`` and ``cleared_at`` are the device's time (µs). ``detail`` is what
    the rule has to add. ``late`` marks what a repair of history has found, ``retracted`` what it has taken back;
    ``step`` is that of an escalation. A storm names some of its devices in ``members``, and their number in
    ``member_count``.
    """

    rule: str
    severity: Severity
    device: Subject
    raised_at: int
    kind: str = ""
    title: str = ""
    title_zh: str = ""
    scope: str = ""
    cleared_at: int | None = None
    value: float | None = None
    unit: str | None = None
    detail: Mapping[str, Any] = {}
    late: bool = False
    retracted: bool = False
    step: int = 0
    members: Sequence[str] = ()
    member_count: int = 0


class Notice(msgspec.Struct, frozen=True):
    """One notification. ``sequence`` grows with time, and within an alert always; ``key`` is the same for ever.

    ``entered_at`` is when it was committed, in wall time (µs); ``alert`` the number of its alert.
    """

    sequence: int
    key: str
    action: str
    entered_at: int
    content: Content
    alert: int | None = None


def read_content(raw: Any, entered_at: int) -> Content:
    """The content of an outbox row.

    One that does not fit is not an error, for what stands in the outbox has to go out: it becomes a critical notice
    that says what is wrong with it, with whatever of rule and device can be read.
    """
    raw = raw if isinstance(raw, Mapping) else {}
    device = raw.get("device")
    if isinstance(device, Mapping) and isinstance(device.get("area"), int | float):  # attributes are what people enter
        raw = {**raw, "device": {**device, "area": str(device["area"])}}
    try:
        return msgspec.convert(raw, Content)
    except msgspec.ValidationError as error:
        known = device.get("id", "?") if isinstance(device, Mapping) else "?"
        return Content(
            rule=str(raw.get("rule", "?"))[:200],
            severity="critical",
            device=Subject(str(known)[:200]),
            raised_at=entered_at,
            detail={"unreadable": str(error)},
        )


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
