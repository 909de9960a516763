"""What the API needs for alerts and rules, as protocols. All raise ``TransientError`` while the store is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from alerts.records import AlertCount, AlertEntry, AlertFilter, EnteredSet, LogEntry, Notification, Shelf
from devices.read_models import Page


class AlertReader(Protocol):
    """Alerts, what was told of them, and the shelf."""

    async def alerts(self, wanted: AlertFilter, *, cursor: str | None, limit: int) -> Page[AlertEntry]:
        """Alerts, those raised last first (the device's time)."""

    async def alert(self, alert_id: int) -> tuple[AlertEntry, tuple[LogEntry, ...]] | None:
        """One alert with its log, oldest first, or None."""

    async def notifications(self, alert_id: int) -> tuple[Notification, ...]:
        """What was told of an alert and on which channels, oldest first."""

    async def counts(self, devices: Sequence[str] = ()) -> Mapping[str, AlertCount]:
        """Open alerts by severity, of these devices or of all; those without any are left out."""

    async def shelves(self, *, devices: Sequence[str] = (), ended: bool, cursor: str | None, limit: int) -> Page[Shelf]:
        """What is on the shelf, entered last first; with ``ended`` also what was.

        Of these devices and of rules as a whole, or all of it.
        """

    async def shelf(self, shelf_id: int) -> Shelf | None:
        """One, whether it has ended or not, or None."""


class AlertHandling(Protocol):
    """What people do with alerts, each noted in the audit. False or None: there is no such thing.

    Raises ``AlertStateError`` where the alert is not in a state in which it can be done.
    """

    async def acknowledge(self, alert_id: int, actor: str, comment: str = "") -> bool:
        """Somebody has seen to it."""

    async def close(self, alert_id: int, actor: str, comment: str = "") -> bool:
        """A person's last word on it."""

    async def comment(self, alert_id: int, actor: str, text: str) -> bool:
        """Put a remark beside it."""

    async def snooze(self, alert_id: int, actor: str, until: int) -> bool:
        """Let it ring no more until then (µs)."""

    async def shelve(self, rule: str | None, device: str | None, until: int, reason: str, actor: str) -> int | None:
        """Let a rule, a device, or one on the other ring no bell until then (µs); the number of the shelf."""

    async def unshelve(self, shelf: int, actor: str) -> bool:
        """End a shelving before its time."""


class RuleKeeper(Protocol):
    """Sets of rules, every one that ever was in force."""

    async def newest(self) -> EnteredSet | None:
        """The set that was entered last; None before there is any."""

    async def page(self, *, cursor: str | None, limit: int) -> Page[EnteredSet]:
        """Sets, the newest first."""

    async def enter(self, text: str, actor: str, comment: str = "", *, expected: int | None = None) -> EnteredSet:
        """Enter a set that was found to be sound.

        Raises ``StaleVersionError`` where ``expected`` is given and is not the newest.
        """
