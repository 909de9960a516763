"""Incidents: entered once, with their photos, each step with its line in the log and its note in the audit."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, LiteralString
from uuid import uuid4

import msgspec

from devices.errors import RejectedError
from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from fleet.incidents.heat import Spot
from fleet.incidents.incident import (
    Action,
    Dossier,
    Incident,
    IncidentFilter,
    Letter,
    LogLine,
    Photo,
    Report,
    Reporter,
    believed,
    check,
)
from store import cursors
from store.cursors import RecordCursor
from store.incidents.steps import LOCK, log, move
from store.reading import ReadSession, Row, micros_or_none
from store.writing import WriteSession

MOST_PHOTOS = 12  #: of one incident
MOST_COUNTED = 200_000  #: incidents of one count over the map

_COLUMNS: LiteralString = (
    "i.id, i.reference, i.category, i.state, i.text, i.lat, i.lon, i.accuracy_m, i.place, i.area, i.device_id,"
    " i.seen_at, i.claimed_at, i.entered_at, i.entered_by, i.reporter, i.worker, i.department, i.work_order,"
    " i.changed_at, (SELECT count(*) FROM incident_photos p WHERE p.incident_id = i.id)"
)
_ENTER = """
INSERT INTO incidents (reference, category, text, lat, lon, accuracy_m, place, area, device_id, seen_at, claimed_at,
                       entered_at, entered_by, reporter, worker)
VALUES (%(reference)s, %(category)s, %(text)s, %(lat)s, %(lon)s, %(accuracy_m)s, %(place)s, %(area)s, %(device)s,
        %(seen_at)s, %(claimed_at)s, %(now)s, %(actor)s, %(name)s, %(worker)s)
ON CONFLICT (reference) DO NOTHING RETURNING id
"""
_NAMED = "SELECT id, entered_by FROM incidents WHERE reference = %(reference)s"
_ONE = f"SELECT {_COLUMNS} FROM incidents i WHERE i.id = %(id)s"  # noqa: S608 - constants only
_CHOSEN: LiteralString = """
   (cardinality(%(states)s::text[]) = 0 OR i.state = ANY (%(states)s::text[]))
   AND (cardinality(%(categories)s::text[]) = 0 OR i.category = ANY (%(categories)s::text[]))
   AND (cardinality(%(areas)s::text[]) = 0 OR i.area = ANY (%(areas)s::text[]))
   AND i.seen_at >= coalesce(%(start)s::timestamptz, '-infinity')
   AND i.seen_at < coalesce(%(end)s::timestamptz, 'infinity')
   AND (%(west)s::float8 IS NULL OR i.lon BETWEEN %(west)s::float8 AND %(east)s::float8
        AND i.lat BETWEEN %(south)s::float8 AND %(north)s::float8)
   AND (%(entered_by)s::text IS NULL OR i.entered_by = %(entered_by)s::text)
"""
_PAGE = (
    f"SELECT {_COLUMNS} FROM incidents i WHERE {_CHOSEN}"  # noqa: S608 - constants only
    " AND i.id < %(before)s ORDER BY i.id DESC LIMIT %(limit)s"
)
_SPOTS = (
    f"SELECT i.lat, i.lon, i.seen_at, i.category, i.area FROM incidents i WHERE {_CHOSEN}"  # noqa: S608
    " AND i.state <> 'rejected' ORDER BY i.id DESC LIMIT %(limit)s"
)
_PHOTOS = """
SELECT encode(sha256, 'hex'), media_type, width, height, length(content), taken_at, entered_at, entered_by
  FROM incident_photos WHERE incident_id = %(id)s ORDER BY entered_at, sha256
"""
_LOG = "SELECT at, actor, action, text, detail FROM incident_log WHERE incident_id = %(id)s ORDER BY id"
_LETTERS = """
SELECT id::text, department, entered_at, attempts, delivered_at, given_up_at, answer
  FROM incident_letters WHERE incident_id = %(id)s ORDER BY entered_at, id
"""
_CONTENT = """
SELECT media_type, content FROM incident_photos WHERE incident_id = %(id)s AND sha256 = decode(%(sha256)s, 'hex')
"""
_ADD_PHOTO = """
INSERT INTO incident_photos (incident_id, sha256, media_type, width, height, taken_at, entered_by, content)
VALUES (%(id)s, %(sha256)s, %(media_type)s, %(width)s, %(height)s, %(taken_at)s, %(actor)s, %(content)s)
ON CONFLICT (incident_id, sha256) DO NOTHING RETURNING incident_id
"""
_LETTER = """
INSERT INTO incident_letters (id, incident_id, department, content)
VALUES (%(letter)s, %(id)s, %(department)s, %(content)s::text::jsonb)
"""


class PhotoFile(msgspec.Struct, frozen=True):
    """A photo that was looked at, as it came. ``taken_at`` is what the camera wrote into it."""

    content: bytes
    media_type: str
    width: int
    height: int
    taken_at: str | None = None


class Incidents:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def enter(self, report: Report, reporter: Reporter, area: str | None, now: int) -> tuple[int, bool]:
        """Enter a report; its number, and whether it is new. ``now`` is the time of reception (µs).

        Raises RejectedError where somebody else has used the reference.
        """
        seen_at, claimed = believed(report.claimed_at, now)
        values = {
            **msgspec.structs.asdict(report),
            **msgspec.structs.asdict(reporter),
            "area": area,
            "seen_at": to_datetime(seen_at),
            "claimed_at": None if claimed is None else to_datetime(claimed),
            "now": to_datetime(now),
        }
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(_ENTER, values)).fetchone()
            if row is None:
                known = await (await connection.execute(_NAMED, values)).fetchone()
                assert known is not None
                if known[1] != reporter.actor:
                    raise RejectedError("reference: is in use; expected one that nobody has used")
                return int(known[0]), False
            await log(connection, row[0], reporter.actor, "reported", report.text, {"category": report.category})
            return int(row[0]), True

    async def dossier(self, number: int) -> Dossier | None:
        """An incident with all that belongs to it, or None."""
        named = {"id": number}
        rows = await self._reads.rows(_ONE, named)
        if not rows:
            return None
        photos, lines = await self._reads.rows(_PHOTOS, named), await self._reads.rows(_LOG, named)
        letters = await self._reads.rows(_LETTERS, named)
        return Dossier(
            _incident(rows[0]),
            tuple(Photo(*(*row[:6], from_datetime(row[6]), row[7])) for row in photos),
            tuple(LogLine(from_datetime(row[0]), *row[1:]) for row in lines),
            tuple(_letter(row) for row in letters),
        )

    async def incidents(self, wanted: IncidentFilter, *, cursor: str | None, limit: int) -> Page[Incident]:
        """Incidents, entered last first."""
        before = cursors.read(cursor, RecordCursor(2**63 - 1))
        rows = await self._reads.rows(_PAGE, {**_params(wanted), "before": before.id, "limit": limit + 1})
        items = tuple(_incident(row) for row in rows[:limit])
        return Page(items, cursors.write(RecordCursor(items[-1].id)) if len(rows) > limit else None)

    async def spots(self, wanted: IncidentFilter) -> tuple[Spot, ...]:
        """What is to be counted; rejected ones are not. The last ones, where there are more than can be counted."""
        rows = await self._reads.rows(_SPOTS, {**_params(wanted), "limit": MOST_COUNTED})
        return tuple(Spot(row[0], row[1], from_datetime(row[2]), row[3], row[4]) for row in rows)

    async def photo(self, number: int, digest: str) -> tuple[str, bytes] | None:
        """Media type and bytes of a photo by its SHA-256 in hexadecimal, or None."""
        rows = await self._reads.rows(_CONTENT, {"id": number, "sha256": digest}, binary=True)
        return (rows[0][0], bytes(rows[0][1])) if rows else None

    async def add_photo(self, number: int, actor: str, photo: PhotoFile) -> str | None:
        """Keep a photo; its SHA-256 in hexadecimal. The same one twice is one. None: no such incident.

        Raises RejectedError for one too many.
        """
        digest = sha256(photo.content).digest()
        values = {**msgspec.structs.asdict(photo), "id": number, "actor": actor, "sha256": digest}
        async with self._writes.transaction() as connection:
            if await (await connection.execute(LOCK, values)).fetchone() is None:
                return None
            there = await (await connection.execute(_PHOTOS, values)).fetchall()
            if digest.hex() in {row[0] for row in there}:
                return digest.hex()
            if len(there) >= MOST_PHOTOS:
                raise RejectedError(f"an incident has up to {MOST_PHOTOS} photos")
            await connection.execute(_ADD_PHOTO, values)
            await log(connection, number, actor, "photo", "", {"sha256": digest.hex()})
            return digest.hex()

    async def act(
        self, number: int, actor: str, action: Action, text: str = "", *, letter: tuple[str, bytes] | None = None
    ) -> bool:
        """A step of its life; False: no such incident. ``letter``: to which department, and what it is told.

        Raises IncidentStateError where it is not in a state for that.
        """
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(LOCK, {"id": number})).fetchone()
            if row is None:
                return False
            check(action, row[0], number)
            department = letter[0] if letter else None
            await move(connection, number, None if action == "commented" else action, department=department)
            if letter is not None:
                told = {"letter": uuid4(), "id": number, "department": letter[0], "content": letter[1].decode()}
                await connection.execute(_LETTER, told)
            await log(connection, number, actor, action, text, {"department": department} if department else {})
            return True


def _params(wanted: IncidentFilter) -> dict[str, Any]:
    west, south, east, north = wanted.bbox or (None, None, None, None)
    return {
        "states": list(wanted.states),
        "categories": list(wanted.categories),
        "areas": list(wanted.areas),
        "start": None if wanted.start is None else to_datetime(wanted.start),
        "end": None if wanted.end is None else to_datetime(wanted.end),
        **{"west": west, "south": south, "east": east, "north": north},
        "entered_by": wanted.entered_by,
    }


def _incident(row: Row) -> Incident:
    seen, claimed, entered = from_datetime(row[11]), micros_or_none(row[12]), from_datetime(row[13])
    return Incident(*(*row[:11], seen, claimed, entered, *row[14:19], from_datetime(row[19]), row[20]))


def _letter(row: Row) -> Letter:
    number, department, entered, attempts, delivered, given_up, answer = row
    ended = (micros_or_none(delivered), micros_or_none(given_up))
    return Letter(number, department, from_datetime(entered), attempts, *ended, answer)
