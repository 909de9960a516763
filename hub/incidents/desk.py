"""What people do with incidents, as the API wants it (``api.ports.incidents.IncidentDesk``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import time_ns
from zoneinfo import ZoneInfo

import msgspec

from devices.instants import to_iso
from devices.read_models import Page
from fleet.incidents.categories import categories
from fleet.incidents.heat import Heat, count
from fleet.incidents.incident import Action, Dossier, Incident, IncidentFilter, Report, Reporter
from hub.areas import Areas
from hub.incidents.photo import look_at
from hub.incidents.settings import IncidentsSection
from store.incidents.records import Incidents


class IncidentDesk:
    """Over the store; ``nudge`` is called when a letter to a department is waiting."""

    def __init__(
        self,
        store: Incidents,
        areas: Areas,
        settings: IncidentsSection,
        *,
        nudge: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        self._store = store
        self._areas = areas
        self._settings = settings
        self._nudge = nudge
        self._clock = clock

    @property
    def max_photo_bytes(self) -> int:
        """How large a photo may be."""
        return self._settings.max_photo_mib * 1024 * 1024

    def departments(self) -> Mapping[str, tuple[str, str]]:
        """Whom incidents can be handed on to: by name, what they are called in Chinese and English."""
        return {one.name: (one.zh or one.name, one.en or one.name) for one in self._settings.departments}

    async def report(self, report: Report, reporter: Reporter) -> tuple[int, bool]:
        """Enter a report; its number, and whether it is new."""
        area = await self._areas.area_at(report.lon, report.lat)
        return await self._store.enter(report, reporter, area, self._clock())

    async def add_photo(self, number: int, actor: str, content: bytes) -> str | None:
        """Keep a photo of an incident; its hash, or None where there is no such incident. Raises ValueError."""
        most = self._settings.max_photo_megapixels * 1_000_000
        photo = await asyncio.to_thread(look_at, content, most_pixels=most)
        return await self._store.add_photo(number, actor, photo)

    async def dossier(self, number: int) -> Dossier | None:
        """An incident with its photos, its log and its letters."""
        return await self._store.dossier(number)

    async def incidents(self, wanted: IncidentFilter, *, cursor: str | None, limit: int) -> Page[Incident]:
        """Incidents, entered last first."""
        return await self._store.incidents(wanted, cursor=cursor, limit=limit)

    async def photo(self, number: int, digest: str) -> tuple[str, bytes] | None:
        """Media type and bytes of a photo."""
        return await self._store.photo(number, digest)

    async def act(self, number: int, actor: str, action: Action, text: str) -> bool:
        """A step that tells nobody outside. Raises IncidentStateError."""
        return await self._store.act(number, actor, action, text)

    async def hand_on(self, number: int, actor: str, department: str, text: str) -> bool:
        """Hand an incident on to another department, which is told by a webhook. Raises IncidentStateError."""
        found = await self._store.dossier(number)
        if found is None:
            return False
        letter = (department, letter_of(found, text))
        done = await self._store.act(number, actor, "handed_on", text, letter=letter)
        self._nudge()
        return done

    async def heat(self, wanted: IncidentFilter, *, cell_m: float, zone: str) -> Heat:
        """Where and how often; hours are of ``zone``, a name that is known to exist."""
        spots = await self._store.spots(wanted)
        return await asyncio.to_thread(count, spots, cell_m=cell_m, zone=ZoneInfo(zone))


def letter_of(dossier: Dossier, text: str) -> bytes:
    """What another department is told of an incident: all but who reported it. The photos are named by their hash."""
    told = dossier.incident
    category = categories().get(told.category)
    return msgspec.json.encode(
        {
            "type": "sanihub.incident",
            "incident": told.id,
            "category": told.category,
            "category_zh": category.zh if category else told.category,
            "category_en": category.en if category else told.category,
            "text": told.text,
            "note": text,
            "place": told.place,
            "lat": told.lat,
            "lon": told.lon,
            "accuracy_m": told.accuracy_m,
            "area": told.area,
            "device": told.device,
            "seen_at": to_iso(told.seen_at),
            "photos": [{"sha256": one.sha256, "media_type": one.media_type} for one in dossier.photos],
        }
    )
