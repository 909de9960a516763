"""Rollups say what the raw readings say, in both modes, whatever the order in which these came."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from devices.errors import ConfigError
from devices.instants import to_datetime
from store.readers.devices import Readers
from store.rollups import zone as rollup_zone
from store.rollups.notes import HOUR
from store.telemetry.forgetting import Keeping
from tests.intake import make_store
from tests.rollup_world import DAY, MINUTE, World, day, moment, same

ZONE = "Asia/Shanghai"
_weeks = itertools.count(4)  # each example of a property has weeks of its own


@pytest.fixture(scope="module", params=["plain", "timescale"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    names = {"plain": "postgres_module_dsn", "timescale": "timescale_module_dsn"}
    made = World(request.getfixturevalue(names[request.param]), request.param)
    asyncio.run(made.prepare())
    yield made


# Minutes of two local days and their edges; a few values, so that instants and values repeat.
READING = st.tuples(
    st.sampled_from(["fill_pct", "battery_v"]),
    st.one_of(st.integers(0, 59), st.sampled_from([60, 119, 120, 959, 960, 961, 1439, 1440, 2399, 2400])),
    st.sampled_from([0.0, 0.1, 7.3, 50.0]),
)
HISTORY = st.lists(st.tuples(st.lists(READING, min_size=1, max_size=12), st.integers(0, 3)), min_size=1, max_size=3)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY)
def test_hours_and_days_follow_whatever_comes_in_whatever_order(
    world: World, history: list[tuple[list[tuple[str, int, float]], int]]
) -> None:
    week = next(_weeks)
    device, begin = f"bin-{week}", day(7 * week)

    async def live() -> None:
        now = begin
        for readings, hours in history:
            await world.write(
                [(device, metric, begin + minute * MINUTE, value) for metric, minute, value in readings],
                begin + 2 * DAY,
            )
            if world.mode == "plain":  # at once; on TimescaleDB when it has been refreshed
                same(world.hours(device), world.expected(device))
                same(world.days(device), world.expected(device, ZONE))
            now += hours * 13 * HOUR
            await world.turn(now)
            same(world.hours(device), world.expected(device))
            same(world.days(device), world.expected(device, ZONE))

    asyncio.run(live())


QUESTION = st.tuples(
    st.integers(-90, 60 * 40), st.integers(1, 60 * 30), st.sampled_from([60, 120, 180, 24 * 60, 7 * 24 * 60, 45])
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY, questions=st.lists(QUESTION, min_size=4, max_size=8))
def test_buckets_of_a_series_are_those_of_the_raw_readings(
    world: World, history: list[tuple[list[tuple[str, int, float]], int]], questions: list[tuple[int, int, int]]
) -> None:
    week = next(_weeks)
    device, begin = f"bin-{week}", day(7 * week)

    async def live() -> None:
        await world.write(
            [(device, metric, begin + minute * MINUTE, v) for rows, _ in history for metric, minute, v in rows],
            begin + 2 * DAY,
        )
        await world.turn(begin + history[0][1] * 13 * HOUR)
        async with AsyncConnectionPool(world.dsn, min_size=1, max_size=1, open=False) as pool:
            reads = Readers.over(pool).telemetry
            for since, minutes, width in questions:
                start, end = begin + since * MINUTE, begin + (since + minutes) * MINUTE
                span = {"start": start, "end": end, "width": width * MINUTE}
                found = await reads.buckets(device, "fill_pct", **span)
                expected = world.run(
                    BUCKETS,
                    device=device,
                    **{n: to_datetime(at) for n, at in list(span.items())[:2]},
                    w=timedelta(minutes=width),
                )
                assert [(to_datetime(b.start_at), b.count, b.minimum, b.maximum, b.last) for b in found] == [
                    (*row[:4], row[5]) for row in expected
                ]
                assert [b.mean for b in found] == pytest.approx([row[4] for row in expected], rel=1e-12)

    asyncio.run(live())


BUCKETS = """
SELECT date_bin(%(w)s, observed_at, '2000-01-03Z') AS at, count(*), min(value), max(value), avg(value),
       (array_agg(value ORDER BY observed_at DESC, value DESC))[1]
  FROM readings JOIN devices d ON d.key = device_key JOIN metrics m ON m.key = metric_key
 WHERE d.id = %(device)s AND m.name = 'fill_pct' AND observed_at >= %(start)s AND observed_at < %(end)s
 GROUP BY 1 ORDER BY 1
"""


async def test_of_one_instant_the_greatest_value_is_the_last(world: World) -> None:
    begin = 7 * next(_weeks)
    at = day(begin, 5)
    await world.write([("bin-tie", "fill_pct", at, value) for value in (3.0, 9.0, 4.0)], at)
    await world.write([("bin-tie", "fill_pct", at - 1000, 50.0)], at)
    await world.turn(day(begin + 1))
    assert world.hours("bin-tie")["bin-tie", "fill_pct", moment(begin, 5)][4] == 9.0
    assert world.days("bin-tie")["bin-tie", "fill_pct", moment(begin - 1, 16)] == (4, 3.0, 50.0, 16.5, 9.0)


async def test_views_tell_devices_metrics_and_units_by_name_and_bins_by_day(world: World) -> None:
    begin = 7 * next(_weeks)
    at = day(begin, 1)
    readings = [("bin-views", "fill_pct", at + n * MINUTE, float(n)) for n in range(4)]
    await world.write([*readings, ("vehicle-views", "fuel_pct", at, 70.0)], at + HOUR)
    row = world.run("SELECT * FROM boards.readings_hourly WHERE device = 'bin-views'")
    assert row == [("bin-views", "bin", "fill_pct", "%", moment(begin, 1), 4, 0.0, 3.0, 1.5, 3.0)]
    fill = world.run("SELECT * FROM boards.fill_daily WHERE device LIKE '%%-views'")
    assert fill == [("bin-views", moment(begin - 1, 16), 0.0, 3.0, 1.5, 3.0)]


async def test_what_is_asked_of_one_device_and_metric_is_sought_by_index(world: World) -> None:
    begin = 7 * next(_weeks)
    await world.write([("bin-plan", "fill_pct", day(begin, n), float(n)) for n in range(20)], day(begin, 20))
    await world.turn(day(begin + 1, 20))
    for view in ("readings_hourly", "readings_daily"):
        with_index = await _plan(world, view, begin)
        kept = [node for node in with_index if _relation(node, world.mode)]
        assert kept
        for node in kept:
            for wanted in ("device_key", "metric_key"):
                assert wanted in node["Index Cond"], node
        assert any(f"{moment(begin):%Y-%m-%d}" in node["Index Cond"] for node in kept)


async def _plan(world: World, view: str, begin: int) -> list[dict[str, Any]]:
    async with await world.connect() as connection:
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SET enable_bitmapscan = off")
        question = f"""EXPLAIN (FORMAT JSON) SELECT * FROM boards.{view} WHERE device = 'bin-plan'
            AND metric = 'fill_pct' AND at >= '{moment(begin)}' AND at < '{moment(begin + 1)}'"""
        row = await (await connection.execute(question.encode())).fetchone()
    assert row is not None
    return list(_nodes(row[0][0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _relation(node: dict[str, Any], mode: str) -> bool:
    name = node.get("Relation Name", "")
    prefixes = (
        ("rollup_hours_kept", "rollup_days_kept", "readings") if mode == "plain" else ("_hyper", "rollup_hours_kept")
    )
    return name.startswith(prefixes)


async def test_retention_drops_raw_rows_to_the_partition_and_never_a_rollup(world: World) -> None:
    """Those that end at the limit or before it go: partitions end on Mondays, 00:00 UTC, chunks on Thursdays."""
    begin = 7 * next(_weeks)
    device = f"bin-r{begin}"
    end = begin + (7 if world.mode == "plain" else 10)
    edge = day(end)
    ats = [edge - 3 * DAY, edge - 1, edge, edge + 1, edge + 3 * DAY, edge + 20 * DAY]
    await world.write([(device, "fill_pct", at // 1000 * 1000, float(n)) for n, at in enumerate(ats)], ats[-1])
    now = day(end + 20)
    await world.turn(now)
    hours, days = world.hours(device), world.days(device)
    same(hours, world.expected(device))
    count = "SELECT count(*) FROM readings r JOIN devices d ON d.key = r.device_key WHERE d.id = %(device)s"

    await world.maintain(Keeping(20), now - 7 * DAY)  # what other tests have left
    assert await world.maintain(Keeping(20), now - 1000) == 0  # the week ends a millisecond after the limit
    assert world.run(count, device=device) == [(6,)]
    assert await world.maintain(Keeping(20), now) > 0
    assert world.run(count, device=device) == [(4,)]
    kept = world.run(
        "SELECT min(observed_at) FROM readings r JOIN devices d ON d.key = r.device_key WHERE d.id = %(d)s", d=device
    )
    assert kept == [(moment(end),)]
    assert (world.hours(device), world.days(device)) == (hours, days)
    async with AsyncConnectionPool(world.dsn, min_size=1, max_size=1, open=False) as pool:
        span = {"start": edge - 5 * DAY, "end": edge, "width": 2 * HOUR}
        old = await Readers.over(pool).telemetry.buckets(device, "fill_pct", **span)
    assert [(one.count, one.last) for one in old] == [(1, 0.0), (1, 1.0)]  # by hours it can still be read

    # What comes for hours before the limit wipes nothing and changes nothing; what comes behind it counts.
    await world.write([(device, "fill_pct", edge - 3 * DAY + 5 * MINUTE, 99.0)], now)
    await world.write([(device, "fill_pct", edge + 3 * DAY + 5 * MINUTE, 99.0)], now)
    for _ in range(2):
        await world.turn(now)
        assert world.hours(device)[device, "fill_pct", moment(end - 3)] == hours[device, "fill_pct", moment(end - 3)]
        assert world.hours(device)[device, "fill_pct", moment(end + 3)] == (2, 4.0, 99.0, 51.5, 99.0)
        assert world.days(device)[device, "fill_pct", moment(end - 4, 16)][0] == 1
        assert world.days(device)[device, "fill_pct", moment(end + 2, 16)][0] == 2
        await world.maintain(Keeping(20), now)


async def test_rollups_are_forgotten_when_they_are_too_old_themselves(world: World) -> None:
    """Hours to the local day in plain mode, to the chunk on TimescaleDB; nothing younger than the limit goes."""
    begin = 7 * next(_weeks)
    device = f"bin-f{begin}"
    await world.write(
        [(device, "fill_pct", day(begin + n, 1), float(n % 100)) for n in (0, 150, 299, 300, 301)], day(begin + 302)
    )
    now = day(begin + 400, 1)
    await world.turn(now)
    days = world.days(device)
    await world.maintain(Keeping(60, hourly_days=100, daily_days=200), now)
    left = {at for _, _, at in world.hours(device)}
    young = {moment(begin + n, 1) for n in (300, 301)}
    assert young <= left
    assert moment(begin, 1) not in left
    if world.mode == "plain":
        assert left == young
        assert world.days(device) == {key: one for key, one in days.items() if key[2] >= moment(begin + 200)}
    else:
        assert {key: world.days(device)[key] for key in days if key[2] >= moment(begin + 200)} == {
            key: one for key, one in days.items() if key[2] >= moment(begin + 200)
        }
    # Whose hours are forgotten cannot be given the days of another zone.
    store = make_store(world.dsn, world.mode)
    store._zone = "Asia/Tokyo"
    with pytest.raises(ConfigError, match=r"store\.zone: Asia/Tokyo is wanted.*expected Asia/Shanghai"):
        await store.open()


def test_days_are_made_of_whole_hours_or_refused() -> None:
    for zone in ("Asia/Shanghai", "UTC", "Europe/Berlin", "Asia/Singapore"):
        assert rollup_zone.check_zone(zone) is None
    for zone in ("Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide", "Australia/Lord_Howe"):
        assert "whole number of hours" in (rollup_zone.check_zone(zone) or "")
    assert "no time zone" in (rollup_zone.check_zone("Mars/Olympus") or "")


@pytest.fixture(params=["plain", "timescale"])
async def fresh(request: pytest.FixtureRequest) -> World:
    """A database of one test's own."""
    names = {"plain": "postgres_dsn", "timescale": "timescale_dsn"}
    made = World(request.getfixturevalue(names[request.param]), request.param)
    await made.prepare()
    return made


async def test_days_follow_when_the_zone_is_changed_also_where_clocks_change(fresh: World) -> None:
    """Berlin's clocks went forward on 2025-03-30: that day has 23 hours."""
    readings = [("bin-z", "fill_pct", day(80, hour / 2), float(hour % 100)) for hour in range(6 * 48)]
    await fresh.write(readings, day(87))
    await fresh.turn(day(87, 3))
    same(fresh.days(), fresh.expected(zone=ZONE))
    store = make_store(fresh.dsn, fresh.mode)
    store._zone = "Europe/Berlin"
    await store.open()
    await store.close()
    same(fresh.days(), fresh.expected(zone="Europe/Berlin"))
    await fresh.write([("bin-z", "fill_pct", day(84, 1.25), 77.0)], day(87))
    await fresh.turn(day(87, 4))
    same(fresh.days(), fresh.expected(zone="Europe/Berlin"))
    assert fresh.days()["bin-z", "fill_pct", moment(82, 23)][0] == 2 * 23
    with pytest.raises(ConfigError, match=r"store\.zone: Asia/Kolkata is not a whole number of hours"):
        store = make_store(fresh.dsn, fresh.mode)
        store._zone = "Asia/Kolkata"
        await store.open()


UNMAKE = """
DROP SCHEMA boards CASCADE; DROP VIEW board_days; DROP VIEW board_hours; DROP FUNCTION board_shows;
DROP TABLE device_areas; DROP VIEW rollup_driven; DROP VIEW rollup_days; DROP VIEW rollup_hours; {aggregates}
DROP TABLE rollup_state, rollup_dirty, rollup_hours_kept, rollup_days_kept; DROP FUNCTION rollup_threshold;
DELETE FROM schema_migrations WHERE name IN ('0019_rollups', '0020_boards')
"""


async def test_a_database_with_years_of_readings_is_summed_up_in_portions_and_right_meanwhile(fresh: World) -> None:
    readings = [("bin-y", "fill_pct", day(n, n % 24), float(n % 100)) for n in range(0, 650, 5)]
    await fresh.write(readings, day(650))
    dropped = "DROP MATERIALIZED VIEW rollup_days_ts; DROP MATERIALIZED VIEW rollup_hours_ts;"
    for statement in UNMAKE.format(aggregates=dropped if fresh.mode == "timescale" else "").split(";"):
        if statement.strip():
            fresh.run(statement)
    store = make_store(fresh.dsn, fresh.mode)
    await store.open()
    await store.close()
    assert fresh.run("SELECT hours_until FROM rollup_state") == [(moment(0),)]
    hours, days = fresh.expected(), fresh.expected(zone=ZONE)
    portions = 0
    done = False
    while not done:
        same(fresh.hours(), hours)
        same(fresh.days(), days)
        done = await _portion(fresh, day(650))
        portions += 1
    same(fresh.hours(), hours)
    same(fresh.days(), days)
    assert portions > 10


async def _portion(world: World, now: int) -> bool:
    """A single portion; whether there are no more."""
    from store.rollups import steward as rollup_steward
    from store.rollups import timescale as rollups_timescale

    async with await world.connect() as connection:
        if world.mode == "timescale":
            return await rollups_timescale.take_turn(connection, Keeping(), now, 0.001)
        await rollup_steward.move_threshold(connection, now)
        passed = await rollup_steward.fill_hours(connection, 40 * DAY)
        await rollup_steward.fill_days(connection)
        return passed == 0


async def test_distances_are_those_of_the_trips_divided_by_time(world: World) -> None:
    await world.write([("vehicle-1", "fuel_pct", day(500), 50.0)], day(500))
    trip = """INSERT INTO trips (device_key, started_at, ended_at, origin_lat, origin_lon, driven_m, work_m, work_s,
        transit_s, idle_s, off_s, no_data_s)
        SELECT key, %(start)s, %(end)s, 31, 121, %(driven)s, %(work)s, 0, 0, 0, 0, 0
          FROM devices WHERE id = 'vehicle-1'"""
    world.run(
        trip, start=moment(500, 15.5), end=moment(500, 17), driven=3000.0, work=1500.0
    )  # over midnight in Shanghai
    world.run(trip, start=moment(500, 18), end=moment(500, 18), driven=7.0, work=0.0)  # no time at all
    world.run(trip, start=moment(500, 19.75), end=None, driven=0.0, work=0.0)  # lasts
    world.run(
        """INSERT INTO fleet_live (device_key, at, work_state, since, idle_s, trip_at, trip_m)
           SELECT key, %(at)s, 3, %(at)s, 0, %(trip)s, 800 FROM devices WHERE id = 'vehicle-1'""",
        at=moment(500, 20.25),
        trip=moment(500, 19.75),
    )
    assert world.run("SELECT * FROM boards.distance_hourly WHERE device = 'vehicle-1' ORDER BY at") == [
        ("vehicle-1", moment(500, 15), 1000.0),
        ("vehicle-1", moment(500, 16), 2000.0),
        ("vehicle-1", moment(500, 18), 7.0),
        ("vehicle-1", moment(500, 19), 400.0),
        ("vehicle-1", moment(500, 20), 400.0),
    ]
    assert world.run("SELECT * FROM boards.distance_daily WHERE device = 'vehicle-1' ORDER BY at") == [
        ("vehicle-1", moment(499, 16), 1000.0, 500.0),
        ("vehicle-1", moment(500, 16), 2807.0, 1000.0),
    ]


async def test_alerts_are_counted_by_rule_severity_and_device_without_those_retracted(world: World) -> None:
    await world.write([("bin-a", "fill_pct", day(500), 50.0)], day(500))
    for minute, retracted in ((0, False), (59, False), (60, False), (61, True)):
        world.run(
            """INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at, cleared_at, retracted)
               SELECT key, 'full', 'major', 1, %(at)s, %(at)s, %(retracted)s FROM devices WHERE id = 'bin-a'""",
            at=moment(500, 15) + timedelta(minutes=minute),
            retracted=retracted,
        )
    assert world.run("SELECT * FROM boards.alerts_hourly ORDER BY at") == [
        ("full", "major", "bin-a", moment(500, 15), 2),
        ("full", "major", "bin-a", moment(500, 16), 1),
    ]
    assert [row[3:] for row in world.run("SELECT * FROM boards.alerts_daily ORDER BY at")] == [
        (moment(499, 16), 2),
        (moment(500, 16), 1),
    ]
