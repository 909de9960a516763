"""The audit's table: entries are added and read, and the database itself refuses to change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg
from psycopg.rows import TupleRow

from devices.access import AuditEntry, AuditNote
from devices.instants import from_datetime
from devices.read_models import Page
from store import cursors
from store.cursors import AuditCursor
from store.reading import ReadSession, Row
from store.writing import WriteSession

_ENTER = """
INSERT INTO audit (actor, action, target, details, outcome)
VALUES (%(actor)s, %(action)s, %(target)s, %(details)s::text::jsonb, %(outcome)s)
"""

_ENTRIES = """
SELECT id, at, actor, action, target, outcome, details
FROM audit
WHERE id < %(before)s
  AND (%(actor)s::text IS NULL OR actor = %(actor)s::text)
  AND (%(action)s::text IS NULL OR action = %(action)s::text)
  AND (%(target)s::text IS NULL OR target = %(target)s::text)
ORDER BY id DESC
LIMIT %(limit)s
"""

MAX_TEXT = 2_000  #: characters of a field that are kept


class Audit:
    """Who did what (``api.ports.access.AuditReader`` and ``hub.commanding.AuditLog``)."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def note(self, note: AuditNote) -> None:
        """Add an entry; committed when this returns. Raises TransientError."""
        async with self._writes.transaction() as connection:
            await enter(connection, note)

    async def entries(
        self, *, actor: str | None, action: str | None, target: str | None, cursor: str | None, limit: int
    ) -> Page[AuditEntry]:
        """Entries, newest first; filters of None let all in."""
        before = cursors.read(cursor, AuditCursor(2**63 - 1))
        chosen = {"actor": actor, "action": action, "target": target}
        rows = await self._reads.rows(_ENTRIES, {**chosen, "before": before.id, "limit": limit + 1})
        return cursors.page(rows, limit, _entry, lambda last: AuditCursor(last.id))


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(row[0], from_datetime(row[1]), *row[2:])


async def enter(connection: psycopg.AsyncConnection[TupleRow], note: AuditNote) -> None:
    """Add an entry within somebody's transaction."""
    values = {
        "actor": _printable(note.actor),
        "action": _printable(note.action),
        "target": _printable(note.target),
        "details": _details(note.details),
        "outcome": _printable(note.outcome),
    }
    await connection.execute(_ENTER, values)


def _printable(text: str) -> str:
    return text[:MAX_TEXT].replace("\0", "␀").encode("utf-8", "replace").decode()


def _details(details: Mapping[str, Any]) -> str:
    """As JSON that the database can hold: it knows no NUL."""
    return msgspec.json.encode(details).decode().replace("\\u0000", "\\ufffd")
