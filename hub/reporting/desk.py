"""The desk for reports: jobs that make them, and everything that people ask of them afterwards."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from time import time_ns
from uuid import uuid4

import msgspec
import structlog

from api.ports.reports import BusyError, JobEntry, RenderedReport
from devices.errors import TransientError
from devices.read_models import Page
from fleet.reports.document import Document
from fleet.reports.format import Edition, file_name, formats
from fleet.reports.kind import OrderError, checked
from fleet.reports.records import Report, ReportEntry
from fleet.reports.revision import Order
from fleet.reports.words import Language
from hub.reporting.making import make
from store.reading import Pool, ReadSession
from store.reports.revisions import Reports
from store.writing import WriteSession

log = structlog.get_logger("reports")

MOST_WAITING = 20  #: jobs that are not done; one at a time is worked on, for they share the database with the intake
MOST_KEPT = 200  #: jobs that are remembered; what they made is in the store anyway
MOST_DRAWN = 2  #: files that are written at the same time


class ReportDesk:
    """Fulfils ``api.ports.reports.ReportDesk``. Jobs are of this process: a restart forgets those that wait."""

    def __init__(self, pool: Pool) -> None:
        reads, writes = ReadSession(pool, statement_timeout_s=60.0), WriteSession(pool, statement_timeout_s=30.0)
        self._pool = pool
        self.store = Reports(reads, writes)
        self._jobs: OrderedDict[str, JobEntry] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)
        self._drawing = asyncio.Semaphore(MOST_DRAWN)

    def order(self, order: Order, actor: str) -> JobEntry:
        """Enter a job. Raises OrderError for one that cannot be made, BusyError when too many wait."""
        checked(order)
        if len(self._tasks) >= MOST_WAITING:
            raise BusyError(f"{MOST_WAITING} reports are waiting to be made; try again later")
        job = JobEntry(uuid4().hex, order, actor, time_ns() // 1_000)
        self._jobs[job.id] = job
        while len(self._jobs) > MOST_KEPT:
            self._forget_one()
        task = asyncio.create_task(self._work(job.id))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))
        return job

    def job(self, job_id: str) -> JobEntry | None:
        """How far a job is; None for one that is not remembered."""
        return self._jobs.get(job_id)

    def cancel(self, job_id: str) -> JobEntry | None:
        """End a job that is not done; it ends behind the piece that it is at."""
        task = self._tasks.get(job_id)
        if task is not None:
            task.cancel()
            self._change(job_id, state="cancelled")
        return self._jobs.get(job_id)

    async def stop(self) -> None:
        """End all jobs."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def reports(
        self, *, kind: str | None, like: int | None, without: tuple[str, ...], cursor: str | None, limit: int
    ) -> Page[ReportEntry]:
        """Revisions, the newest first; ``like``: only those of the same order as that report."""
        order = None
        if like is not None:
            found = await self.store.report(like)
            if found is None:
                return Page((), None)
            order = found.entry.order
        return await self.store.reports(kind=kind, order=order, without=without, cursor=cursor, limit=limit)

    async def report(self, report_id: int) -> Report | None:
        """A revision with what it says."""
        return await self.store.report(report_id)

    async def rendered(
        self, report: Report, name: str, language: Language, table: str | None, bom: bool = True
    ) -> RenderedReport:
        """A revision as a file. Raises ValueError for a table that is not there."""
        edition = Edition(report.document, report.stamp, language, table, bom)
        async with self._drawing:
            return await asyncio.to_thread(render, edition, name)

    async def sign(self, report_id: int, actor: str, name: str, comment: str) -> int | None:
        """Somebody signs a revision."""
        return await self.store.sign(report_id, actor, name, comment)

    async def appeal(self, report_id: int, actor: str, name: str, about: str, reason: str) -> int | None:
        """Somebody does not agree."""
        return await self.store.appeal(report_id, actor, name, about, reason)

    async def decide(self, report_id: int, appeal: int, *, accepted: bool, decision: str, actor: str) -> bool:
        """Decide an appeal."""
        return await self.store.decide(report_id, appeal, accepted=accepted, decision=decision, actor=actor)

    async def _work(self, job_id: str) -> None:
        job = self._jobs[job_id]
        try:
            async with self._turn:
                self._change(job_id, state="working")
                document = await make(job.order, self._pool, lambda done, whole: self._told(job_id, done, whole))
                await self._kept(job_id, document)
        except OrderError as error:
            self._change(job_id, state="failed", error=str(error))
        except TransientError as error:
            self._change(job_id, state="failed", error=f"the store is away: {error}")
        except Exception:
            # A report's own fault must cost its job, and not the desk with all that wait for their turn.
            log.exception("report_failed", job=job_id, kind=job.order.kind)
            self._change(job_id, state="failed", error="something went wrong inside the hub; its log has more")

    async def _kept(self, job_id: str, document: Document) -> None:
        job = self._jobs[job_id]
        report = await self.store.keep(job.order, document, job.actor)
        self._change(job_id, state="done", report=report.entry.id, made=report.made, ended_at=time_ns() // 1_000)

    def _told(self, job_id: str, done: int, whole: int) -> None:
        self._change(job_id, done=done, whole=whole)

    def _change(self, job_id: str, **fields: object) -> None:
        if job_id in self._jobs:
            self._jobs[job_id] = msgspec.structs.replace(self._jobs[job_id], **fields)

    def _forget_one(self) -> None:
        done: Mapping[str, JobEntry] = {name: job for name, job in self._jobs.items() if name not in self._tasks}
        self._jobs.pop(next(iter(done or self._jobs)))


def render(edition: Edition, name: str) -> RenderedReport:
    """An edition in a format, by the format's name."""
    made = formats()[name]
    content = made.write(edition)
    table = f"-{edition.table}" if edition.table else ""
    safe = "".join(char if char.isascii() and (char.isalnum() or char == "-") else "_" for char in table)
    return RenderedReport(content, made.media_type(edition), f"{file_name(edition)}{safe}.{made.suffix(edition)}")
