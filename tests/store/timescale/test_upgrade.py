"""The upgrade from plain to TimescaleDB: wherever it dies, each row is there once, and readers see what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from click.testing import Result
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from devices.clock import DAY
from devices.errors import ConfigError, TransientError
from store.facts.diagnosis import examine
from store.readers.devices import Readers
from store.schema import Mode
from store.telemetry import presence
from store.telemetry.forgetting import Keeping
from store.telemetry.writer import PostgresStore
from store.timescale.capability import Capability
from store.timescale.columnstore import Columnstore
from store.timescale.upgrade import Step, upgrade
from store.timescale.upgrade_plan import Plan, make_plan
from tests.hub.cli_runner import invoke
from tests.intake import NOW, contents, frame, ingest, make_assembler, make_store
from tests.promises import MINUTE
from tests.servers import wait_until

SPAN = {"start": NOW - 4_000 * DAY, "end": NOW + DAY}
WANTED = Columnstore(30)
ROLLUPS = "SELECT device_key, metric_key, at, count, least, greatest, total, last FROM {} ORDER BY 1, 2, 3"


def rows(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


async def fill(dsn: str) -> None:
    """Weeks of a vehicle and a bin, with a gap, and rows of the default partition."""
    store = make_store(dsn)
    told = []
    for day in (0, 3, 8, 40, 800, 3_000):
        for minute in range(0, 60, 10):
            at = NOW - day * DAY - minute * MINUTE
            events = [{"kind": "emptied", "attributes": {"by": minute}}]
            content = {
                "readings": {"fill_pct": minute},
                "fix": {"lat": 30 + minute / 100, "lon": 114},
                "events": events,
            }
            told += [frame({"ts": at, "seq": minute} | content, device) for device in ("truck-1", "bin-1")]
    await ingest(store, make_assembler(store), told)
    await store.maintain(Keeping())
    await store.close()


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[AsyncConnection]:
    connection = await AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=None)
    async with connection:
        yield connection


async def plan_of(dsn: str) -> Plan:
    async with connected(dsn) as connection:
        return await make_plan(connection)


class Killed(Exception):
    """The upgrade dies here."""


async def run_once(dsn: str, dies_after: int | None = None) -> list[str]:
    """Run the upgrade as a process would, and let it die after so many steps; the names of the steps that were told."""
    heard: list[str] = []

    def told(step: Step) -> None:
        heard.append(step.name)
        if len(heard) == dies_after:
            raise Killed

    async with connected(dsn) as connection:
        plan = await make_plan(connection)
        with contextlib.suppress(Killed):
            await upgrade(connection, plan.parts, chunk_days=7, wanted=WANTED, now=NOW, told=told)
    return heard


def everywhere(dsn: str) -> dict[str, int]:
    """How many rows there are of each table, in its place and beside it."""
    counts = {}
    for table in ("readings", "fixes", "events"):
        (begun,) = rows(dsn, "SELECT to_regclass(%s) IS NOT NULL", f"{table}_hyper")[0]
        there = rows(dsn, f"SELECT count(*) FROM {table}")[0][0]
        counts[table] = there + (rows(dsn, f"SELECT count(*) FROM {table}_hyper")[0][0] if begun else 0)
    return counts


async def answers(dsn: str) -> dict[str, Any]:
    pool = AsyncConnectionPool(dsn, min_size=1, max_size=1, kwargs={"autocommit": True}, open=False)
    async with pool:
        reads = Readers.over(pool).telemetry
        series = await reads.series("truck-1", "fill_pct", **SPAN, cursor=None, limit=1_000)
        track = await reads.track("truck-1", **SPAN, include_invalid=True, cursor=None, limit=1_000)
        events = await reads.events("truck-1", **SPAN, cursor=None, limit=1_000)
        buckets = await reads.buckets("bin-1", "fill_pct", **SPAN, width=60 * MINUTE)
    assert series.items and track.items and events.items and buckets
    return {"series": series, "track": track, "events": events, "buckets": buckets}


async def test_wherever_it_dies_each_row_is_there_once(timescale_dsn: str) -> None:
    """It dies after each step in turn, and each time somebody looks; then the hub goes on, in TimescaleDB mode."""
    await fill(timescale_dsn)
    rows(
        timescale_dsn,
        "GRANT SELECT ON readings TO pg_monitor; GRANT SELECT ON fixes TO PUBLIC",
    )
    rows(timescale_dsn, "CREATE VIEW of_others AS SELECT device_key, max(value) AS most FROM readings GROUP BY 1")
    before, seen = contents(timescale_dsn), await answers(timescale_dsn)
    summed_up = {name: rows(timescale_dsn, ROLLUPS.format(name)) for name in ("rollup_hours", "rollup_days")}
    others = rows(timescale_dsn, "SELECT * FROM of_others ORDER BY 1")
    indexes = rows(timescale_dsn, "SELECT indexname FROM pg_indexes WHERE tablename = 'readings' ORDER BY 1")
    count = {table: len(before[table]) for table in ("readings", "fixes", "events")}
    plan = await plan_of(timescale_dsn)
    assert plan.obstacles == ()
    assert (plan.mode, plan.begun, plan.size_bytes > 0) == (Mode.PLAIN, False, True)
    assert plan.room_bytes == 2 * max(part.size_bytes for part in plan.parts)

    left = len(plan.parts)
    assert await run_once(timescale_dsn, 1) == ["begun"]
    assert everywhere(timescale_dsn) == count
    with pytest.raises(ConfigError, match="sanihub store upgrade"):
        await make_store(timescale_dsn, "auto").open()
    assert (await examine(timescale_dsn)).upgrade_begun
    for again in range(left):
        assert await run_once(timescale_dsn, 2) == ["begun", "moved"]
        assert everywhere(timescale_dsn) == count, f"after {again + 1} runs"
        plan = await plan_of(timescale_dsn)
        assert (plan.begun, len(plan.parts)) == (True, left - again - 1)
    assert await run_once(timescale_dsn, 2) == ["begun", "renamed"]
    assert everywhere(timescale_dsn) == count
    plan = await plan_of(timescale_dsn)
    assert (plan.mode, plan.begun, plan.parts) == (Mode.TIMESCALE, False, ())
    assert await run_once(timescale_dsn) == ["finished"]
    assert await run_once(timescale_dsn) == ["finished"], "once more changes nothing"

    assert contents(timescale_dsn) == before
    assert await answers(timescale_dsn) == seen
    assert {name: rows(timescale_dsn, ROLLUPS.format(name)) for name in summed_up} == summed_up
    assert rows(timescale_dsn, "SELECT * FROM of_others ORDER BY 1") == others
    now_there = rows(timescale_dsn, "SELECT indexname FROM pg_indexes WHERE tablename = 'readings' ORDER BY 1")
    assert set(indexes) <= set(now_there)
    for table, who in (("readings", "pg_monitor"), ("fixes", "pg_monitor")):
        assert rows(timescale_dsn, "SELECT has_table_privilege(%s, %s, 'SELECT')", who, table) == [(True,)]
    store = PostgresStore(timescale_dsn, now=lambda: NOW, columnstore=WANTED)
    message = {"ts": NOW, "readings": {"fill_pct": 77}}
    await ingest(store, make_assembler(store), [frame(message, "bin-1")])
    assert (store.mode, store.capability) == (Mode.TIMESCALE, Capability.FULL)
    await store.close()
    assert len(contents(timescale_dsn)["readings"]) == count["readings"] + 1


async def test_killed_again_and_again_it_ends_with_every_row(timescale_dsn: str) -> None:
    """The command itself, ended by SIGKILL at whatever it is doing."""
    await fill(timescale_dsn)
    before = contents(timescale_dsn)
    count = {table: len(before[table]) for table in ("readings", "fixes", "events")}
    for _ in range(3):
        left = len((await plan_of(timescale_dsn)).parts)
        with upgrading(timescale_dsn) as process:
            wait_until(partial(fewer, timescale_dsn, left, process), "a partition is moved")
        assert everywhere(timescale_dsn) == count
    result = await command("store", "upgrade", "--yes", dsn=timescale_dsn)
    assert (result.exit_code, "An earlier run was interrupted" in result.stdout) == (0, True), result.output
    assert contents(timescale_dsn) == before
    told = json.loads((await command("store", "status", "--json", dsn=timescale_dsn)).stdout)
    assert (told["mode"], told["capability"], told["upgrade_begun"]) == ("timescale", "full", False)
    assert {held["table"] for held in told["holdings"] if held["parts"] > 0} == {"readings", "fixes", "events"}
    assert "policy_compression" in {job["procedure"] for job in told["jobs"]}


def fewer(dsn: str, partitions: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has moved one of so many partitions, or has ended."""
    query = "SELECT count(*) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY (%s)"
    left = rows(dsn, query + " AND p.relkind = 'p'", ["readings", "fixes", "events"])
    return bool(left[0][0] < partitions) or process.poll() is not None


async def command(*argv: str, **more: Any) -> Result:
    """The command line, which has a loop of its own."""
    return await asyncio.to_thread(invoke, *argv, **more)


@contextlib.contextmanager
def upgrading(dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "hub.cli", "store", "upgrade", "--yes"]
    process = subprocess.Popen(command, env=os.environ | {"SANIHUB_STORE__DSN": dsn}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# What stands in the way.


async def test_a_dry_run_tells_and_changes_nothing(timescale_dsn: str) -> None:
    await fill(timescale_dsn)
    before = contents(timescale_dsn)
    result = await command("store", "upgrade", "--dry-run", dsn=timescale_dsn)
    assert result.exit_code == 0, result.output
    for word in ("readings", "fixes", "events", "Room wanted"):
        assert word in result.stdout
    asked = await command("store", "upgrade", dsn=timescale_dsn, stdin=b"n\n")
    assert (asked.exit_code, "a backup made" in asked.stdout) == (1, True)
    assert contents(timescale_dsn) == before
    plan = await plan_of(timescale_dsn)
    assert (plan.mode, plan.begun) == (Mode.PLAIN, False)
    facts = await examine(timescale_dsn)
    assert facts.timescaledb_used is None


async def test_what_stands_in_the_way_is_told_all_at_once(postgres_dsn: str) -> None:
    """A hub that writes is found by the lock that its writer holds, and not when that is gone, however it died."""
    store = make_store(postgres_dsn)
    await store.open()
    rows(postgres_dsn, "CREATE MATERIALIZED VIEW newest AS SELECT max(observed_at) AS at FROM fixes")
    result = await command("store", "upgrade", "--dry-run", dsn=postgres_dsn, SANIHUB_STORE__MODE="plain")
    told = str(result.exception)
    assert isinstance(result.exception, ConfigError)
    for word in ("does not offer the timescaledb extension", "writes to this store", "newest (of fixes)"):
        assert word in told
    async with connected(postgres_dsn) as connection:
        assert len(await presence.writers(connection)) == 1
        assert not await presence.take_alone(connection)
        held = """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
        ((pid,),) = rows(postgres_dsn, held)
        other = make_store(postgres_dsn)
        await other.open()  # several may write at once
        assert len(await presence.writers(connection)) == 2
        await other.close()
        rows(postgres_dsn, "SELECT pg_terminate_backend(%s, 5000)", pid)
        wait_until(lambda: rows(postgres_dsn, held) == [], "the server lets go of their locks")
        assert await presence.writers(connection) == []
        assert await presence.take_alone(connection)
        with pytest.raises(TransientError, match="has the store to itself"):
            await make_store(postgres_dsn).open()
        for reason in ("terminating connection", "has the store to itself"):
            with pytest.raises(TransientError, match=reason):
                await store.newest_reception()
        await presence.leave(connection)
    assert await store.newest_reception() is None
    await store.close()


async def test_a_hub_that_was_away_goes_on_in_the_new_mode(timescale_dsn: str) -> None:
    """Its connection broke, the upgrade was made meanwhile, and the batch that it has tries again."""
    await fill(timescale_dsn)
    store = PostgresStore(timescale_dsn, now=lambda: NOW, mode="auto")
    assembler = make_assembler(store)
    await ingest(store, assembler, [frame({"ts": NOW, "readings": {"fill_pct": 71}}, "bin-1")])
    assert store.mode is Mode.PLAIN
    await store.close()
    await run_once(timescale_dsn)
    await ingest(store, assembler, [frame({"ts": NOW, "readings": {"fill_pct": 72}}, "bin-1")])
    assert store.mode is Mode.TIMESCALE
    await store.close()
    assert [row[3] for row in contents(timescale_dsn)["readings"] if row[3] > 70] == [71, 72]


def test_nothing_to_upgrade(postgres_dsn: str) -> None:
    result = invoke("store", "upgrade", dsn=postgres_dsn)
    assert "no tables of a hub" in str(result.exception)
    told = json.loads(invoke("store", "status", "--json", dsn=postgres_dsn).stdout)
    assert (told["mode"], told["capability"], told["holdings"]) == (None, "plain", [])
