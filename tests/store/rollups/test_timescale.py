"""What only TimescaleDB's rollups do: policies, taking over, and going without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from devices.errors import TransientError
from store.rollups import timescale as rollups_timescale
from store.rollups.standing import standing
from store.rollups.steward import take_turn
from store.telemetry.forgetting import Keeping
from tests.rollup_world import World, day, moment, same

POLICIES = """
SELECT proc_name, (config ->> 'start_offset')::interval, schedule_interval FROM timescaledb_information.jobs
 WHERE proc_name = 'policy_refresh_continuous_aggregate' ORDER BY job_id
"""
KEPT = """
INSERT INTO {table} (at, last_at, least, greatest, total, last, device_key, count, metric_key)
SELECT %(at)s, %(at)s, 1, 3, 4, 3, d.key, 2, m.key FROM devices d, metrics m
 WHERE d.id = 'bin-1' AND m.name = 'fill_pct'
"""


@pytest.fixture(scope="module")
def world(timescale_module_dsn: str) -> Iterator[World]:
    made = World(timescale_module_dsn, "timescale")
    asyncio.run(made.prepare())
    yield made


async def test_policies_reach_to_what_is_kept_and_follow_the_settings(world: World) -> None:
    now = day(400)
    every = timedelta(minutes=5)
    for days, reach in ((None, None), (100, timedelta(hours=100 * 24 - 1)), (50, timedelta(hours=50 * 24 - 1))):
        await world.maintain(Keeping(days), now)
        found = world.run(POLICIES)
        assert sorted(found, key=str) == sorted(
            [(name, start, every) for name in ("policy_refresh_continuous_aggregate",) for start in (reach, None)],
            key=str,
        )


async def test_a_policy_refreshes_what_came_late(world: World) -> None:
    """Its job as TimescaleDB runs it, over time as it is."""
    await world.write([("bin-1", "fill_pct", day(500, 1), 10.0)], day(500, 2))
    await world.turn(day(520))
    await world.write([("bin-1", "fill_pct", day(500, 1.5), 20.0)], day(520))
    await world.maintain(Keeping(), day(520))
    jobs = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_refresh_continuous_aggregate'"
    for (job,) in 2 * world.run(jobs):  # days are made of hours, and may have their turn before these
        world.run(f"CALL run_job({job})")
    same(world.hours(), world.expected())
    same(world.days(), world.expected(zone="Asia/Shanghai"))
    async with await world.connect() as connection:
        found = await standing(connection)
    assert (found.kind, found.dirty, found.lag_s(day(600))) == ("timescale", 0, 0.0)


async def test_what_the_hub_kept_of_dropped_readings_is_taken_over(world: World) -> None:
    await world.write([("bin-1", "fill_pct", day(530, 1), 10.0)], day(530, 2))
    for table, ats in (("rollup_hours_kept", (10.5, 30.5)), ("rollup_days_kept", (10 - 1 / 3, 30 - 1 / 3))):
        for at in ats:
            world.run(KEPT.format(table=table), at=moment(0, 24 * at))
    state = "UPDATE rollup_state SET frozen_before = %(frozen)s, days_until = %(until)s"
    world.run(state, frozen=moment(20, 5), until=moment(20, -8))
    async with await world.connect() as connection:
        with pytest.raises(TransientError, match="still being summed up"):
            await rollups_timescale.adopt(connection)
        world.run(state, frozen=moment(20, 5), until=moment(40, -8))
        assert await rollups_timescale.adopt(connection)
    assert world.run("SELECT adopted_until, frozen_before FROM rollup_state") == [(moment(20, 16), moment(20, 16))]
    early = {key: one for key, one in world.hours().items() if key[2] < moment(100)}
    assert early == {("bin-1", "fill_pct", moment(10, 12)): (2, 1.0, 3.0, 2.0, 3.0)}
    early = {key: one for key, one in world.days().items() if key[2] < moment(100)}
    assert early == {("bin-1", "fill_pct", moment(9, 16)): (2, 1.0, 3.0, 2.0, 3.0)}


async def test_without_continuous_aggregates_the_hub_keeps_the_rollups(
    timescale_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under the Apache licence, which refuses them with this error and has hypertables all the same."""
    raised = "DO $$ BEGIN RAISE EXCEPTION 'not supported under the current license' USING ERRCODE = '0A000'; END $$"
    monkeypatch.setattr(rollups_timescale, "_DAYS", raised.replace("{", "{{").replace("}", "}}"))
    world = World(timescale_dsn, "timescale")
    await world.prepare()
    assert world.run("SELECT kind FROM rollup_state") == [("kept",)]
    assert world.run("SELECT count(*) FROM timescaledb_information.continuous_aggregates") == [(0,)]
    await world.write([("bin-1", "fill_pct", day(10, n / 7), float(n)) for n in range(60)], day(12))
    for now in (day(9), day(10, 5), day(12)):
        async with await world.connect() as connection:
            await take_turn(connection, now, 60)
        same(world.hours(), world.expected())
        same(world.days(), world.expected(zone="Asia/Shanghai"))
    hours = world.hours()
    assert await world.maintain(Keeping(20), day(40)) > 0
    assert world.run("SELECT count(*) FROM readings") == [(0,)]
    assert world.hours() == hours
    for name in ("rollup_hours", "rollup_days"):  # what an upgrade binds anew to the table of this name
        with psycopg.connect(timescale_dsn, autocommit=True) as connection:
            connection.execute(rollups_timescale.kept_view(name).encode())
    assert world.hours() == hours
