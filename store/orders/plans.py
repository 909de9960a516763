"""Plans of collection with the work orders that they become: entered once, and read again for the audit.

What becomes of the orders is in :mod:`store.orders`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devices.access import AuditNote
from devices.instants import to_datetime
from fleet.master.collection import Master
from fleet.planning.orders import WorkOrder, hours, run_of, work_orders
from fleet.planning.problem import CollectionPlan
from store.access import audit
from store.fleet.entry import FleetEntry
from store.reading import ReadSession
from store.writing import WriteSession

NOTHING = Master()
_LOCK = "SELECT pg_advisory_xact_lock(1514229580)"
_RUN = """
INSERT INTO planning_runs (id, on_date, method, content, entered_by)
VALUES (%(run)s, %(on)s, %(method)s, %(content)s::text::jsonb, %(actor)s)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_SUPERSEDE = """
UPDATE work_orders SET state = 'cancelled', changed_at = now(), changed_by = %(actor)s
 WHERE run <> %(run)s AND state = 'planned' AND on_date = %(on)s
   AND planned_start < %(end)s AND planned_end > %(start)s
"""
# A truck's tour that nobody was told of and that is wholly cancelled is planned no more; its route just ends.
_WITHDRAW = """
DELETE FROM plans WHERE id IN (
    SELECT run || ':' || vehicle FROM work_orders WHERE run <> %(run)s AND on_date = %(on)s
     GROUP BY run, vehicle HAVING bool_and(state = 'cancelled'))
"""
_ORDERS = """
INSERT INTO work_orders (id, run, kind, state, on_date, vehicle, device, place, sequence, planned_start, planned_end,
                         reason, lon, lat, changed_by)
SELECT id, run, kind, state, on_date, vehicle, device, place, sequence, planned_start, planned_end, reason, lon, lat,
       %(actor)s
  FROM unnest(%(id)s::text[], %(run)s::text[], %(kind)s::text[], %(state)s::text[], %(on)s::date[],
              %(vehicle)s::text[], %(device)s::text[], %(place)s::text[], %(sequence)s::integer[],
              %(start)s::timestamptz[], %(end)s::timestamptz[], %(reason)s::text[], %(lon)s::float8[],
              %(lat)s::float8[])
    AS o (id, run, kind, state, on_date, vehicle, device, place, sequence, planned_start, planned_end, reason, lon, lat)
ON CONFLICT (id) DO NOTHING
"""
_CONTENT = "SELECT content::text FROM planning_runs WHERE id = %(run)s"
_FIELDS = ("id", "run", "kind", "state", "on", "vehicle", "device", "place", "sequence", "reason", "lon", "lat")


class EnteredRun(msgspec.Struct, frozen=True):
    """What became of a plan: its name, how many orders it has, and whether it was there already.

    ``cancelled`` orders of earlier plans for the same hours were still unsent; this plan takes their place.
    """

    run: str
    orders: int
    known: bool
    cancelled: int = 0


class WorkOrders:
    """Raises TransientError while the store is away."""

    def __init__(self, reads: ReadSession, writes: WriteSession) -> None:
        self._reads = reads
        self._writes = writes
        self._fleet = FleetEntry(writes)

    async def enter(self, plan: CollectionPlan, actor: str, master: Master = NOTHING) -> EnteredRun:
        """Enter a plan with its orders, whole or not at all, with an entry in the audit. A second time is no change.

        ``master`` is what becomes of it as master data (:func:`fleet.planning.orders.master_of`), entered with it;
        plans of tours whose place it takes are withdrawn. Raises NotEnteredError for what does not fit.
        """
        run, orders = run_of(plan), work_orders(plan)
        start, end = (to_datetime(at) for at in hours(orders))
        values = {"run": run, "on": plan.on, "actor": actor, "start": start, "end": end}
        content = msgspec.json.encode(plan).decode()
        async with self._writes.transaction() as connection:
            await connection.execute(_LOCK)  # of two plans for the same hours, one takes the place of the other
            cursor = await connection.execute(_RUN, {**values, "method": plan.method, "content": content})
            if await cursor.fetchone() is None:
                return EnteredRun(run, len(orders), known=True)
            cancelled = (await connection.execute(_SUPERSEDE, values)).rowcount
            withdrawn = (await connection.execute(_WITHDRAW, values)).rowcount
            await connection.execute(_ORDERS, {**_columns(orders), "actor": actor})
            await self._fleet.enter(master, actor, details={"run": run}, within=connection)
            details = {"orders": len(orders), "unserved": len(plan.unserved), "cancelled": cancelled}
            details["withdrawn"] = withdrawn
            await audit.enter(connection, AuditNote(actor, "planning.enter", f"planning:{run}", "done", details))
        return EnteredRun(run, len(orders), known=False, cancelled=cancelled)

    async def plan(self, run: str) -> CollectionPlan | None:
        """A plan that was entered, or None."""
        rows = await self._reads.rows(_CONTENT, {"run": run})
        return msgspec.json.decode(rows[0][0], type=CollectionPlan) if rows else None


def _columns(orders: Sequence[WorkOrder]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {name: [getattr(one, name) for one in orders] for name in _FIELDS}
    columns["start"] = [to_datetime(one.start) for one in orders]
    columns["end"] = [to_datetime(one.end) for one in orders]
    return columns
