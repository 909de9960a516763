"""What ends or moves orders without anybody's click: evidence, answers of devices, time, and the sending itself.

Each is one statement, which asks again for the state of the rows that it changes, so that several hubs may do it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from devices.instants import from_datetime, to_datetime
from store.incidents import steps as incidents
from store.orders.life import log
from store.reading import ReadSession, Row
from store.writing import WriteSession

HUB = "hub"
EARLY = "2 hours"  #: before its planned start a bin may be emptied for an order
_OPEN = "('planned', 'sent', 'accepted', 'overdue')"

# Evidence that the repaired history no longer shows: the order is open again, until other evidence is found.
_REOPEN = """
UPDATE work_orders o
   SET state = CASE WHEN accepted_at IS NOT NULL THEN 'accepted' WHEN sent_at IS NOT NULL THEN 'sent'
                    ELSE 'planned' END,
       done_at = NULL, done_by = NULL, evidence = NULL, changed_at = now(), changed_by = 'hub'
 WHERE o.state = 'done' AND o.evidence ? 'emptied_at'
   AND NOT EXISTS (SELECT FROM emptyings e JOIN devices d ON d.key = e.device_key
                    WHERE d.id = o.device AND NOT e.retracted
                      AND e.at = (o.evidence ->> 'emptied_at')::timestamptz)
RETURNING o.id, '{}'::jsonb
"""
_EMPTIED = f"""
UPDATE work_orders o
   SET state = 'done', done_at = f.at, done_by = 'hub', to_send = NULL, changed_at = now(), changed_by = 'hub',
       evidence = f.evidence
  FROM (SELECT w.id, e.at, jsonb_build_object('emptied_at', e.at, 'proof', e.proof, 'vehicle', e.vehicle,
               'before_pct', e.before_pct, 'after_pct', e.after_pct) AS evidence
          FROM work_orders w JOIN devices d ON d.id = w.device
          JOIN LATERAL (SELECT * FROM emptyings e
                         WHERE e.device_key = d.key AND NOT e.retracted AND NOT e.partial
                           AND e.at >= CASE WHEN w.origin = 'plan' THEN w.planned_start - interval '{EARLY}'
                                            ELSE w.entered_at END
                         ORDER BY e.at LIMIT 1) e ON true
         WHERE w.kind = 'collect' AND w.state IN {_OPEN} AND w.planned_start < now() + interval '{EARLY}') AS f
 WHERE o.id = f.id AND o.state IN {_OPEN}
RETURNING o.id, o.evidence
"""  # noqa: S608 - constants only
_OVERDUE = """
UPDATE work_orders SET state = 'overdue', changed_at = now(), changed_by = 'hub'
 WHERE state IN ('planned', 'sent', 'accepted') AND planned_end < now() - %(grace)s * interval '1 minute'
RETURNING id, '{}'::jsonb
"""
# A device answers for what it was given itself, and once: what it says is an event like any other.
_ANSWERS = """
SELECT e.kind, e.attributes ->> 'order', d.id, e.observed_at
  FROM events e JOIN devices d ON d.key = e.device_key
 WHERE e.received_at >= %(since)s AND e.kind IN ('order_accepted', 'order_done')
   AND jsonb_typeof(e.attributes -> 'order') = 'string'
 ORDER BY e.observed_at, d.id LIMIT 10000
"""
_ANSWERED = f"""
UPDATE work_orders SET state = %(state)s, changed_at = now(), changed_by = %(actor)s, to_send = NULL,
       accepted_at = coalesce(accepted_at, CASE WHEN %(state)s = 'accepted' THEN %(at)s::timestamptz END),
       done_at = CASE WHEN %(state)s = 'done' THEN %(at)s::timestamptz END,
       done_by = CASE WHEN %(state)s = 'done' THEN %(actor)s END
 WHERE id = %(id)s AND vehicle = %(device)s AND state IN {_OPEN} AND state <> %(state)s
RETURNING id
"""  # noqa: S608 - constants only
_NEWEST = "SELECT received_at FROM looks WHERE name = 'order answers'"
_LOOKED = """
INSERT INTO looks (name, received_at) VALUES ('order answers', %(at)s)
ON CONFLICT (name) DO UPDATE SET received_at = greatest(looks.received_at, excluded.received_at)
"""
_NOW = "SELECT now()"
_PAGES = """
UPDATE work_orders SET state = 'sent', sent_at = now(), sent_by = 'page', to_send = NULL, changed_at = now(),
       changed_by = 'hub'
 WHERE to_send <= now() AND state IN ('planned', 'overdue') AND vehicle IS NULL
RETURNING id, '{"by": "page"}'::jsonb
"""
# Claimed by moving the moment of the next try: a hub that dies lets go of it by then.
_CLAIM = """
UPDATE work_orders SET attempts = attempts + 1, to_send = now() + %(lease)s * interval '1 s'
 WHERE id IN (SELECT id FROM work_orders WHERE to_send <= now() AND state IN ('planned', 'sent', 'overdue')
                 AND vehicle IS NOT NULL ORDER BY to_send, planned_start, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, kind, vehicle, title, note, place, device, planned_start, planned_end, lon, lat, attempts
"""
_SENT = """
UPDATE work_orders
   SET state = CASE WHEN state = 'overdue' THEN state ELSE 'sent' END, sent_at = now(), sent_by = %(by)s,
       to_send = NULL, fault = NULL, changed_at = now(), changed_by = 'hub'
 WHERE id = %(id)s AND vehicle = %(vehicle)s AND state IN ('planned', 'sent', 'overdue')
RETURNING id
"""
_UNSENT = """
UPDATE work_orders SET fault = %(fault)s, changed_at = now(), changed_by = 'hub',
       to_send = CASE WHEN attempts < %(most)s THEN now() + %(wait)s * interval '1 s' END
 WHERE id = %(id)s AND vehicle = %(vehicle)s AND to_send IS NOT NULL
"""


class ToSend(NamedTuple):
    """An order that this hub is to send now; instants in µs."""

    id: str
    kind: str
    vehicle: str
    title: str
    note: str
    place: str
    device: str | None
    start: int
    end: int
    lon: float | None
    lat: float | None
    attempts: int


class OrderSteward:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def settle(self, grace_min: float) -> int:
        """Hold open orders against the evidence and the time; how many were changed."""
        changed = 0
        steps = {"reopened": _REOPEN, "done": _EMPTIED, "overdue": _OVERDUE, "sent": _PAGES}
        async with self._writes.transaction() as connection:
            for action, statement in steps.items():
                rows = await (await connection.execute(statement, {"grace": grace_min})).fetchall()
                for order, detail in rows:
                    await log(connection, order, HUB, action, "", detail)
                    if action == "done":
                        await incidents.order_done(connection, order, HUB)
                    if action == "reopened":
                        await incidents.order_reopened(connection, order, HUB)
                changed += len(rows)
        return changed

    async def answers(self, overlap_s: float) -> int:
        """Take in what devices said of their orders since the last look; how many that changed."""
        rows = await self._reads.rows(_NEWEST)
        now = (await self._reads.rows(_NOW))[0][0]
        since = from_datetime(rows[0][0]) if rows else from_datetime(now) - 86_400_000_000
        told = await self._reads.rows(_ANSWERS, {"since": to_datetime(since - int(overlap_s * 1e6))})
        changed = 0
        async with self._writes.transaction() as connection:
            for kind, order, device, at in told:
                state, actor = kind.removeprefix("order_"), f"device:{device}"
                values = {"id": order, "device": device, "state": state, "at": at, "actor": actor}
                if await (await connection.execute(_ANSWERED, values)).fetchone() is None:
                    continue
                changed += 1
                await log(connection, order, actor, state, "", {})
                if state == "done":
                    await incidents.order_done(connection, order, actor)
            await connection.execute(_LOOKED, {"at": now})
        return changed

    async def claim(self, *, limit: int, lease_s: float) -> tuple[ToSend, ...]:
        """Orders that are to be sent down now, for this hub alone for ``lease_s`` seconds."""
        async with self._writes.transaction() as connection:
            rows = await (await connection.execute(_CLAIM, {"limit": limit, "lease": lease_s})).fetchall()
        return tuple(_to_send(row) for row in rows)

    async def sent(self, order: ToSend, by: str, detail: dict[str, Any]) -> None:
        """The vehicle was told."""
        async with self._writes.transaction() as connection:
            values = {"id": order.id, "vehicle": order.vehicle, "by": by}
            if await (await connection.execute(_SENT, values)).fetchone() is not None:
                await log(connection, order.id, HUB, "sent", "", {"by": by, **detail})

    async def unsent(self, order: ToSend, fault: str, *, wait_s: float, most: int) -> None:
        """It could not be told; try again in a while, ``most`` times in all."""
        async with self._writes.transaction() as connection:
            values = {"id": order.id, "vehicle": order.vehicle, "fault": fault[:300], "wait": wait_s, "most": most}
            await connection.execute(_UNSENT, values)
            if order.attempts >= most:
                await log(connection, order.id, HUB, "not sent", fault[:300], {"attempts": order.attempts})


def _to_send(row: Row) -> ToSend:
    values = list(row)
    values[7], values[8] = from_datetime(row[7]), from_datetime(row[8])
    return ToSend(*values)
