"""Audits of entered plans: what was planned against what the trucks drove and what became of the bins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time_ns

from api.ports.planning import NotOverError, RunAudit
from fleet.calendar import span
from fleet.planning.audit import Emptied, audit, overflow_hours
from fleet.planning.orders import plan_id
from fleet.planning.problem import CollectionPlan
from hub.reporting.sources.plans import Rounds
from store.bins.history import BinHistory
from store.fleet.master import FleetMaster
from store.orders.plans import WorkOrders
from store.readers.bins import BinReads
from store.reading import Pool, ReadSession

PAGE = 1_000
TOGETHER = 500  #: bins whose levels are read together
TIMEOUT_S = 60.0


class PlanAudits:
    """See the module. ``clock`` gives now in µs: only shifts that are over are judged."""

    def __init__(self, pool: Pool, orders: WorkOrders, clock: Callable[[], int] = lambda: time_ns() // 1_000) -> None:
        reads = ReadSession(pool, statement_timeout_s=TIMEOUT_S)
        self._orders, self._clock = orders, clock
        self._master, self._bins, self._history = FleetMaster(reads), BinReads(reads), BinHistory(reads)
        self._rounds = Rounds(pool)

    async def audit(self, run: str) -> RunAudit | None:
        """The audit of a plan that was entered; None where there is none of that name.

        Of a plan whose place another has taken the trucks' ways are not judged. Raises NotOverError before its shift
        is over, and TransientError.
        """
        plan = await self._orders.plan(run)
        if plan is None:
            return None
        wanted = {plan_id(run, tour.truck) for tour in plan.tours}
        plans = [one for one in await self._master.plans(plan.on, plan.on) if one.id in wanted]
        shifts = {shift.id: shift for shift in await self._master.shifts()}
        begin, end = span(shifts[plans[0].shift], plan.on) if plans else _hours(plan)
        if end > self._clock():
            raise NotOverError(run, end)
        judged = {one.vehicle: one for one in await self._rounds.rounds(plans)}
        found = audit(plan, await self._emptied(begin, end), judged, await self._overflow_h(plan, begin, end))
        return RunAudit(run, plan.on, begin, end, bool(plans), found)

    async def _emptied(self, begin: int, end: int) -> Sequence[Emptied]:
        found: list[Emptied] = []
        cursor: str | None = None
        while True:
            page = await self._bins.emptyings(start=begin, end=end, cursor=cursor, limit=PAGE)
            found += [Emptied(one.emptying.bin, one.emptying.at, one.emptying.vehicle) for one in page.items]
            if (cursor := page.next_cursor) is None:
                return found

    async def _overflow_h(self, plan: CollectionPlan, begin: int, end: int) -> float | None:
        """Bin-hours of the planned bins beyond the limit; None where none of them said anything."""
        bins = [name for tour in plan.tours for name in tour.bins] + [one.bin for one in plan.unserved]
        rows = await self._bins.bins(end, (), bins) if bins else []
        hours: list[float] = []
        for place in range(0, len(rows), TOGETHER):
            news = await self._history.news([row.key for row in rows[place : place + TOGETHER]], begin, end)
            hours += [overflow_hours(one.fill, begin, end) for one in news.values() if len(one.fill.at)]
        return sum(hours) if hours else None


def _hours(plan: CollectionPlan) -> tuple[int, int]:
    """From the first truck's leaving to the last one's return."""
    ends = [(tour.visits[0].leave, tour.visits[-1].arrive) for tour in plan.tours]
    return min((out for out, _ in ends), default=0), max((back for _, back in ends), default=0)
