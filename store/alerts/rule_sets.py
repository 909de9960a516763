"""Sets of alert rules: every one that ever was in force, as text."""

from __future__ import annotations

from alerts.records import EnteredSet, StaleVersionError
from devices.access import AuditNote
from devices.instants import from_datetime
from devices.read_models import Page
from store import cursors
from store.access import audit
from store.cursors import RuleSetCursor
from store.reading import ReadSession, Row
from store.writing import WriteSession

DELAY_S = 5  #: before a set is in force, so that every hub has learnt of it by then

_ALL = "SELECT version, since, entered_at, entered_by, comment, content FROM rule_sets ORDER BY version"

# The first set judges all that there is, unless telemetry was stored before there were any rules.
_FIRST = """
INSERT INTO rule_sets (since, entered_by, comment, content)
SELECT CASE WHEN EXISTS (SELECT FROM device_state) THEN now() ELSE '1970-01-01Z' END, %(actor)s, %(comment)s, %(text)s
 WHERE NOT EXISTS (SELECT FROM rule_sets)
"""
_ENTER = """
INSERT INTO rule_sets (since, entered_by, comment, content)
VALUES (now() + make_interval(secs => %(delay)s), %(actor)s, %(comment)s, %(text)s)
RETURNING version, since, entered_at, entered_by, comment, content
"""
_PAGE = """
SELECT version, since, entered_at, entered_by, comment, content FROM rule_sets
 WHERE version < %(before)s ORDER BY version DESC LIMIT %(limit)s
"""
_NEWEST = "SELECT max(version) FROM rule_sets"
_LOCK = "SELECT pg_advisory_xact_lock(1514230098)"


class RuleSets:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def all(self) -> list[EnteredSet]:
        """Every set, by version."""
        rows = await self._reads.rows(_ALL)
        return [_entered(row) for row in rows]

    async def enter_first(self, text: str, actor: str, comment: str) -> None:
        """Enter the first set; nothing where there is one."""
        async with self._writes.transaction() as connection:
            await connection.execute(_LOCK)  # of several hubs that start, one enters it
            await connection.execute(_FIRST, {"actor": actor, "comment": comment, "text": text})

    async def newest(self) -> EnteredSet | None:
        """The set that was entered last; None before there is any."""
        rows = await self._reads.rows(_PAGE, {"before": 2**31 - 1, "limit": 1})
        return _entered(rows[0]) if rows else None

    async def page(self, *, cursor: str | None, limit: int) -> Page[EnteredSet]:
        """Sets, the newest first."""
        before = cursors.read(cursor, RuleSetCursor(2**31 - 1))
        rows = await self._reads.rows(_PAGE, {"before": before.version, "limit": limit + 1})
        return cursors.page(rows, limit, _entered, lambda last: RuleSetCursor(last.version))

    async def enter(self, text: str, actor: str, comment: str = "", *, expected: int | None = None) -> EnteredSet:
        """Enter a set that is in force some seconds from now, with an entry in the audit.

        The text was found to be sound. Raises StaleVersionError where ``expected`` is given and is not the newest.
        """
        values = {"delay": DELAY_S, "actor": actor, "comment": comment, "text": text}
        async with self._writes.transaction() as connection:
            await connection.execute(_LOCK)  # of two that were based on the same version, one is entered
            newest = await (await connection.execute(_NEWEST)).fetchone()
            before = None if newest is None else newest[0]
            if expected is not None and expected != before:
                raise StaleVersionError(f"the newest set of rules is version {before}, and not {expected}")
            row = await (await connection.execute(_ENTER, values)).fetchone()
            assert row is not None
            details = {"comment": comment, "before": before}
            await audit.enter(connection, AuditNote(actor, "rules.enter", f"rules:{row[0]}", "done", details))
        return _entered(row)


def _entered(row: Row) -> EnteredSet:
    return EnteredSet(row[0], from_datetime(row[1]), from_datetime(row[2]), *row[3:])
