"""Steps in the life of an incident, within somebody's transaction: with a line in its log and a note in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg
from psycopg.rows import TupleRow

from devices.access import AuditNote
from fleet.incidents.incident import State, check
from store.access import audit

LOCK = "SELECT state FROM incidents WHERE id = %(id)s FOR UPDATE"
_LOG_LINE = """
INSERT INTO incident_log (incident_id, actor, action, text, detail)
VALUES (%(id)s, %(actor)s, %(action)s, %(text)s, %(detail)s::text::jsonb)
"""
_MOVE = """
UPDATE incidents SET state = coalesce(%(state)s, state), department = coalesce(%(department)s, department),
       work_order = coalesce(%(work_order)s, work_order), changed_at = now()
 WHERE id = %(id)s
"""

Connection = psycopg.AsyncConnection[TupleRow]


async def move(
    connection: Connection,
    number: int,
    state: State | None,
    *,
    department: str | None = None,
    work_order: str | None = None,
) -> None:
    """Within somebody's transaction: change what is not None."""
    values = {"id": number, "state": state, "department": department, "work_order": work_order}
    await connection.execute(_MOVE, values)


async def log(
    connection: Connection, number: int, actor: str, action: str, text: str, detail: Mapping[str, Any]
) -> None:
    """Within somebody's transaction: a line in the log of the incident, and a note in the audit."""
    values = {"id": number, "actor": actor, "action": action, "text": text}
    await connection.execute(_LOG_LINE, {**values, "detail": msgspec.json.encode(detail).decode()})
    note = AuditNote(actor, f"incident.{action}", f"incident:{number}", "done", {"text": text, **detail})
    await audit.enter(connection, note)


async def there_is(connection: Connection, number: int) -> bool:
    """Within somebody's transaction: whether there is such an incident, which stays as it is until the end."""
    return await (await connection.execute(LOCK, {"id": number})).fetchone() is not None


async def ordered(connection: Connection, number: int, order: str, actor: str) -> None:
    """Within somebody's transaction: a work order was made of an incident that there is.

    Raises IncidentStateError where it is not in a state for that.
    """
    row = await (await connection.execute(LOCK, {"id": number})).fetchone()
    assert row is not None
    check("ordered", row[0], number)
    await move(connection, number, "ordered", work_order=order)
    await log(connection, number, actor, "ordered", "", {"work_order": order})


async def order_done(connection: Connection, order: str, actor: str) -> None:
    """Within somebody's transaction: a work order was done; incidents that wait for it are done with it."""
    query = "SELECT id FROM incidents WHERE work_order = %(order)s AND state = 'ordered' ORDER BY id FOR UPDATE"
    for row in await (await connection.execute(query, {"order": order})).fetchall():
        await move(connection, row[0], "done")
        await log(connection, row[0], actor, "done", "", {"work_order": order})


async def order_reopened(connection: Connection, order: str, actor: str) -> None:
    """Within somebody's transaction: what ended a work order was none; incidents that were done with it are not."""
    query = "SELECT id FROM incidents WHERE work_order = %(order)s AND state = 'done' ORDER BY id FOR UPDATE"
    for row in await (await connection.execute(query, {"order": order})).fetchall():
        await move(connection, row[0], "ordered")
        await log(connection, row[0], actor, "reopened", "", {"work_order": order})
