"""Events as bytes (WHATWG HTML, 9.2: server-sent events). JSON has no line breaks, so an event's data is one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from api.live.place import Place
from api.live.ring import Item
from devices.instants import to_iso

Json = dict[str, Any]
_TIMES = (
    "at", "raised_at", "cleared_at", "planned_start", "planned_end", "changed_at", "entered_at", "sent_at",
    "accepted_at", "done_at", "seen_at", "claimed_at",
)  # fmt: skip


def body(type_: str, data: Mapping[str, Any]) -> bytes:
    """An event but for its id: what all who are told it have in common."""
    return b"event: %b\ndata: %b\n\n" % (type_.encode(), msgspec.json.encode(data))


def numbered(place: Place) -> bytes:
    """The line before a :func:`body` that takes its reader to ``place``."""
    return b"id: %b\n" % str(place).encode()


def heartbeat(place: Place) -> bytes:
    """A comment, with an id of its own: no event, but who reconnects later comes back to here."""
    return b": still here\nid: %b\n\n" % str(place).encode()


def told(items: Sequence[Item]) -> list[Json]:
    """Alerts, orders or incidents as JSON."""
    return [_with_times(item) for item in items]


def _with_times(item: Item) -> Json:
    fields = msgspec.structs.asdict(item)
    for name in _TIMES:
        if fields.get(name) is not None:
            fields[name] = to_iso(fields[name])
    return fields
