"""Sets of alert rules: every one that ever was in force, as text."""

from __future__ import annotations

import msgspec

from devices.instants import from_datetime
from store.readers_session import ReadSession
from store.writers_session import WriteSession

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
VALUES (now() + make_interval(secs => %(delay)s), %(actor)s, %(comment)s, %(text)s) RETURNING version
"""
_LOCK = "SELECT pg_advisory_xact_lock(1514230098)"


class EnteredSet(msgspec.Struct, frozen=True):
    """A set of rules as it was entered; it judges moments from ``since`` on (µs)."""

    version: int
    since: int
    entered_at: int
    entered_by: str
    comment: str
    text: str


class RuleSets:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def all(self) -> list[EnteredSet]:
        """Every set, by version."""
        rows = await self._reads.rows(_ALL)
        return [EnteredSet(row[0], from_datetime(row[1]), from_datetime(row[2]), *row[3:]) for row in rows]

    async def enter_first(self, text: str, actor: str, comment: str) -> None:
        """Enter the first set; nothing where there is one."""
        async with self._writes.transaction() as connection:
            await connection.execute(_LOCK)  # of several hubs that start, one enters it
            await connection.execute(_FIRST, {"actor": actor, "comment": comment, "text": text})

    async def enter(self, text: str, actor: str, comment: str = "") -> int:
        """Enter a set that is in force some seconds from now; its version. The text was found to be sound."""
        values = {"delay": DELAY_S, "actor": actor, "comment": comment, "text": text}
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(_ENTER, values)).fetchone()
        assert row is not None
        version: int = row[0]
        return version
