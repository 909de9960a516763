"""The steward of the rollups that the hub keeps, against writers and against its own death."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import AsyncConnection

from devices.errors import TransientError
from devices.instants import from_datetime, to_datetime
from store.fleet import tracker_writes
from store.rollups import notes as rollups
from store.rollups import steward as rollup_steward
from store.rollups.notes import HOUR
from store.rollups.standing import RollupKeeper, standing
from store.telemetry.forgetting import Keeping
from store.telemetry.partitions import Partitions
from tests.intake import NOW
from tests.rollup_world import DAY, MINUTE, World, day, moment, same

ZONE = "Asia/Shanghai"


@pytest.fixture(scope="module")
def world(postgres_module_dsn: str) -> Iterator[World]:
    made = World(postgres_module_dsn, "plain")
    asyncio.run(made.prepare())
    yield made


@pytest.fixture
async def begin(world: World) -> int:
    """A day behind all that is stored, at whose beginning everything is summed up."""
    row = world.run("SELECT greatest(max(observed_at), (SELECT threshold FROM rollup_state)) FROM readings")[0][0]
    number = 0 if row is None else (from_datetime(row) - day(0)) // DAY + 3
    await world.write(
        [("bin-1", "fill_pct", day(number, -20), 1.0), ("bin-1", "battery_v", day(number, -20), 3.0)], day(number)
    )
    await world.turn(day(number, 2))
    return int(number)


_ADD = """
WITH added AS (
    INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)
    SELECT d.key, m.key, 0, %(at)s, %(value)s, %(at)s FROM devices d, metrics m
     WHERE d.id = 'bin-1' AND m.name = %(metric)s RETURNING device_key, metric_key, observed_at, value)
INSERT INTO latest_readings AS l SELECT *, 0 FROM added
ON CONFLICT (device_key, metric_key) DO UPDATE SET observed_at = excluded.observed_at, value = excluded.value
 WHERE excluded.observed_at > l.observed_at
"""


@contextlib.asynccontextmanager
async def adding(world: World, at: int, value: float, metric: str = "fill_pct") -> AsyncIterator[AsyncConnection]:
    """A writer in the middle of its transaction: the reading is in and noted, and not committed."""
    partitions = Partitions(7)
    async with await world.connect() as connection:
        await partitions.ensure(connection, {partitions.span(at)}, NOW)
    async with await world.connect() as connection, connection.transaction(), connection.cursor() as cursor:
        await cursor.execute(_ADD, {"at": to_datetime(at), "value": value, "metric": metric})
        await cursor.execute("SELECT key FROM devices WHERE id = 'bin-1'")
        row = await cursor.fetchone()
        assert row is not None
        await rollups.note_changes(cursor, row[0], [at])
        yield connection


async def waits(world: World) -> None:
    """Until somebody waits for the lock of the threshold."""
    while not world.run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
        await asyncio.sleep(0.01)


def right(world: World) -> None:
    same(world.hours(), world.expected())
    same(world.days(), world.expected(zone=ZONE))


async def test_a_writer_that_has_seen_the_old_threshold_is_waited_for(world: World, begin: int) -> None:
    at = day(begin, 3)
    async with adding(world, at, 5.0):
        assert world.run("SELECT count(*) FROM rollup_dirty") == [(0,)]  # it is behind the threshold, and not noted
        turn = asyncio.create_task(world.turn(day(begin, 30)))
        await waits(world)
        assert not turn.done()
        right(world)
    await turn
    right(world)
    assert world.hours()["bin-1", "fill_pct", moment(begin, 3)][0] == 1


async def test_a_writer_that_commits_after_its_hour_was_summed_up_has_noted_it(world: World, begin: int) -> None:
    await world.turn(day(begin, 6))
    async with adding(world, day(begin, 3), 5.0):
        async with await world.connect() as connection:  # the threshold stays; all below it is summed up meanwhile
            await rollup_steward.fill_hours(connection, DAY)
            await rollup_steward.mend(connection)
        right(world)
    right(world)  # at once: what is noted is read as it is
    await world.turn(day(begin, 6))
    right(world)
    assert world.run("SELECT count(*) FROM rollup_dirty") == [(0,)]
    assert world.hours()["bin-1", "fill_pct", moment(begin, 3)][0] == 1


async def test_a_note_of_a_transaction_that_is_not_seen_stays(world: World, begin: int) -> None:
    """Two writers add to one hour; the steward sees one of them."""
    await world.turn(day(begin, 6))
    async with adding(world, day(begin, 3), 5.0):
        async with adding(world, day(begin, 3), 6.0, "battery_v"):
            pass
        await world.turn(day(begin, 6))
        assert [key[1] for key in world.hours() if key[2] == moment(begin, 3)] == ["battery_v"]
    await world.turn(day(begin, 6))
    right(world)
    assert world.run("SELECT count FROM rollup_hours_kept WHERE at = %(at)s", at=moment(begin, 3)) == [(1,), (1,)]


async def test_writers_and_stewards_at_once_end_in_the_right_sums(world: World, begin: int) -> None:
    async def write(number: int) -> None:
        for step in range(12):
            at = day(begin, 2 * step) + number * MINUTE
            await world.write([("bin-1", "fill_pct", at, float(step)), ("bin-2", "fill_pct", at, 1.0)], day(begin, 25))

    async def steward() -> None:
        for hour in range(2, 26, 2):
            await world.turn(day(begin, hour))

    await asyncio.gather(write(0), write(1), write(2), steward(), steward())
    right(world)
    await world.turn(day(begin, 26))
    right(world)


@pytest.mark.parametrize("table", ["rollup_hours_kept", "rollup_days_kept", "rollup_state"])
async def test_a_steward_that_dies_in_the_middle_leaves_the_views_right(world: World, begin: int, table: str) -> None:
    """It is held up at a table and killed there; the next one ends its work."""
    await world.write([("bin-1", "fill_pct", day(begin, hour), float(hour)) for hour in range(48)], day(begin + 2))
    await world.turn(day(begin, 20))
    await world.write([("bin-1", "fill_pct", day(begin, 5) + MINUTE, 99.0)], day(begin + 2))
    async with await world.connect() as holder, holder.transaction():
        await holder.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE".encode())  # readers pass
        dying = asyncio.create_task(world.turn(day(begin, 45)))
        found: list[tuple[int]] = []
        while not found:
            found = world.run(
                "SELECT l.pid FROM pg_locks l WHERE NOT l.granted AND l.relation = %(table)s::regclass", table=table
            )
            await asyncio.sleep(0.01)
        right(world)
        world.run("SELECT pg_terminate_backend(%(pid)s)", pid=found[0][0])
        with pytest.raises(psycopg.OperationalError):
            await dying
        right(world)
    right(world)
    await world.turn(day(begin, 45))
    right(world)
    kept = world.run("SELECT count FROM rollup_hours_kept WHERE at = %(at)s", at=moment(begin, 5))
    assert kept == [(2,)]


async def test_every_step_of_a_turn_leaves_the_views_right(world: World, begin: int) -> None:
    await world.write([("bin-1", "fill_pct", day(begin, hour), float(hour)) for hour in range(48)], day(begin + 2))
    async with await world.connect() as connection:
        for now in (day(begin, 10), day(begin, 47)):
            await rollup_steward.move_threshold(connection, now)
            right(world)
            await world.write([("bin-1", "fill_pct", now - 5 * HOUR + MINUTE, 99.0)], day(begin + 2))
            while await rollup_steward.fill_hours(connection, 7 * HOUR):
                right(world)
            await rollup_steward.fill_days(connection)
            right(world)
            await rollup_steward.mend(connection)
            right(world)


async def test_readings_that_a_repair_takes_away_leave_their_sums(world: World, begin: int) -> None:
    await world.write(
        [("bin-1", "fill_pct", day(begin, 3), 5.0), ("bin-1", "fill_pct", day(begin, 3.5), 6.0)], day(begin, 4)
    )
    await world.turn(day(begin, 30))
    (key,) = world.run("SELECT key FROM devices WHERE id = 'bin-1'")[0]
    gone = tracker_writes.Obsolete(readings=[("fill_pct", day(begin, 3), 5.0), ("fill_pct", day(begin, 3.5), 6.0)])
    async with await world.connect() as connection, connection.transaction(), connection.cursor() as cursor:
        await tracker_writes.drop(cursor, key, gone)
    right(world)
    await world.turn(day(begin, 30))
    right(world)
    assert ("bin-1", "fill_pct", moment(begin, 3)) not in world.hours()


async def test_a_backfill_is_noted_once_an_hour_and_batch_and_live_readings_never(world: World, begin: int) -> None:
    await world.turn(day(begin, 2))
    rows = [("bin-1", "fill_pct", day(begin - 2) + n * MINUTE, 1.0) for n in range(180)]
    await world.write(rows, day(begin, 2), chunk=90)
    assert world.run("SELECT count(*) FROM rollup_dirty") == [(4,)]  # of two batches the hours 0, 1 and 1, 2
    await world.write([("bin-1", "fill_pct", day(begin, 2) + n * MINUTE, 1.0) for n in range(60)], day(begin, 3))
    assert world.run("SELECT count(*) FROM rollup_dirty") == [(4,)]
    await world.turn(day(begin, 2))
    right(world)


async def test_nothing_is_dropped_that_is_not_summed_up(world: World, begin: int) -> None:
    """A hub that was away for long drops no more than what its steward has come to."""
    from store.telemetry import retention

    first = -(-(begin + 7) // 7) * 7  # a Monday
    await world.write([("bin-1", "fill_pct", day(first + n), float(n % 100)) for n in range(0, 60, 6)], day(first + 60))
    budget, retention.BUDGET_S = retention.BUDGET_S, 0.0
    try:
        await world.maintain(Keeping(10), day(first + 80))
        left = world.run("SELECT count(*) FROM readings WHERE observed_at >= %(at)s", at=moment(first))
    finally:
        retention.BUDGET_S = budget
    assert left == [(10,)]
    hours = world.hours()
    await world.maintain(Keeping(10), day(first + 80))
    assert world.run("SELECT count(*) FROM readings WHERE observed_at < %(at)s", at=moment(first + 63)) == [(0,)]
    assert world.hours() == hours


async def test_the_keeper_tells_how_far_it_has_come(world: World, begin: int) -> None:
    now = day(begin, 30)
    await world.write([("bin-1", "fill_pct", day(begin, 1), 2.0)], now)
    keeper = RollupKeeper(world.dsn, lambda: now)
    assert keeper.standing is None
    while not await keeper.turn(Keeping(), 5):
        pass
    assert keeper.standing is not None
    assert (keeper.standing.kind, keeper.standing.zone, keeper.standing.dirty) == ("kept", ZONE, 0)
    assert keeper.standing.lag_s(now) == 3_600
    await world.write([("bin-1", "fill_pct", day(begin, 2), 2.0)], now)
    async with await world.connect() as connection:
        assert (await standing(connection)).dirty == 1
    with pytest.raises(TransientError):
        await RollupKeeper("postgresql://nobody@127.0.0.1:1/nothing", lambda: now).turn(Keeping(), 5)
