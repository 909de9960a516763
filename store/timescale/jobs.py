"""TimescaleDB's background jobs on the hub's tables: which there are, whether they run, and what they said when not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg import AsyncConnection

from devices.instants import from_datetime
from store.reading import ReadSession

GRACE = timedelta(hours=1)  #: how long after its time a job may begin before it counts as overdue

# A run that never was stands as minus infinity.
_JOBS = """
SELECT j.job_id, j.proc_name::text, j.hypertable_name::text, j.scheduled, j.schedule_interval,
       nullif(s.last_run_started_at, '-infinity'), nullif(s.last_successful_finish, '-infinity'),
       nullif(coalesce(s.next_start, j.next_start, j.initial_start), '-infinity'),
       s.last_run_status, coalesce(s.job_status, ''), coalesce(s.total_runs, 0), coalesce(s.total_failures, 0),
       (SELECT e.err_message FROM timescaledb_information.job_errors e WHERE e.job_id = j.job_id
         ORDER BY e.finish_time DESC NULLS LAST LIMIT 1),
       now()
  FROM timescaledb_information.jobs j
  LEFT JOIN timescaledb_information.job_stats s USING (job_id)
 WHERE j.hypertable_name IS NOT NULL
 ORDER BY j.job_id
"""


class Job(msgspec.Struct, frozen=True):
    """A background job on a table or a continuous aggregate. Instants in µs; None: never, or not planned.

    ``failing``: its newest run failed. ``overdue``: it should have begun more than an hour ago and has not. ``error``
    is what it said when it failed last, where the server kept it.
    """

    id: int
    procedure: str
    table: str
    scheduled: bool
    started_at: int | None
    succeeded_at: int | None
    next_at: int | None
    runs: int
    failures: int
    failing: bool
    overdue: bool
    error: str | None


class JobReads:
    """The jobs, for the hub that shows them. Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def jobs(self) -> tuple[Job, ...]:
        """As :func:`jobs`."""
        return tuple(job_of(row) for row in await self._session.rows(_JOBS))


async def jobs(connection: AsyncConnection) -> tuple[Job, ...]:
    """The jobs of this database, in the order of their numbers. Needs TimescaleDB in the database."""
    rows = await (await connection.execute(_JOBS)).fetchall()
    return tuple(job_of(row) for row in rows)


def job_of(row: tuple[Any, ...]) -> Job:
    """A job of a row of the question above."""
    number, procedure, table, scheduled, _, started, succeeded, following, outcome, status, runs, failures = row[:12]
    error, now = row[12:]
    late = following is not None and following < now - GRACE and status != "Running"
    return Job(
        number,
        procedure,
        table,
        scheduled,
        _micros(started),
        _micros(succeeded),
        _micros(following),
        runs,
        failures,
        failing=outcome == "Failed",
        overdue=bool(scheduled and late),
        error=error,
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else from_datetime(at)
