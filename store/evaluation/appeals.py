"""Appeals against points that were lost, and the corrections that come of them; every step is in the audit too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

import msgspec
import psycopg

from devices.access import AuditNote
from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from fleet.evaluation.records import Appeal, AppealState, Contested, EvaluationStateError
from fleet.evaluation.result import Correction
from store import cursors
from store.access import audit
from store.cursors import RecordCursor
from store.reading import ReadSession, Row, micros_or_none
from store.writing import WriteSession

_COLUMNS: LiteralString = (
    "id, subject, name, scheme, version, item, deduction, points, start_at, end_at, en, zh, reason,"
    " entered_at, entered_by, state, remaining, decided_at, decided_by, decision"
)
_ENTER = f"""
INSERT INTO appeals (subject, name, scheme, version, item, deduction, points, start_at, end_at, en, zh, reason,
                     entered_by)
VALUES (%(subject)s, %(name)s, %(scheme)s, %(version)s, %(item)s, %(deduction)s, %(points)s, %(start)s, %(end)s,
        %(en)s, %(zh)s, %(reason)s, %(actor)s)
ON CONFLICT (subject, name, deduction) WHERE state = 'open' DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
_LOCK = f"SELECT {_COLUMNS} FROM appeals WHERE id = %(id)s FOR UPDATE"  # noqa: S608 - constants only
_DECIDE = f"""
UPDATE appeals SET state = %(state)s, remaining = %(remaining)s, decided_at = now(), decided_by = %(actor)s,
       decision = %(decision)s
 WHERE id = %(id)s RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
_PAGE = f"""
SELECT {_COLUMNS} FROM appeals
 WHERE (%(state)s::text IS NULL OR state = %(state)s::text)
   AND (%(worker)s::text IS NULL OR (subject, name) = ('worker', %(worker)s::text))
   AND (%(crew)s::text IS NULL OR (subject, name) = ('crew', %(crew)s::text))
   AND (%(id)s::bigint IS NULL OR id = %(id)s::bigint) AND id < %(before)s
 ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608 - constants only
_ACCEPTED = f"""
SELECT {_COLUMNS} FROM appeals
 WHERE state = 'accepted' AND end_at >= %(start)s AND start_at < %(end)s
   AND (subject = 'worker' AND name = ANY (%(workers)s::text[])
        OR subject = 'crew' AND name = ANY (%(crews)s::text[]))
 ORDER BY id
"""  # noqa: S608 - constants only


class EvaluationAppeals:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def enter(self, about: Contested, reason: str, actor: str) -> Appeal:
        """Make an appeal. Raises EvaluationStateError while another one about the same deduction is open."""
        values = {**msgspec.structs.asdict(about), "reason": reason, "actor": actor}
        values |= {"start": to_datetime(about.start), "end": to_datetime(about.end)}
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(_ENTER, values)).fetchone()
            if row is None:
                raise EvaluationStateError(f"an appeal about {about.deduction} is open already")
            told = {"deduction": about.deduction, "reason": reason, about.subject: about.name}
            await audit.enter(connection, AuditNote(actor, "evaluation.appeal", f"appeal:{row[0]}", "done", told))
            return _appeal(row)

    async def decide(self, number: int, actor: str, accepted: bool, remaining: float, decision: str) -> Appeal | None:
        """Accept an appeal, so that the deduction costs ``remaining`` points of the scheme, or reject it.

        None: there is none. Raises EvaluationStateError for one that is decided, and for more points than were lost.
        """
        async with self._writes.transaction() as connection:
            found = await (await connection.execute(_LOCK, {"id": number})).fetchone()
            if found is None:
                return None
            appeal = _appeal(found)
            if appeal.state != "open":
                raise EvaluationStateError(f"appeal {number} is {appeal.state} already")
            if accepted and remaining >= appeal.about.points:
                raise EvaluationStateError(f"points: expected less than the {appeal.about.points:g} that were lost")
            row = await self._decided(connection, appeal, actor, accepted, remaining, decision)
            return _appeal(row)

    async def page(
        self,
        *,
        state: AppealState | None = None,
        worker: str | None = None,
        crew: str | None = None,
        cursor: str | None,
        limit: int,
    ) -> Page[Appeal]:
        """Appeals, made last first."""
        before = cursors.read(cursor, RecordCursor(2**63 - 1))
        chosen = {"state": state, "worker": worker, "crew": crew, "id": None}
        rows = await self._reads.rows(_PAGE, {**chosen, "before": before.id, "limit": limit + 1})
        following = cursors.write(RecordCursor(rows[limit - 1][0])) if len(rows) > limit else None
        return Page(tuple(_appeal(row) for row in rows[:limit]), following)

    async def appeal(self, number: int) -> Appeal | None:
        """One, or None."""
        chosen = {"state": None, "worker": None, "crew": None, "id": number}
        rows = await self._reads.rows(_PAGE, {**chosen, "before": 2**63 - 1, "limit": 1})
        return _appeal(rows[0]) if rows else None

    async def corrections(
        self, workers: Sequence[str], crews: Sequence[str], start: int, end: int
    ) -> tuple[Correction, ...]:
        """The corrections about anything of these workers and crews within ``[start, end)``."""
        values = {"workers": list(workers), "crews": list(crews)}
        span = {"start": to_datetime(start), "end": to_datetime(end)}
        made = (_appeal(row).correction() for row in await self._reads.rows(_ACCEPTED, {**values, **span}))
        return tuple(one for one in made if one is not None)

    async def _decided(
        self,
        connection: psycopg.AsyncConnection[Row],
        appeal: Appeal,
        actor: str,
        accepted: bool,
        remaining: float,
        decision: str,
    ) -> Row:
        values = {
            "id": appeal.id,
            "state": "accepted" if accepted else "rejected",
            "remaining": remaining if accepted else appeal.about.points,
            "actor": actor,
            "decision": decision,
        }
        row = await (await connection.execute(_DECIDE, values)).fetchone()
        assert row is not None
        told = {"accepted": accepted, "remaining": values["remaining"], "reason": decision}
        await audit.enter(connection, AuditNote(actor, "evaluation.decide", f"appeal:{appeal.id}", "done", told))
        return row


def _appeal(row: Row) -> Appeal:
    subject, name, scheme, version, item, deduction, points, start, end, en, zh = row[1:12]
    about = Contested(
        *(subject, name, scheme, version, item, deduction, points, from_datetime(start), from_datetime(end), en, zh)
    )
    reason, entered_at, entered_by, state, remaining, decided_at, decided_by, decision = row[12:]
    return Appeal(
        *(row[0], about, reason, from_datetime(entered_at), entered_by, state, remaining),
        *(micros_or_none(decided_at), decided_by, decision),
    )
