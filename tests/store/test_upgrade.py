"""The upgrade from plain to TimescaleDB: wherever it dies, each row is there once, and readers see what they saw."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from devices.clock import DAY
from devices.errors import ConfigError, TransientError
from store import presence
from store.capability import Capability
from store.columnstore import Columnstore
from store.diagnosis import examine
from store.forgetting import Keeping
from store.readers import Readers
from store.schema import Mode
from store.upgrade import Step, upgrade
from store.upgrade_plan import Plan, make_plan
from store.writer import PostgresStore
from tests.hub.cli_runner import invoke
from tests.intake import NOW, TABLES, contents, frame, ingest, make_assembler, make_store
from tests.promises import MINUTE

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
    for day in (0, 3, 8, 15, 16, 40, 800, 3_000):
        for minute in range(0, 60, 10):
            at = NOW - day * DAY - minute * MINUTE
            events = [{"kind": "emptied", "attributes": {"by": minute}}]
            content = {"readings": {"fill_pct": minute}, "fix": {"lat": 30 + minute / 100, "lon": 114}, "events": events}
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
    rows(timescale_dsn, "CREATE ROLE boards_reader; GRANT SELECT ON readings TO boards_reader; GRANT SELECT ON fixes TO PUBLIC")
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
    for table, who in (("readings", "boards_reader"), ("fixes", "boards_reader")):
        assert rows(timescale_dsn, "SELECT has_table_privilege(%s, %s, 'SELECT')", who, table) == [(True,)]
    store = PostgresStore(timescale_dsn, now=lambda: NOW, columnstore=WANTED)
    message = {"ts": NOW, "readings": {"fill_pct": 77}}
    await ingest(store, make_assembler(store), [frame(message, "bin-1")])
    assert (store.mode, store.capability) == (Mode.TIMESCALE, Capability.FULL)
    await store.close()
    assert len(contents(timescale_dsn)["readings"]) == count["readings"] + 1


async def test_within_a_step_it_dies_without_a_trace(timescale_dsn: str) -> None:
    """The connection breaks while a partition is copied, and while the tables are replaced."""
    await fill(timescale_dsn)
    before = contents(timescale_dsn)
    await run_once(timescale_dsn, 1)
    part = (await plan_of(timescale_dsn)).parts[0]
    (columns,) = rows(timescale_dsn, "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0")[0]
    connection = await AsyncConnection.connect(timescale_dsn, prepare_threshold=None)
    copy = f"INSERT INTO {part.table}_hyper ({columns}) SELECT {columns} FROM {part.name}" if part.table == "events" else f"INSERT INTO {part.table}_hyper SELECT * FROM {part.name}"
    await connection.execute(copy.encode())
    await connection.execute(f"DROP TABLE {part.name}".encode())
    await connection.close()  # without a commit
    assert everywhere(timescale_dsn) == {table: len(before[table]) for table in ("readings", "fixes", "events")}
    assert (await run_once(timescale_dsn))[-2:] == ["renamed", "finished"]
    assert contents(timescale_dsn) == before
