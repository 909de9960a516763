"""The reports' tables: revisions, who signed them, who did not agree. Each change stands in the audit too."""

from __future__ import annotations

import hashlib
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import TupleRow

from devices.access import AuditNote
from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from fleet.reports.canonical import content_hash, read, settled
from fleet.reports.document import Document
from fleet.reports.records import Report, ReportEntry, SettledError
from fleet.reports.revision import Order, differences
from fleet.reports.stamp import Appeal, Change, Signature, Stamp
from store import cursors
from store.access import audit
from store.cursors import ReportCursor
from store.reading import ReadSession, Row, micros_or_none
from store.writing import WriteSession

_ENTRY = """
r.id, r.kind, r.span_start, r.span_end, r.zone, r.subject, r.revision,
(SELECT max(n.revision) FROM reports n WHERE n.order_key = r.order_key), r.hash, r.made_at, r.made_by,
jsonb_array_length(r.changes), (SELECT count(*) FROM report_signatures s WHERE s.report_id = r.id),
(SELECT count(*) FROM report_appeals a WHERE a.report_id = r.id AND a.state = 'open')
"""
_LIST = f"""
SELECT {_ENTRY} FROM reports r
 WHERE r.id < %(before)s AND (%(kind)s::text IS NULL OR r.kind = %(kind)s::text)
   AND (%(key)s::text IS NULL OR r.order_key = %(key)s::text) AND NOT r.kind = ANY (%(without)s::text[])
 ORDER BY r.id DESC LIMIT %(limit)s
"""  # noqa: S608 - constants only
_ONE = f"SELECT {_ENTRY}, r.content::text, r.changes::text, r.order_key FROM reports r WHERE r.id = %(id)s"  # noqa: S608
_NEWEST = """
SELECT id, revision, hash, content::text FROM reports WHERE order_key = %(key)s ORDER BY revision DESC LIMIT 1
"""
_LOCK = "SELECT pg_advisory_xact_lock(%(lock)s)"
_KEEP = """
INSERT INTO reports (order_key, revision, kind, subject, span_start, span_end, zone, hash, content, changes, made_by)
VALUES (%(key)s, %(revision)s, %(kind)s, %(subject)s::text::jsonb, %(start)s, %(end)s, %(zone)s, %(hash)s,
        %(content)s::text::jsonb, %(changes)s::text::jsonb, %(actor)s)
RETURNING id
"""
_SIGNATURES = """
SELECT s.id, r.revision, s.signed_at, s.actor, s.name, s.comment
  FROM report_signatures s JOIN reports r ON r.id = s.report_id WHERE r.order_key = %(key)s ORDER BY s.id
"""
_APPEALS = """
SELECT a.id, r.revision, a.raised_at, a.actor, a.name, a.about, a.reason, a.state, a.decided_at, a.decided_by,
       a.decision
  FROM report_appeals a JOIN reports r ON r.id = a.report_id WHERE r.order_key = %(key)s ORDER BY a.id
"""
_SIGN = """
INSERT INTO report_signatures (report_id, actor, name, comment)
SELECT id, %(actor)s, %(name)s, %(comment)s FROM reports WHERE id = %(id)s RETURNING id
"""
_APPEAL = """
INSERT INTO report_appeals (report_id, actor, name, about, reason)
SELECT id, %(actor)s, %(name)s, %(about)s, %(reason)s FROM reports WHERE id = %(id)s RETURNING id
"""
_STATE = "SELECT state FROM report_appeals WHERE id = %(appeal)s AND report_id = %(id)s FOR UPDATE"
_DECIDE = """
UPDATE report_appeals SET state = %(state)s, decision = %(decision)s, decided_at = now(), decided_by = %(actor)s
 WHERE id = %(appeal)s
"""


class Reports:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def keep(self, order: Order, document: Document, actor: str) -> Report:
        """Keep what a report says now: the newest revision where it says the same, else a new one."""
        document = settled(document)
        digest = content_hash(document)
        async with self._writes.transaction() as connection:
            # Of two that make the same report at once, the second finds what the first has kept.
            await connection.execute(_LOCK, {"lock": _lock(order.key)})
            newest = await (await connection.execute(_NEWEST, {"key": order.key})).fetchone()
            if newest is not None and newest[2] == digest:
                number, made = newest[0], False
            else:
                number, made = await _enter(connection, order, document, digest, newest, actor), True
        found = await self.report(number)
        assert found is not None  # revisions are never removed
        return msgspec.structs.replace(found, made=made)

    async def report(self, report_id: int) -> Report | None:
        """A revision with what it says, and the signatures and appeals of all revisions of its order."""
        rows = await self._reads.rows(_ONE, {"id": report_id})
        if not rows:
            return None
        *entry, content, changes, key = rows[0]
        known = _entry(tuple(entry))
        signed = await self._reads.rows(_SIGNATURES, {"key": key})
        appealed = await self._reads.rows(_APPEALS, {"key": key})
        stamp = Stamp(
            known.revision,
            known.hash,
            known.made_at,
            known.made_by,
            msgspec.json.decode(changes, type=tuple[Change, ...]),
            tuple(Signature(row[0], row[1], from_datetime(row[2]), *row[3:]) for row in signed),
            tuple(_appeal(row) for row in appealed),
        )
        return Report(known, read(content), stamp)

    async def reports(
        self, *, kind: str | None, order: Order | None, without: tuple[str, ...], cursor: str | None, limit: int
    ) -> Page[ReportEntry]:
        """Revisions, the newest first; filters of None let all in, kinds of ``without`` are left out."""
        before = cursors.read(cursor, ReportCursor(2**63 - 1))
        key = None if order is None else order.key
        values = {"before": before.id, "kind": kind, "key": key, "without": list(without), "limit": limit + 1}
        rows = await self._reads.rows(_LIST, values)
        return cursors.page(rows, limit, _entry, lambda last: ReportCursor(last.id))

    async def sign(self, report_id: int, actor: str, name: str, comment: str) -> int | None:
        """Somebody signs a revision; the signature's number, None where there is no such report."""
        values = {"id": report_id, "actor": actor, "name": name, "comment": comment}
        details = {"name": name, "comment": comment}
        return await self._added(_SIGN, values, AuditNote(actor, "report.sign", f"report:{report_id}", "done", details))

    async def appeal(self, report_id: int, actor: str, name: str, about: str, reason: str) -> int | None:
        """Somebody does not agree; the appeal's number, None where there is no such report."""
        values = {"id": report_id, "actor": actor, "name": name, "about": about, "reason": reason}
        details = {"name": name, "about": about}
        note = AuditNote(actor, "report.appeal", f"report:{report_id}", "done", details)
        return await self._added(_APPEAL, values, note)

    async def decide(self, report_id: int, appeal: int, *, accepted: bool, decision: str, actor: str) -> bool:
        """Decide an appeal. False where there is none; raises SettledError where it was decided already."""
        state = "accepted" if accepted else "rejected"
        values = {"id": report_id, "appeal": appeal, "state": state, "decision": decision, "actor": actor}
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(_STATE, values)).fetchone()
            if row is None:
                return False
            if row[0] != "open":
                raise SettledError(f"appeal {appeal} was {row[0]} already")
            await connection.execute(_DECIDE, values)
            details = {"appeal": appeal, "state": state, "decision": decision}
            await audit.enter(
                connection, AuditNote(actor, "report.decide", f"report:{report_id}", "done", details)
            )  # fmt: skip
        return True

    async def _added(self, statement: LiteralString, values: dict[str, Any], note: AuditNote) -> int | None:
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(statement, values)).fetchone()
            if row is None:
                return None
            await audit.enter(connection, note)
        return int(row[0])


async def _enter(
    connection: psycopg.AsyncConnection[TupleRow],
    order: Order,
    document: Document,
    digest: str,
    newest: Row | None,
    actor: str,
) -> int:
    """A new revision, with what it says otherwise than the newest one."""
    changes = () if newest is None else differences(read(newest[3]), document)
    values = {
        "key": order.key,
        "revision": 1 if newest is None else newest[1] + 1,
        "kind": order.kind,
        "subject": _json(dict(order.subject)),
        "start": to_datetime(order.start),
        "end": to_datetime(order.end),
        "zone": order.zone,
        "hash": digest,
        "content": _json(document),
        "changes": _json(changes),
        "actor": actor,
    }
    row = await (await connection.execute(_KEEP, values)).fetchone()
    assert row is not None
    details = {"kind": order.kind, "revision": values["revision"], "hash": digest}
    await audit.enter(connection, AuditNote(actor, "report.make", f"report:{row[0]}", "done", details))
    return int(row[0])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _lock(key: str) -> int:
    """A number for an advisory lock."""
    return int.from_bytes(hashlib.sha256(f"report:{key}".encode()).digest()[:8], signed=True)


def _entry(row: Row) -> ReportEntry:
    number, kind, start, end, zone, subject, revision, newest, digest, made_at, made_by, *counts = row
    order = Order(kind, from_datetime(start), from_datetime(end), zone, subject)
    return ReportEntry(number, order, revision, newest, digest, from_datetime(made_at), made_by, *counts)


def _appeal(row: Row) -> Appeal:
    number, revision, at, actor, name, about, reason, state, decided_at, decided_by, decision = row
    return Appeal(
        number, revision, from_datetime(at), actor, name, about, reason, state, micros_or_none(decided_at),
        decided_by, decision,
    )  # fmt: skip
