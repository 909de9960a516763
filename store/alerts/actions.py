"""What people do with alerts: acknowledge, comment, snooze, close, shelve; and what the hub does by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, LiteralString

import msgspec

from alerts.records import AlertStateError
from devices.access import AuditNote
from devices.instants import to_datetime
from store.access import audit
from store.alerts import bells as alert_bells
from store.alerts.turn import take_turn
from store.writing import WriteSession

_LOCK = """
SELECT id, cleared_at IS NOT NULL, acknowledged_at IS NOT NULL, closed_at IS NOT NULL, retracted
  FROM alerts WHERE id = %(id)s FOR UPDATE
"""
_ACKNOWLEDGE = "UPDATE alerts SET acknowledged_at = now(), acknowledged_by = %(actor)s WHERE id = %(id)s"
_CLOSE = "UPDATE alerts SET closed_at = now(), closed_by = %(actor)s WHERE id = %(id)s"
_SNOOZE = "UPDATE alerts SET quiet_until = %(until)s WHERE id = %(id)s"
_LOG = """
INSERT INTO alert_log (alert_id, actor, action, detail) VALUES (%(id)s, %(actor)s, %(action)s, %(detail)s::jsonb)
"""
_SHELVE = """
INSERT INTO shelves (rule, device_key, until, reason, entered_by)
SELECT %(rule)s, (SELECT key FROM devices WHERE id = %(device)s), %(until)s, %(reason)s, %(actor)s
 WHERE %(device)s::text IS NULL OR EXISTS (SELECT FROM devices WHERE id = %(device)s)
RETURNING id
"""
_UNSHELVE = "UPDATE shelves SET until = now() WHERE id = %(id)s AND until > now() RETURNING id"

# An alert that nobody has acknowledged in time goes up a step, once for each step; its key keeps it from going twice.
_ESCALATE = """
WITH due AS (
    SELECT a.id, a.escalation + 1 AS step, o.key, o.content
      FROM alerts a JOIN outbox o ON o.alert_id = a.id AND o.action = 'raised'
     WHERE a.cleared_at IS NULL AND NOT a.retracted AND a.acknowledged_at IS NULL AND a.closed_at IS NULL
       AND (a.quiet_until IS NULL OR a.quiet_until <= now())
       AND a.escalation < cardinality(%(steps)s::interval[])
       AND a.severity = ANY (%(severities)s::text[])
       AND o.entered_at <= now() - (%(steps)s::interval[])[a.escalation + 1]
     ORDER BY a.id LIMIT %(most)s FOR UPDATE OF a SKIP LOCKED
), up AS (
    UPDATE alerts a SET escalation = due.step FROM due WHERE a.id = due.id
), logged AS (
    INSERT INTO alert_log (alert_id, actor, action, detail)
    SELECT id, 'hub', 'escalated', jsonb_build_object('step', step) FROM due
)
INSERT INTO outbox (key, alert_id, action, content)
SELECT replace(key, 'raised:', 'escalated:' || step || ':'), id, 'escalated',
       content || jsonb_build_object('step', step)
  FROM due
ON CONFLICT (key) DO NOTHING
"""

# What was snoozed and is still there when the time is over rings again.
_AWAKE = """
WITH due AS (
    SELECT a.id, a.quiet_until, o.key, o.content
      FROM alerts a JOIN outbox o ON o.alert_id = a.id AND o.action = 'raised'
     WHERE a.quiet_until <= now() AND a.cleared_at IS NULL AND NOT a.retracted AND a.closed_at IS NULL
     ORDER BY a.id LIMIT %(most)s FOR UPDATE OF a SKIP LOCKED
), up AS (
    UPDATE alerts a SET quiet_until = NULL FROM due WHERE a.id = due.id
), logged AS (
    INSERT INTO alert_log (alert_id, actor, action) SELECT id, 'hub', 'awake' FROM due
)
INSERT INTO outbox (key, alert_id, action, content)
SELECT replace(key, 'raised:', 'again:' || extract(epoch FROM quiet_until) || ':'), id, 'raised_again', content FROM due
ON CONFLICT (key) DO NOTHING
"""

_AUDITED = {
    "acknowledged": "alert.acknowledge",
    "closed": "alert.close",
    "commented": "alert.comment",
    "snoozed": "alert.snooze",
}


class AlertActions:
    """Changes to alerts. What a person does is logged with the alert and noted in the audit, by the same transaction.

    Raises TransientError while the store is away.
    """

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def acknowledge(self, alert_id: int, actor: str, comment: str = "") -> bool:
        """Somebody has seen to it. False when there is no such alert; again by the same or another changes nothing.

        Raises AlertStateError for one that is closed or retracted.
        """
        return await self._act(alert_id, actor, "acknowledged", _ACKNOWLEDGE, {"comment": comment} if comment else {})

    async def close(self, alert_id: int, actor: str, comment: str = "") -> bool:
        """A person's last word on it. One whose cause lasts may be closed too: it rings no more."""
        return await self._act(alert_id, actor, "closed", _CLOSE, {"comment": comment} if comment else {})

    async def comment(self, alert_id: int, actor: str, text: str) -> bool:
        """Put a remark beside it, in whatever state."""
        return await self._act(alert_id, actor, "commented", None, {"text": text})

    async def snooze(self, alert_id: int, actor: str, until: int) -> bool:
        """Let it ring no more until then (µs); if it is still there, it rings again."""
        detail = {"until": to_datetime(until).isoformat()}
        return await self._act(alert_id, actor, "snoozed", _SNOOZE, detail, until=to_datetime(until))

    async def shelve(self, rule: str | None, device: str | None, until: int, reason: str, actor: str) -> int | None:
        """Let a rule, a device, or one on the other ring no bell until then (µs); the number of the shelf.

        None when there is no such device. What is raised meanwhile stands in the list and is told nobody.
        """
        if rule is None and device is None:
            raise AlertStateError("shelve: name a rule, a device, or both")
        values = {"rule": rule, "device": device, "until": to_datetime(until), "reason": reason, "actor": actor}
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_SHELVE, values)).fetchone()
            if row is None:
                return None
            told = {**values, "until": to_datetime(until).isoformat()}
            await audit.enter(connection, AuditNote(actor, "alert.shelve", f"shelf:{row[0]}", "done", told))
        number: int = row[0]
        return number

    async def unshelve(self, shelf: int, actor: str) -> bool:
        """End a shelving before its time; False when there is none any more."""
        async with self._session.transaction() as connection:
            row = await (await connection.execute(_UNSHELVE, {"id": shelf})).fetchone()
            if row is None:
                return False
            await audit.enter(connection, AuditNote(actor, "alert.unshelve", f"shelf:{shelf}", "done"))
            return True

    async def escalate(self, steps_s: list[float], severities: list[str], most: int = 1_000) -> int:
        """Escalate what nobody has acknowledged: after ``steps_s[0]`` seconds the first time, and so on."""
        values = {"steps": [timedelta(seconds=step) for step in steps_s], "severities": severities, "most": most}
        return await self._change(_ESCALATE, values)

    async def wake(self, most: int = 1_000) -> int:
        """Let ring again what was snoozed until now and is still there."""
        return await self._change(_AWAKE, {"most": most})

    async def tell_storms(self, most: int = 1_000) -> int:
        """Tell of each storm that has gathered for long enough, once (:mod:`store.alerts.bells`)."""
        async with self._session.transaction() as connection:
            cursor = connection.cursor()
            await take_turn(cursor)
            return await alert_bells.tell_storms(cursor, most)

    async def release(self, flap_s: float, release_s: float, most: int = 1_000) -> int:
        """Ring for what was held back, and is still there now that it is calm (:mod:`store.alerts.bells`)."""
        async with self._session.transaction() as connection:
            cursor = connection.cursor()
            await take_turn(cursor)
            return await alert_bells.release(cursor, flap_s, release_s, most)

    async def _change(self, statement: LiteralString, values: Mapping[str, Any]) -> int:
        """Carry out one statement; how many rows it changed."""
        async with self._session.transaction() as connection:
            await take_turn(connection.cursor())
            return (await connection.execute(statement, values)).rowcount

    async def _act(
        self, alert_id: int, actor: str, action: str, update: str | None, detail: Mapping[str, Any], **values: Any
    ) -> bool:
        async with self._session.transaction() as connection:
            cursor = await connection.execute(_LOCK, {"id": alert_id})
            row = await cursor.fetchone()
            if row is None:
                return False
            _, cleared, acknowledged, closed, retracted = row
            if update is not None:
                if retracted or closed:
                    raise AlertStateError(f"alert {alert_id} is {'retracted' if retracted else 'closed'} already")
                if action == "snoozed" and cleared:
                    raise AlertStateError(f"alert {alert_id} has cleared: there is nothing to snooze")
                if action == "acknowledged" and acknowledged:
                    return True
                await connection.execute(update.encode(), {"id": alert_id, "actor": actor, **values})
            encoded = msgspec.json.encode(detail).decode()
            await connection.execute(_LOG, {"id": alert_id, "actor": actor, "action": action, "detail": encoded})
            await audit.enter(connection, AuditNote(actor, _AUDITED[action], f"alert:{alert_id}", "done", detail))
            return True
