"""Whom reports are about: the devices in service of a kind, with what is known of them."""

from __future__ import annotations

from typing import Any

import msgspec

from store.reading import ReadSession, Row

_DEVICES = """
SELECT d.id, d.key, d.name, d.attributes, s.lat, s.lon
  FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
 WHERE d.kind = %(kind)s AND (%(id)s::text IS NULL OR d.id = %(id)s::text)
   AND (d.status = 'active' OR d.id = %(id)s::text)
 ORDER BY d.id
"""


class Subject(msgspec.Struct, frozen=True):
    """A device; ``place`` is where it was last, or where its attributes say, as (longitude, latitude)."""

    id: str
    key: int
    name: str
    attributes: dict[str, Any]
    place: tuple[float, float] | None


class ReportSubjects:
    """Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def of_kind(self, kind: str, device: str | None = None) -> list[Subject]:
        """The devices in service of a kind, by id; or only the one that is named, whatever became of it."""
        rows = await self._session.rows(_DEVICES, {"kind": kind, "id": device})
        return [_subject(row) for row in rows]


def _subject(row: Row) -> Subject:
    device, key, name, attributes, lat, lon = row
    attributes = attributes or {}
    if lat is None or lon is None:
        lat, lon = attributes.get("lat"), attributes.get("lon")
    known = isinstance(lat, (int, float)) and isinstance(lon, (int, float))
    return Subject(device, key, name or "", attributes, (float(lon), float(lat)) if known else None)
