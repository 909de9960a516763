"""What the API needs for incidents, as a protocol. Everything raises ``TransientError`` while the store is away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from devices.read_models import Page
from fleet.incidents.heat import Heat
from fleet.incidents.incident import Action, Dossier, Incident, IncidentFilter, Report, Reporter


class IncidentDesk(Protocol):
    """Incidents, and what people do with them; each step is noted in the log and in the audit."""

    @property
    def max_photo_bytes(self) -> int:
        """How large a photo may be."""

    def departments(self) -> Mapping[str, tuple[str, str]]:
        """Whom incidents can be handed on to: by name, what they are called in Chinese and English."""

    async def report(self, report: Report, reporter: Reporter) -> tuple[int, bool]:
        """Enter a report; its number, and whether it is new.

        Raises ``RejectedError`` where its reference is somebody else's.
        """

    async def add_photo(self, number: int, actor: str, content: bytes) -> str | None:
        """Keep a photo; its SHA-256 in hexadecimal, or None where there is no such incident.

        Raises ValueError for what is no photo, ``RejectedError`` for one too many.
        """

    async def dossier(self, number: int) -> Dossier | None:
        """An incident with all that belongs to it, or None."""

    async def incidents(self, wanted: IncidentFilter, *, cursor: str | None, limit: int) -> Page[Incident]:
        """Incidents, entered last first."""

    async def photo(self, number: int, digest: str) -> tuple[str, bytes] | None:
        """Media type and bytes of a photo, or None."""

    async def act(self, number: int, actor: str, action: Action, text: str) -> bool:
        """A step of its life; False where there is no such incident. Raises ``IncidentStateError``."""

    async def hand_on(self, number: int, actor: str, department: str, text: str) -> bool:
        """Hand it on to one of :meth:`departments`; False where there is no such incident.

        Raises ``IncidentStateError``.
        """

    async def heat(self, wanted: IncidentFilter, *, cell_m: float, zone: str) -> Heat:
        """Where and how often, in cells of ``cell_m`` metres; hours are of ``zone``."""
