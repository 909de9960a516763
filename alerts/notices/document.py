"""A message as JSON, for machines. Its form is a promise: ``version`` grows when a field changes its meaning."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.notices import wording
from alerts.notices.notice import Message, Notice
from devices import instants

VERSION = 1


def document(message: Message) -> bytes:
    """The message as a JSON object; the same bytes for the same message."""
    return msgspec.json.encode(
        {
            "version": VERSION,
            "id": message.id,
            "channel": message.channel,
            "severity": message.severity,
            "text": {"en": wording.headline(message, "en"), "zh": wording.headline(message, "zh")},
            "notifications": [_entry(notice) for notice in message.notices],
        }
    )


def _entry(notice: Notice) -> dict[str, Any]:
    content = notice.content
    alert = msgspec.to_builtins(content)
    for field in ("raised_at", "cleared_at"):
        instant = getattr(content, field)
        alert[field] = None if instant is None else _iso(instant)
    return {
        "key": notice.key,
        "sequence": notice.sequence,
        "action": notice.action,
        "entered_at": _iso(notice.entered_at),
        "text": {"en": wording.line(notice, "en"), "zh": wording.line(notice, "zh")},
        "alert": {"id": notice.alert, **alert},
    }


def _iso(instant: int) -> str | int:
    try:
        return instants.to_iso(instant)
    except OverflowError:
        return instant
