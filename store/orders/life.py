"""Work orders: given, assigned, accepted, done; each step with its line in the order's history and in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import TupleRow

from devices.access import AuditNote
from devices.errors import RejectedError
from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from fleet.orders.order import Action, Assignee, Candidate, NewOrder, Order, OrderLine, OrdersWanted, State, check
from store import cursors
from store.access import audit
from store.cursors import CandidateCursor, OrderCursor
from store.incidents import steps as incidents
from store.reading import ReadSession, Row, micros_or_none
from store.writing import WriteSession

Connection = psycopg.AsyncConnection[TupleRow]

_COLUMNS: LiteralString = (
    "id, kind, state, title, note, on_date, vehicle, crew, worker, device, place, planned_start, planned_end, sequence,"
    " run, reason, lon, lat, origin, alert_id, incident_id, entered_at, entered_by, changed_at, sent_at, sent_by,"
    " accepted_at, done_at, done_by, evidence, fault"
)
_ONE = f"SELECT {_COLUMNS} FROM work_orders WHERE id = %(id)s"  # noqa: S608 - constants only
_PAGE = f"""
SELECT {_COLUMNS} FROM work_orders
 WHERE (planned_start, id) > (%(after)s, %(after_id)s)
   AND (%(on)s::date IS NULL OR on_date = %(on)s::date)
   AND (%(run)s::text IS NULL OR run = %(run)s::text)
   AND (cardinality(%(vehicles)s::text[]) = 0 OR vehicle = ANY (%(vehicles)s::text[]))
   AND (cardinality(%(devices)s::text[]) = 0 OR device = ANY (%(devices)s::text[]))
   AND (cardinality(%(states)s::text[]) = 0 OR state = ANY (%(states)s::text[]))
   AND (cardinality(%(origins)s::text[]) = 0 OR origin = ANY (%(origins)s::text[]))
   AND (%(alert)s::bigint IS NULL OR alert_id = %(alert)s::bigint)
   AND (%(incident)s::bigint IS NULL OR incident_id = %(incident)s::bigint)
   AND (cardinality(%(ids)s::text[]) = 0 OR id = ANY (%(ids)s::text[]))
   AND (%(worker)s::text IS NULL OR worker = %(worker)s::text
        OR crew = (SELECT w.content ->> 'crew' FROM workers w WHERE w.id = %(worker)s::text))
   AND (%(within)s::text[] IS NULL OR device = ANY (%(within)s::text[]) OR vehicle = ANY (%(within)s::text[]))
 ORDER BY planned_start, id LIMIT %(limit)s
"""  # noqa: S608 - constants only
_LOG = "SELECT at, actor, action, text, detail FROM work_order_log WHERE order_id = %(id)s ORDER BY id"
_ENTER = """
INSERT INTO work_orders (id, kind, on_date, vehicle, crew, worker, device, place, sequence, planned_start, planned_end,
                         lon, lat, title, note, origin, alert_id, incident_id, entered_by, changed_by, to_send)
VALUES (%(id)s, %(kind)s, %(on)s, %(vehicle)s, %(crew)s, %(worker)s, %(device)s, %(place)s, 1, %(start)s, %(end)s,
        %(lon)s, %(lat)s, %(title)s, %(note)s, %(origin)s, %(alert)s, %(incident)s, %(actor)s, %(actor)s,
        CASE WHEN %(send)s THEN now() END)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_KNOWN = "SELECT entered_by FROM work_orders WHERE id = %(id)s"
_LOCK = "SELECT state FROM work_orders WHERE id = %(id)s FOR UPDATE"
_ASSIGN = """
UPDATE work_orders SET vehicle = %(vehicle)s, crew = %(crew)s, worker = %(worker)s, state = 'planned', sent_at = NULL,
       sent_by = NULL, accepted_at = NULL, fault = NULL, attempts = 0, to_send = CASE WHEN %(send)s THEN now() END,
       changed_at = now(), changed_by = %(actor)s
 WHERE id = %(id)s
"""
_STEP = """
UPDATE work_orders SET state = coalesce(%(state)s, state), changed_at = now(), changed_by = %(actor)s,
       to_send = CASE WHEN %(action)s = 'sent' THEN now() WHEN %(state)s IS NULL THEN to_send END,
       attempts = CASE WHEN %(action)s = 'sent' THEN 0 ELSE attempts END,
       accepted_at = CASE WHEN %(action)s = 'accepted' THEN now() ELSE accepted_at END,
       done_at = CASE WHEN %(action)s = 'done' THEN now() ELSE done_at END,
       done_by = CASE WHEN %(action)s = 'done' THEN %(actor)s ELSE done_by END
 WHERE id = %(id)s
"""
_SEND_RUN = """
UPDATE work_orders SET to_send = greatest(now(), planned_start - %(lead)s * interval '1 minute'), attempts = 0,
       changed_at = now(), changed_by = %(actor)s
 WHERE run = %(run)s AND state IN ('planned', 'overdue') AND vehicle IS NOT NULL RETURNING id
"""
_LINE = """
INSERT INTO work_order_log (order_id, actor, action, text, detail)
VALUES (%(id)s, %(actor)s, %(action)s, %(text)s, %(detail)s::text::jsonb)
"""
# Metres on a plane at the place: near enough to say who is nearest.
_CANDIDATES = """
SELECT id, name, type, away, age_s, orders, protocol FROM (
SELECT d.id, d.name, d.attributes ->> 'type' AS type,
       111320 * sqrt(power(s.lat - %(lat)s, 2) + power((s.lon - %(lon)s) * cos(radians(%(lat)s)), 2)) AS away,
       extract(epoch FROM now() - s.fix_at)::float8 AS age_s,
       (SELECT count(*) FROM work_orders o WHERE o.vehicle = d.id AND o.state IN ('planned', 'sent', 'accepted')
           AND o.planned_start < now() + interval '1 day') AS orders,
       s.protocol
  FROM devices d JOIN device_state s ON s.device_key = d.key
 WHERE d.kind = 'vehicle' AND d.status IN ('active', 'pending') AND s.fix_at > now() - interval '15 minutes'
   AND (cardinality(%(types)s::text[]) = 0 OR d.attributes ->> 'type' = ANY (%(types)s::text[]))
   AND (%(within)s::text[] IS NULL OR d.id = ANY (%(within)s::text[]))
) AS heard
 WHERE (away, id) > (%(away)s::float8, %(after)s::text) ORDER BY away, id LIMIT %(limit)s
"""


class Orders:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes

    async def give(self, order: NewOrder, actor: str) -> bool:
        """Enter an order; whether it is new. It is sent down to a vehicle at once; others see it on their page.

        Raises RejectedError where somebody else has used the reference, or there is no such incident, and
        IncidentStateError where the incident is not in a state for it.
        """
        values = {**msgspec.structs.asdict(order), **msgspec.structs.asdict(order.assignee), "id": order.id}
        values |= {"start": to_datetime(order.start), "end": to_datetime(order.end), "actor": actor}
        values["send"] = order.assignee.anybody
        async with self._writes.transaction() as connection:
            if order.incident is not None and not await incidents.there_is(connection, order.incident):
                raise RejectedError(f"incident: there is no {order.incident}")
            if await (await connection.execute(_ENTER, values)).fetchone() is None:
                known = await (await connection.execute(_KNOWN, values)).fetchone()
                if known is None or known[0] != actor:
                    raise RejectedError("reference: is in use; expected one that nobody has used")
                return False
            if order.incident is not None:
                await incidents.ordered(connection, order.incident, order.id, actor)
            detail = {"kind": order.kind, "alert": order.alert, "incident": order.incident, **_named(order.assignee)}
            await log(connection, order.id, actor, "ordered", order.note, detail)
        return True

    async def order(self, order_id: str) -> tuple[Order, tuple[OrderLine, ...]] | None:
        """One with its history, or None."""
        rows = await self._reads.rows(_ONE, {"id": order_id})
        if not rows:
            return None
        lines = await self._reads.rows(_LOG, {"id": order_id})
        return _order(rows[0]), tuple(OrderLine(from_datetime(line[0]), *line[1:]) for line in lines)

    async def page(self, wanted: OrdersWanted, *, cursor: str | None, limit: int) -> Page[Order]:
        """Orders by their planned start."""
        after = cursors.read(cursor, OrderCursor(0, ""))
        values: dict[str, Any] = {
            "after": to_datetime(after.start), "after_id": after.id, "limit": limit + 1, "on": wanted.on,
            "run": wanted.run, "alert": wanted.alert, "incident": wanted.incident, "worker": wanted.own,
            "within": None if wanted.within is None else list(wanted.within),
        }  # fmt: skip
        values |= {name: list(getattr(wanted, name)) for name in ("ids", "vehicles", "devices", "states", "origins")}
        rows = await self._reads.rows(_PAGE, values)
        items = tuple(_order(row) for row in rows[:limit])
        onward = cursors.write(OrderCursor(items[-1].start, items[-1].id)) if len(rows) > limit else None
        return Page(items, onward)

    async def candidates(
        self,
        lon: float,
        lat: float,
        *,
        types: tuple[str, ...] = (),
        within: tuple[str, ...] | None = None,
        cursor: str | None = None,
        limit: int,
    ) -> Page[Candidate]:
        """Vehicles that were heard of late, the nearest first; ``types`` of them, where any are named."""
        after = cursors.read(cursor, CandidateCursor(-1.0, ""))
        values = {"lon": lon, "lat": lat, "types": list(types), "limit": limit + 1, "away": after.away_m}
        values |= {"after": after.vehicle, "within": None if within is None else list(within)}
        rows = await self._reads.rows(_CANDIDATES, values)
        return cursors.page(
            rows, limit, lambda row: Candidate(*row), lambda one: CandidateCursor(one.distance_m, one.vehicle)
        )

    async def assign(self, order_id: str, actor: str, assignee: Assignee) -> bool:
        """Let somebody else do it, from the beginning; False: no such order. Raises OrderStateError."""
        values = {**msgspec.structs.asdict(assignee), "id": order_id, "actor": actor, "send": assignee.anybody}
        async with self._writes.transaction() as connection:
            if not await _allowed(connection, order_id, "assigned"):
                return False
            await connection.execute(_ASSIGN, values)
            await log(connection, order_id, actor, "assigned", "", _named(assignee))
        return True

    async def act(self, order_id: str, actor: str, action: Action, text: str = "") -> bool:
        """A step of its life; False: no such order. Raises OrderStateError."""
        state: State | None = action if action in ("accepted", "done", "cancelled") else None
        async with self._writes.transaction() as connection:
            if not await _allowed(connection, order_id, action):
                return False
            if action != "commented":
                await connection.execute(_STEP, {"id": order_id, "actor": actor, "action": action, "state": state})
            if action == "done":
                await incidents.order_done(connection, order_id, actor)
            await log(connection, order_id, actor, "to send" if action == "sent" else action, text, {})
        return True

    async def send_run(self, run: str, actor: str, lead_min: int) -> int:
        """Let the orders of a plan be sent down, each so many minutes before it begins; how many there are."""
        async with self._writes.transaction() as connection:
            cursor = await connection.execute(_SEND_RUN, {"run": run, "actor": actor, "lead": lead_min})
            count = len(await cursor.fetchall())
            note = AuditNote(
                actor, "order.send_run", f"planning:{run}", "done", {"orders": count, "lead_min": lead_min}
            )
            await audit.enter(connection, note)
        return count


async def log(
    connection: Connection, order_id: str, actor: str, action: str, text: str, detail: Mapping[str, Any]
) -> None:
    """Within somebody's transaction: a line of the history, and the note in the audit."""
    values = {"id": order_id, "actor": actor, "action": action, "text": text}
    await connection.execute(_LINE, {**values, "detail": msgspec.json.encode(detail).decode()})
    told = {"text": text, **detail}
    await audit.enter(connection, AuditNote(actor, f"order.{action}", f"order:{order_id}", "done", told))


async def _allowed(connection: Connection, order_id: str, action: Action) -> bool:
    row = await (await connection.execute(_LOCK, {"id": order_id})).fetchone()
    if row is None:
        return False
    check(action, row[0], order_id)
    return True


def _named(assignee: Assignee) -> dict[str, str]:
    return {name: value for name, value in msgspec.structs.asdict(assignee).items() if value is not None}


def _order(row: Row) -> Order:
    head, start, end, middle = row[:11], from_datetime(row[11]), from_datetime(row[12]), row[13:21]
    entered, by, changed = from_datetime(row[21]), row[22], from_datetime(row[23])
    sent, way, accepted, done = micros_or_none(row[24]), row[25], micros_or_none(row[26]), micros_or_none(row[27])
    return Order(*(*head, start, end, *middle, entered, by, changed, sent, way, accepted, done, *row[28:]))
