"""Plannings that the API asks for: one at a time, in a process beside the hub, remembered for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from secrets import token_hex
from time import time_ns
from typing import Any

import msgspec
import structlog

from api.ports.planning import BusyError, PlanningJob, RunAudit
from devices.errors import SanihubError
from fleet.planning.orders import run_of
from hub.planning.audits import PlanAudits
from hub.planning.entry import enter as enter_plan
from hub.planning.request import Request, Sources, gather, travel_of
from hub.planning.solver_process import solve_apart
from store.orders.plans import WorkOrders

log = structlog.get_logger("hub.planning")

REMEMBERED = 50
MOST_WAITING = 5


class PlanningService:
    """``api.ports.planning.Planning``. What was entered outlives the hub; jobs do not."""

    def __init__(self, sources: Sources, orders: WorkOrders, audits: PlanAudits) -> None:
        self._sources, self._orders, self._audits = sources, orders, audits
        self._jobs: OrderedDict[str, PlanningJob] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def ask(self, wanted: Mapping[str, Any], actor: str, *, enter: bool) -> PlanningJob:
        """Begin a planning. Raises ValueError, BusyError."""
        request = msgspec.convert(wanted, Request)  # msgspec's ValidationError is a ValueError
        if len(self._tasks) >= MOST_WAITING:
            raise BusyError
        job = PlanningJob(token_hex(8), "waiting", time_ns() // 1_000, actor)
        self._keep(job)
        task = asyncio.create_task(self._work(job, request, enter))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, job.id))
        return job

    def job(self, job_id: str) -> PlanningJob | None:
        """A planning that was asked for of late, or None."""
        return self._jobs.get(job_id)

    async def audit(self, run: str) -> RunAudit | None:
        """A plan that was entered against what was done, or None. Raises NotOverError, TransientError."""
        return await self._audits.audit(run)

    async def stop(self) -> None:
        """End what runs, with its solver."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, job: PlanningJob, request: Request, enter: bool) -> None:
        async with self._turn:
            self._keep(job := msgspec.structs.replace(job, state="running"))
            try:
                self._keep(await self._plan(job, request, enter))
            except SanihubError as error:
                log.warning("planning_failed", job=job.id, error=str(error))
                self._keep(msgspec.structs.replace(job, state="failed", fault=str(error)))

    async def _plan(self, job: PlanningJob, request: Request, enter: bool) -> PlanningJob:
        gathered = await gather(request, self._sources)
        travel = await asyncio.to_thread(travel_of, request, gathered.problem)
        plan = await solve_apart(gathered.problem, travel)
        done = msgspec.structs.replace(
            job, state="done", run=run_of(plan), plan=plan, chosen_from=gathered.known, nowhere=gathered.nowhere
        )
        if not enter:
            return done
        entered = await enter_plan(self._orders, plan, request, gathered, job.asked_by)
        return msgspec.structs.replace(done, entered=True, cancelled=entered.cancelled)

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        """A task that broke down leaves no job behind that waits for ever."""
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("planning_broke", job=job_id, exc_info=error)
        if (job := self._jobs.get(job_id)) is not None:
            self._keep(msgspec.structs.replace(job, state="failed", fault=f"a fault of the hub's: {error!r}"))

    def _keep(self, job: PlanningJob) -> None:
        self._jobs[job.id] = job
        while len(self._jobs) > REMEMBERED:
            self._jobs.popitem(last=False)
