"""TimescaleDB's background jobs: what the hub, its metrics and `sanihub doctor` tell of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.instants import from_datetime, to_iso
from hub.store_watch import StoreWatch
from store.reading import ReadSession
from store.telemetry.writer import PostgresStore
from store.timescale.columnstore import Columnstore
from store.timescale.jobs import Job, JobReads
from tests.hub.cli_runner import invoke
from tests.intake import NOW, frame, ingest, make_assembler
from tests.promises import MINUTE
from tests.servers import wait_until
from tests.timescale_server import pglite_database

OLD = NOW - 60 * 1440 * MINUTE


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """Without background workers: these tests play the scheduler, and no other may."""
    with pglite_database() as dsn:
        asyncio.run(prepare(dsn))
        yield dsn


async def prepare(dsn: str) -> None:
    store = make_store(dsn)
    content = {"readings": {"fill_pct": 1}, "fix": {"lat": 30, "lon": 114}, "events": [{"kind": "emptied"}]}
    await ingest(store, make_assembler(store), [frame({"ts": OLD} | content)])
    await store.close()


def make_store(dsn: str) -> PostgresStore:
    return PostgresStore(dsn, mode="timescale", columnstore=Columnstore(30), now=lambda: NOW)


def rows(dsn: str, statement: str, *values: object, **named: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), named or values or None)
        return cursor.fetchall() if cursor.description else []


def policy(dsn: str, table: str) -> int:
    query = """SELECT job_id FROM timescaledb_information.jobs
                WHERE proc_name = 'policy_compression' AND hypertable_name = %s"""
    return int(rows(dsn, query, table)[0][0])


def run(dsn: str, job: int) -> str | None:
    """Run a job in the foreground and note its run as the scheduler does; run_job itself notes nothing.

    Returns what it said when it failed.

    The tables and their columns are the scheduler's own, so that the views of TimescaleDB tell of it.
    """
    failed: psycopg.Error | None = None
    try:
        rows(dsn, f"CALL run_job({job})")
    except psycopg.Error as error:
        failed = error
    rows(
        dsn,
        """INSERT INTO _timescaledb_internal.bgw_job_stat AS s
                  (job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success, total_runs,
                   total_duration, total_duration_failures, total_successes, total_failures, total_crashes,
                   consecutive_failures, consecutive_crashes, flags)
           VALUES (%(job)s, now(), now(), now() + interval '12 hours',
                   CASE WHEN %(failed)s THEN '-infinity' ELSE now() END, NOT %(failed)s, 1, '1 s', '0 s',
                   (NOT %(failed)s)::int, (%(failed)s)::int, 0, (%(failed)s)::int, 0, 0)
           ON CONFLICT (job_id) DO UPDATE
              SET last_start = now(), last_finish = now(), next_start = excluded.next_start,
                  last_successful_finish = greatest(s.last_successful_finish, excluded.last_successful_finish),
                  last_run_success = excluded.last_run_success, total_runs = s.total_runs + 1,
                  total_successes = s.total_successes + excluded.total_successes,
                  total_failures = s.total_failures + excluded.total_failures""",
        job=job,
        failed=failed is not None,
    )
    if failed is not None:
        told = {
            "job": {"proc_name": "policy_compression"},
            "error_data": {"message": failed.diag.message_primary, "sqlerrcode": failed.sqlstate},
        }
        rows(
            dsn,
            """INSERT INTO _timescaledb_internal.bgw_job_stat_history
                      (job_id, pid, execution_start, execution_finish, succeeded, data)
               VALUES (%s, 1, now(), now(), false, %s::jsonb)""",
            job,
            json.dumps(told),
        )
    return None if failed is None else failed.diag.message_primary


def spoil(dsn: str, job: int) -> None:
    """Let a policy fail: it is told to work on a table that is not there. Needs a superuser."""
    broken = """UPDATE _timescaledb_config.bgw_job SET config = jsonb_set(config, '{hypertable_id}', '4711')
                 WHERE id = %s"""
    rows(dsn, broken, job)


def doctor(dsn: str) -> list[dict[str, Any]]:
    told = json.loads(invoke("doctor", "--json", dsn=dsn, SANIHUB_API__PORT="0").stdout)
    return [finding for finding in told["checks"] if finding["check"] in ("background jobs", "mode")]


async def watched(dsn: str) -> tuple[dict[str, list[tuple[dict[str, str], float]]], tuple[Job, ...]]:
    """The metrics of a hub that has just looked, and what it saw."""
    store = make_store(dsn)
    await store.open()
    async with AsyncConnectionPool(dsn, min_size=1, max_size=1, kwargs={"autocommit": True}, open=False) as pool:
        watch = StoreWatch(store, JobReads(ReadSession(pool)))
        await watch.look()
    await store.close()
    found = {one.name: [(dict(sample.labels), sample.value) for sample in one.samples] for one in watch.families()}
    return found, watch.jobs


def test_chunks_that_nobody_converts_are_told(dsn: str) -> None:
    """No worker ever began: there is nothing to be late, and the chunks themselves tell."""
    _, finding = doctor(dsn)
    assert (finding["state"], finding["detail"]) == (
        "warn",
        "chunks that should be in the columnstore and are not: 1 of readings, 1 of fixes, 1 of events",
    )
    for table in ("readings", "fixes", "events"):
        run(dsn, policy(dsn, table))
    _, finding = doctor(dsn)
    assert finding["state"] == "ok"
    assert ", 3 of them have run" in finding["detail"]
    status = invoke("store", "status", dsn=dsn).stdout
    assert "in the columnstore" in status and "policy_compression" in status


def test_a_job_that_fails_is_told_with_what_it_said(dsn: str) -> None:
    good, bad = policy(dsn, "readings"), policy(dsn, "fixes")
    run(dsn, good)
    spoil(dsn, bad)
    run(dsn, bad)
    said = run(dsn, bad)
    families, jobs = asyncio.run(watched(dsn))
    by_id = {job.id: job for job in jobs}
    assert (by_id[good].runs, by_id[good].failures, by_id[good].failing, by_id[good].overdue) == (2, 0, False, False)
    assert (by_id[bad].runs, by_id[bad].failures, by_id[bad].failing, by_id[bad].table) == (3, 2, True, "fixes")
    assert said is not None
    assert by_id[bad].error == said
    labels = {"job": str(bad), "procedure": "policy_compression", "table": "fixes"}
    assert (labels, 2) in families["sanihub_store_job_runs_failed_total"]
    last = families["sanihub_store_job_last_success_timestamp_seconds"]
    succeeded = {labels["table"]: at for labels, at in last}
    ((at,),) = rows(dsn, "SELECT last_successful_finish FROM timescaledb_information.job_stats WHERE job_id = %s", good)
    assert succeeded["readings"] == pytest.approx(from_datetime(at) / 1e6)
    good_at = by_id[bad].succeeded_at
    assert good_at is not None
    assert families["sanihub_store_info"][0][0]["capability"] == "full"
    mode, *findings = doctor(dsn)
    assert (mode["state"], "capability full" in mode["detail"]) == ("ok", True)
    (finding,) = [one for one in findings if f"job {bad}," in one["detail"]]
    assert finding["state"] == "warn"
    assert f"2 of 3 runs; a good run last at {to_iso(good_at)}): {said}" in finding["detail"]
    assert f"alter_job({bad}" in finding["advice"]


def test_a_job_that_does_not_begin_is_told(dsn: str) -> None:
    job = policy(dsn, "readings")
    run(dsn, job)
    rows(
        dsn,
        "UPDATE _timescaledb_internal.bgw_job_stat SET next_start = now() - interval '3 hours' WHERE job_id = %s",
        job,
    )
    families, jobs = asyncio.run(watched(dsn))
    assert [one.overdue for one in jobs if one.id == job] == [True]
    assert {labels["table"]: late for labels, late in families["sanihub_store_job_overdue"]}["readings"] == 1
    (finding,) = [one for one in doctor(dsn) if f"job {job}," in one["detail"]]
    assert (finding["state"], "should have begun" in finding["detail"]) == ("warn", True)
    assert "timescaledb.max_background_workers" in finding["advice"]


# On a full server alone.


def test_background_workers_convert_and_tell(timescale_workers_dsn: str) -> None:
    """The scheduler's own runs: a policy converts, is made to fail, and both are told."""
    dsn = timescale_workers_dsn
    asyncio.run(prepare(dsn))
    chunks = "SELECT bool_and(is_compressed) FROM timescaledb_information.chunks"
    wait_until(lambda: rows(dsn, chunks) == [(True,)], "the chunks are converted")
    job = policy(dsn, "readings")
    wait_until(lambda: asyncio.run(watched(dsn))[1][0].succeeded_at is not None, "a good run is told")
    spoil(dsn, job)
    rows(dsn, "SELECT alter_job(%s, next_start => now())", job)
    wait_until(lambda: any(one.failing for one in asyncio.run(watched(dsn))[1]), "the run that failed is told")
    ((reason,),) = rows(
        dsn, "SELECT DISTINCT err_message FROM timescaledb_information.job_errors WHERE job_id = %s", job
    )
    assert any(reason in finding["detail"] for finding in doctor(dsn))
