"""An order in words, for a driver's display, and as a document, for a device that can read."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from devices.instants import to_datetime, to_iso
from store.orders.steward import ToSend

MOST_TEXT = 300  #: characters; a JT/T 808 text has 1,023 bytes of GBK
KINDS: Mapping[str, tuple[str, str]] = {
    "collect": ("清运", "Collect"),
    "tip": ("倾倒", "Tip"),
    "clean": ("清洁", "Clean"),
    "repair": ("维修", "Repair"),
    "inspect": ("检查", "Inspect"),
    "clear": ("清理", "Clear"),
    "other": ("任务", "Order"),
}
"""What is to be done, in Chinese and English."""


def text_of(order: ToSend, language: str, zone: str) -> str:
    """One line that fits a display."""
    clock = to_datetime(order.end).astimezone(ZoneInfo(zone)).strftime("%H:%M")
    zh, en = KINDS.get(order.kind, KINDS["other"])
    what, where = order.title or (zh if language == "zh" else en), order.place or order.device or ""
    if language == "zh":
        said = f"【{zh}】{what} {where} {clock}前完成"
    else:
        said = f"[{en}] {what} {where} by {clock}"
    return " ".join(f"{said} {order.note}".split())[:MOST_TEXT]


def document_of(order: ToSend) -> bytes:
    """As JSON; a device answers with an event ``order_accepted`` or ``order_done`` that has the ``order`` in it."""
    return msgspec.json.encode(
        {
            "type": "sanihub.order",
            "order": order.id,
            "kind": order.kind,
            "title": order.title,
            "note": order.note,
            "place": order.place,
            "device": order.device,
            "start": to_iso(order.start),
            "end": to_iso(order.end),
            "lat": order.lat,
            "lon": order.lon,
        }
    )
