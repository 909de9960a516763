"""Schemes of evaluation: every version that ever was in force, as text."""

from __future__ import annotations

from devices.access import AuditNote
from devices.instants import from_datetime, to_datetime
from fleet.evaluation.records import EnteredScheme, EvaluationStateError
from store.access import audit
from store.reading import ReadSession, Row
from store.writing import WriteSession

_LOCK = "SELECT pg_advisory_xact_lock(1514230109)"
_NEWEST = "SELECT max(version) FROM evaluation_schemes WHERE id = %(id)s"
_ENTER = """
INSERT INTO evaluation_schemes (id, version, since, entered_by, comment, content)
VALUES (%(id)s, %(version)s, %(since)s, %(actor)s, %(comment)s, %(text)s)
RETURNING id, version, since, entered_at, entered_by, comment, content
"""
_VERSIONS = """
SELECT id, version, since, entered_at, entered_by, comment, content FROM evaluation_schemes
 WHERE (%(id)s::text IS NULL OR id = %(id)s::text) ORDER BY id, version DESC LIMIT 10000
"""
_VERSION = """
SELECT id, version, since, entered_at, entered_by, comment, content FROM evaluation_schemes
 WHERE id = %(id)s AND version = %(version)s
"""
_IN_FORCE = """
SELECT id, version, since, entered_at, entered_by, comment, content FROM evaluation_schemes
 WHERE id = %(id)s AND since <= %(at)s ORDER BY since DESC, version DESC LIMIT 1
"""


class EvaluationSchemes:
    """Raises TransientError while the store is away. Ready-made schemes are not kept here."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def versions(self, scheme: str | None = None) -> tuple[EnteredScheme, ...]:
        """Every version of a scheme, or of all; by id, the newest first."""
        return tuple(_entered(row) for row in await self._reads.rows(_VERSIONS, {"id": scheme}))

    async def version(self, scheme: str, version: int) -> EnteredScheme | None:
        """One version, or None."""
        rows = await self._reads.rows(_VERSION, {"id": scheme, "version": version})
        return _entered(rows[0]) if rows else None

    async def in_force(self, scheme: str, at: int) -> EnteredScheme | None:
        """The version that judges a period which begins at ``at`` (µs); None where none was entered for it."""
        rows = await self._reads.rows(_IN_FORCE, {"id": scheme, "at": to_datetime(at)})
        return _entered(rows[0]) if rows else None

    async def enter(
        self, scheme: str, text: str, actor: str, since: int, comment: str = "", *, expected: int | None = None
    ) -> EnteredScheme:
        """Enter a version that was found to be sound, with an entry in the audit.

        Raises EvaluationStateError where ``expected`` is given and is not the newest (0: none was entered).
        """
        async with self._writes.transaction() as connection:
            await connection.execute(_LOCK)  # of two that were based on the same version, one is entered
            row = await (await connection.execute(_NEWEST, {"id": scheme})).fetchone()
            newest = (row[0] if row else None) or 0
            if expected is not None and expected != newest:
                raise EvaluationStateError(f"the newest version of the scheme is {newest}, and not {expected}")
            values = {"id": scheme, "version": newest + 1, "since": to_datetime(since), "text": text}
            entered = await (
                await connection.execute(_ENTER, {**values, "actor": actor, "comment": comment})
            ).fetchone()
            assert entered is not None
            note = {"version": newest + 1, "comment": comment}
            await audit.enter(connection, AuditNote(actor, "evaluation.scheme", f"scheme:{scheme}", "done", note))
        return _entered(entered)


def _entered(row: Row) -> EnteredScheme:
    return EnteredScheme(row[0], row[1], from_datetime(row[2]), from_datetime(row[3]), *row[4:])
