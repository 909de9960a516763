"""What the store is made of and how TimescaleDB's background jobs fare: asked every minute, told in ``/metrics``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import structlog

from api.ports.probe import MetricFamily, Sample
from devices.errors import TransientError
from ingest.runner import pause
from store.telemetry.writer import PostgresStore
from store.timescale.capability import Capability
from store.timescale.jobs import Job, JobReads

log = structlog.get_logger("hub.store")

FIRST_S = 5.0
LOOK_S = 60.0


class StoreWatch:
    """The newest view of the jobs. Without the capability ``full`` there are none."""

    def __init__(self, store: PostgresStore, reads: JobReads) -> None:
        self.jobs: tuple[Job, ...] = ()
        self._store = store
        self._reads = reads
        self._troubled: frozenset[int] = frozenset()

    async def run(self, stop: asyncio.Event) -> None:
        """Look every minute until ``stop``; while the store is away, what was seen last stays."""
        await pause(stop, FIRST_S)
        while not stop.is_set():
            await self.look()
            await pause(stop, LOOK_S)

    async def look(self) -> None:
        """Ask once. A job that begins to fail or to be late, and one that ends it, is one line of the log."""
        if self._store.capability is not Capability.FULL:
            self.jobs = ()
            return
        try:
            self.jobs = await self._reads.jobs()
        except TransientError:
            return
        troubled = frozenset(job.id for job in self.jobs if job.failing or job.overdue)
        for job in self.jobs:
            if job.id in troubled - self._troubled:
                log.warning("store_job_troubled", job=job.id, procedure=job.procedure, table=job.table, error=job.error)
            elif job.id in self._troubled - troubled:
                log.info("store_job_recovered", job=job.id, procedure=job.procedure, table=job.table)
        self._troubled = troubled

    def families(self) -> Iterator[MetricFamily]:
        """The families of ``/metrics``; answers from memory."""
        store = self._store
        labels = {
            "mode": store.mode.value if store.mode else "unknown",
            "capability": store.capability.value if store.capability else "unknown",
            "timescaledb_version": store.timescaledb_version or "",
        }
        yield MetricFamily("sanihub_store_info", "What the store is made of", (Sample(1, labels),))
        if not self.jobs:
            return
        named = [(job, {"job": str(job.id), "procedure": job.procedure, "table": job.table}) for job in self.jobs]
        runs = tuple(Sample(job.runs, labels) for job, labels in named)
        yield MetricFamily("sanihub_store_job_runs_total", "Runs of TimescaleDB's jobs", runs, "counter")
        failed = tuple(Sample(job.failures, labels) for job, labels in named)
        yield MetricFamily("sanihub_store_job_runs_failed_total", "Runs of them that failed", failed, "counter")
        last = tuple(Sample(job.succeeded_at / 1e6, labels) for job, labels in named if job.succeeded_at is not None)
        yield MetricFamily("sanihub_store_job_last_success_timestamp_seconds", "End of the last good run", last)
        late = tuple(Sample(float(job.overdue), labels) for job, labels in named)
        yield MetricFamily("sanihub_store_job_overdue", "1 while a job does not begin when it should", late)
