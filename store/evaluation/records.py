"""Tasks, inspections and complaints: what people enter about workers and crews, each change with its audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec

from devices.access import AuditNote
from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from fleet.evaluation.inputs import Finding, Outcome, Task
from fleet.evaluation.records import FindingEntry, RecordFilter, TaskEntry
from store import cursors
from store.access import audit
from store.cursors import RecordCursor
from store.reading import ReadSession, Row, micros_or_none
from store.writing import WriteSession

_TASK: LiteralString = (
    "id, title, start_at, due_at, worker, crew, area, category, done_at, cancelled, entered_by, refs,"
    " entered_at, external"
)
_FINDING: LiteralString = (
    "id, kind, at, outcome, category, text, points, worker, crew, area, entered_by, refs,"
    " entered_at, external, decided_at, decided_by, reason"
)
_ENTER_TASK = f"""
INSERT INTO work_tasks (external, worker, crew, title, category, area, start_at, due_at, done_at, refs, entered_by)
VALUES (%(external)s, %(worker)s, %(crew)s, %(title)s, %(category)s, %(area)s, %(start)s, %(due)s, %(done_at)s,
        %(refs)s, %(by)s)
ON CONFLICT (external) DO NOTHING RETURNING {_TASK}
"""  # noqa: S608 - constants only
_ENTER_FINDING = f"""
INSERT INTO findings (external, kind, at, outcome, category, text, points, worker, crew, area, refs, entered_by)
VALUES (%(external)s, %(kind)s, %(at)s, %(outcome)s, %(category)s, %(text)s, %(points)s, %(worker)s, %(crew)s,
        %(area)s, %(refs)s, %(by)s)
ON CONFLICT (external) DO NOTHING RETURNING {_FINDING}
"""  # noqa: S608 - constants only
_TASK_NAMED = f"SELECT {_TASK} FROM work_tasks WHERE external = %(external)s"  # noqa: S608 - constants only
_FINDING_NAMED = f"SELECT {_FINDING} FROM findings WHERE external = %(external)s"  # noqa: S608 - constants only
_SETTLE_TASK = f"""
UPDATE work_tasks SET done_at = %(done_at)s, cancelled = %(cancelled)s WHERE id = %(id)s RETURNING {_TASK}
"""  # noqa: S608 - constants only
_DECIDE = f"""
UPDATE findings SET outcome = %(outcome)s, points = coalesce(%(points)s, points), decided_at = now(),
       decided_by = %(actor)s, reason = %(reason)s
 WHERE id = %(id)s RETURNING {_FINDING}
"""  # noqa: S608 - constants only
_WHOSE: LiteralString = """
   AND (cardinality(%(workers)s::text[]) = 0 AND cardinality(%(crews)s::text[]) = 0
        OR worker = ANY (%(workers)s::text[]) OR crew = ANY (%(crews)s::text[]))
   AND (id < %(before)s) ORDER BY id DESC LIMIT %(limit)s
"""
_TASKS = (
    f"SELECT {_TASK} FROM work_tasks"  # noqa: S608 - constants only
    " WHERE due_at >= coalesce(%(start)s::timestamptz, '-infinity')"
    " AND due_at < coalesce(%(end)s::timestamptz, 'infinity')" + _WHOSE
)
_FINDINGS = (
    f"SELECT {_FINDING} FROM findings"  # noqa: S608 - constants only
    " WHERE at >= coalesce(%(start)s::timestamptz, '-infinity') AND at < coalesce(%(end)s::timestamptz, 'infinity')"
    " AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)" + _WHOSE
)
MOST = 100_000  #: records of one evaluation


class EvaluationRecords:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def enter_task(self, task: Task, external: str | None = None) -> TaskEntry:
        """Enter a task; the store gives it its number. One with the ``external`` of another is that one."""
        values = {
            **msgspec.structs.asdict(task),
            "external": external,
            "start": to_datetime(task.start),
            "due": to_datetime(task.due),
            "done_at": _datetime(task.done_at),
            "refs": list(task.refs),
        }
        return _task(await self._enter(_ENTER_TASK, _TASK_NAMED, values, "evaluation.task", "task"))

    async def enter_finding(self, finding: Finding, external: str | None = None) -> FindingEntry:
        """Enter an inspection or a complaint; the store gives it its number."""
        values = {
            **msgspec.structs.asdict(finding),
            "external": external,
            "at": to_datetime(finding.at),
            "refs": list(finding.refs),
        }
        action = f"evaluation.{finding.kind}"
        return _finding(await self._enter(_ENTER_FINDING, _FINDING_NAMED, values, action, "finding"))

    async def settle_task(self, number: int, actor: str, done_at: int | None, cancelled: bool) -> TaskEntry | None:
        """Say that a task is done (µs), not done after all (None), or cancelled; None: there is none."""
        values = {"id": number, "done_at": _datetime(done_at), "cancelled": cancelled}
        note = {"done_at": done_at, "cancelled": cancelled}
        row = await self._change(
            _SETTLE_TASK, values, AuditNote(actor, "evaluation.task", f"task:{number}", "done", note)
        )
        return None if row is None else _task(row)

    async def decide(
        self, number: int, actor: str, outcome: Outcome, points: float | None, reason: str
    ) -> FindingEntry | None:
        """Change the outcome of a finding (a complaint was looked into), and its points unless None."""
        values = {"id": number, "outcome": outcome, "points": points, "actor": actor, "reason": reason}
        note = {"outcome": outcome, "points": points, "reason": reason}
        told = AuditNote(actor, "evaluation.decide", f"finding:{number}", "done", note)
        row = await self._change(_DECIDE, values, told)
        return None if row is None else _finding(row)

    async def tasks(self, wanted: RecordFilter, *, cursor: str | None = None, limit: int = MOST) -> Page[TaskEntry]:
        """Tasks, entered last first."""
        rows, following = await self._page(_TASKS, wanted, cursor, limit)
        return Page(tuple(_task(row) for row in rows), following)

    async def findings(
        self, wanted: RecordFilter, *, cursor: str | None = None, limit: int = MOST
    ) -> Page[FindingEntry]:
        """Inspections and complaints, entered last first."""
        rows, following = await self._page(_FINDINGS, wanted, cursor, limit)
        return Page(tuple(_finding(row) for row in rows), following)

    async def _page(
        self, query: LiteralString, wanted: RecordFilter, cursor: str | None, limit: int
    ) -> tuple[list[Row], str | None]:
        if wanted.workers == () and wanted.crews == ():
            return [], None
        before = cursors.read(cursor, RecordCursor(2**63 - 1))
        params = {
            "workers": list(wanted.workers or ()),
            "crews": list(wanted.crews or ()),
            "start": _datetime(wanted.start),
            "end": _datetime(wanted.end),
            "kind": wanted.kind,
            "before": before.id,
            "limit": limit + 1,
        }
        rows = await self._reads.rows(query, params)
        following = cursors.write(RecordCursor(rows[limit - 1][0])) if len(rows) > limit else None
        return rows[:limit], following

    async def _enter(
        self, enter: LiteralString, named: LiteralString, values: Mapping[str, Any], action: str, what: str
    ) -> Row:
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(enter, values)).fetchone()
            if row is None:  # entered before under the same name
                row = await (await connection.execute(named, values)).fetchone()
                assert row is not None
                return row
            note = {"worker": values["worker"], "crew": values["crew"]}
            await audit.enter(connection, AuditNote(values["by"], action, f"{what}:{row[0]}", "done", note))
            return row

    async def _change(self, statement: LiteralString, values: Mapping[str, Any], note: AuditNote) -> Row | None:
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(statement, values)).fetchone()
            if row is not None:
                await audit.enter(connection, note)
            return row


def _datetime(at: int | None) -> object:
    return None if at is None else to_datetime(at)


def _task(row: Row) -> TaskEntry:
    number, title, start, due, worker, crew, area, category, done, cancelled, by, refs, entered, external = row
    task = Task(
        *(str(number), title, from_datetime(start), from_datetime(due), worker, crew, area, category),
        *(micros_or_none(done), cancelled, by, tuple(refs)),
    )
    return TaskEntry(task, from_datetime(entered), external)


def _finding(row: Row) -> FindingEntry:
    number, kind, at, outcome, category, text, points, worker, crew, area, by, refs, entered, external, *decided = row
    finding = Finding(
        *(str(number), kind, from_datetime(at), outcome, category, text, points, worker, crew, area, by, tuple(refs))
    )
    return FindingEntry(finding, from_datetime(entered), external, micros_or_none(decided[0]), *decided[1:])
