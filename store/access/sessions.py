"""The table of sessions. Of a token only its hash is here."""

from __future__ import annotations

from devices.access import AuditNote
from devices.instants import from_datetime, to_datetime
from devices.people import Person, Session
from store.access import audit
from store.access.people import COLUMNS, person_of
from store.reading import Row, micros_or_none
from store.writing import WriteSession

MOST_OF_ONE = 20  #: sessions of a person that are open at once; the oldest end

# A session is no longer than twelve hours; two days are for those who ask what was.
_FORGET = "DELETE FROM sessions WHERE created_at < %s::timestamptz - interval '2 days'"
_OPEN = """
WITH seen AS (UPDATE people SET signed_in_at = %(at)s WHERE id = %(person)s AND active RETURNING id)
INSERT INTO sessions (hash, person_id, created_at, seen_at) SELECT %(hash)s, id, %(at)s, %(at)s FROM seen
"""
_CROWDED = """
UPDATE sessions SET ended_at = %(at)s WHERE id IN (
    SELECT id FROM sessions WHERE person_id = %(person)s AND ended_at IS NULL ORDER BY id DESC OFFSET %(most)s)
"""
_FIND = f"""
SELECT s.id, s.created_at, s.seen_at, s.ended_at, w.content ->> 'device', {COLUMNS}
  FROM sessions s JOIN people p ON p.id = s.person_id LEFT JOIN workers w ON w.id = p.worker
 WHERE s.hash = %s
"""  # noqa: S608 - constants only
_SEEN = "UPDATE sessions SET seen_at = greatest(seen_at, %(at)s) WHERE id = %(id)s AND ended_at IS NULL"
_END = """
UPDATE sessions s SET ended_at = clock_timestamp() FROM people p
 WHERE s.id = %s AND s.ended_at IS NULL AND p.id = s.person_id RETURNING p.name
"""


class SessionTable:
    """Sessions (``api.ports.people.SessionKeeper``). Raises TransientError while the store is away."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def open_session(self, person: Person, digest: bytes, at: int) -> Session | None:
        """Begin a session at ``at`` (µs), known by the SHA-256 of its token; None for one disabled meanwhile."""
        values = {"person": person.id, "hash": digest, "at": to_datetime(at), "most": MOST_OF_ONE}
        async with self._session.transaction() as connection:
            await connection.execute(_FORGET, (values["at"],))
            await connection.execute(_OPEN, values)
            await connection.execute(_CROWDED, values)
            row = await (await connection.execute(_FIND, (digest,))).fetchone()
            if row is None:
                return None
            note = AuditNote(person.actor, "session.begin", f"person:{person.name}", "done")
            await audit.enter(connection, note)
        return _session(row)

    async def session(self, digest: bytes) -> Session | None:
        """The session with this hash, usable or not."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_FIND, (digest,))).fetchone()
        return None if row is None else _session(row)

    async def seen(self, session: int, at: int) -> None:
        """Note that a session was used."""
        async with self._session.transaction() as connection:
            await connection.execute(_SEEN, {"id": session, "at": to_datetime(at)})

    async def end_session(self, session: int, *, actor: str) -> bool:
        """End one; whether it was open."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_END, (session,))).fetchone()
            if row is None:
                return False
            await audit.enter(connection, AuditNote(actor, "session.end", f"person:{row[0]}", "done"))
        return True


def _session(row: Row) -> Session:
    number, created_at, seen_at, ended_at, device, *person = row
    return Session(
        id=number,
        person=person_of(tuple(person)),
        device=device,
        created_at=from_datetime(created_at),
        seen_at=from_datetime(seen_at),
        ended_at=micros_or_none(ended_at),
    )
