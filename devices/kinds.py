"""Kinds of device, and the guess of a kind for a device that announces itself."""

from __future__ import annotations

import re

KINDS: tuple[str, ...] = ("vehicle", "bin", "toilet", "worker", "station", "gateway", "unknown")
"""``station`` is a transfer or compaction station; ``gateway`` carries the messages of others."""

STATUSES: tuple[str, ...] = ("active", "pending", "blocked", "retired")
"""``pending``: announced itself and awaits a person's word; ``blocked`` and ``retired`` devices are quarantined."""

DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")
"""The form of a readable device id: 1 to 64 letters, digits, dot, underscore, colon, hyphen; no leading sign."""


def guess_kind(device_id: str, hint: str | None = None) -> str:
    """The kind that a message hints at, else the one that the id starts with (``bin-0042``), else ``unknown``."""
    if hint in KINDS:
        return hint
    prefix = re.split(r"[-_.:0-9]", device_id, maxsplit=1)[0].lower()
    return prefix if prefix in KINDS else "unknown"
