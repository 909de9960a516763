"""Who may come in, and who did what."""

from __future__ import annotations

from typing import Protocol

from devices.access import AuditEntry, KeyEntry
from devices.read_models import Page


class KeyRing(Protocol):
    """API keys. Raises ``TransientError`` while the store is away."""

    async def find(self, prefix: str) -> KeyEntry | None:
        """The key with this prefix, usable or not; None when there is none."""

    async def used(self, key_id: int) -> None:
        """Note that a key was used."""


class AuditReader(Protocol):
    """Who did what."""

    async def entries(
        self, *, actor: str | None, action: str | None, target: str | None, cursor: str | None, limit: int
    ) -> Page[AuditEntry]:
        """Entries, newest first; filters of None let all in."""
