"""Master data of the fleet in a real PostgreSQL: versions, what is named has to be there, and the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from fleet.master.collection import Master
from fleet.master.entering import NotEnteredError
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop, Window
from store.access.audit import Audit
from store.fleet.entry import FleetEntry
from store.fleet.master import FleetMaster
from store.readers.fleet import FleetReads
from store.reading import Pool, ReadSession
from store.telemetry.writer import PostgresStore
from store.writing import WriteSession
from tests.servers import PostgresServer

DAY = 86_400_000_000
MAY, JUNE = 1_777_593_600_000_000, 1_780_272_000_000_000
LINE = ((114.30, 30.58), (114.31, 30.58))
ROUTE = Route(
    "route-1",
    0,
    "collect",
    (LINE,),
    name="East",
    name_zh="东线",
    work=("pto",),
    stops=(Stop("s1", 114.302, 30.58, windows=(Window(360, 480),)),),
)
AREA = Area("post-1", 0, "post", lines=(LINE,), width_m=80.0)


def moved(route: Route) -> Route:
    return msgspec.structs.replace(route, lines=((*LINE, (114.32, 30.59)),))


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    store = PostgresStore(postgres_dsn, mode="plain")
    await store.open()
    await store.close()
    options = {"options": "-c timezone=America/St_Johns"}
    async with AsyncConnectionPool(postgres_dsn, min_size=1, max_size=2, open=False, kwargs=options) as opened:
        yield opened


@pytest.fixture
def entry(pool: Pool) -> FleetEntry:
    return FleetEntry(WriteSession(pool))


@pytest.fixture
def reads(pool: Pool) -> FleetMaster:
    return FleetMaster(ReadSession(pool))


async def test_the_first_version_is_all_that_is_known_of_before(entry: FleetEntry, reads: FleetMaster) -> None:
    await entry.enter(Master(routes=(ROUTE,)), "test")
    (route,) = await reads.routes(MAY)
    assert route == msgspec.structs.replace(ROUTE, version=1)


async def test_a_report_of_last_month_finds_last_months_route(entry: FleetEntry, reads: FleetMaster) -> None:
    await entry.enter(Master(routes=(ROUTE,), areas=(AREA,)), "test")
    wider = msgspec.structs.replace(AREA, width_m=120.0)
    came = await entry.enter(Master(routes=(moved(ROUTE),), areas=(wider,)), "test", valid_from=JUNE)
    assert (came["routes"].changed, came["areas"].changed) == (["route-1"], ["post-1"])
    (before,) = await reads.routes(JUNE - 1)
    (after,) = await reads.routes(JUNE)
    assert (before.version, before.lines, before.valid_until) == (1, ROUTE.lines, JUNE)
    assert (after.version, after.lines, after.valid_from, after.valid_until) == (2, moved(ROUTE).lines, JUNE, None)
    assert [area.width_m for area in await reads.area_versions("post-1")] == [80.0, 120.0]
    assert [route.version for route in await reads.route_versions("route-1")] == [1, 2]
    assert [route.version for route in await reads.routes_between(MAY, JUNE)] == [1]
    assert [route.version for route in await reads.routes_between(MAY, JUNE + 1)] == [1, 2]
    assert [area.version for area in await reads.areas(MAY)] == [1]


async def test_the_same_again_is_no_version(entry: FleetEntry, reads: FleetMaster, pool: Pool) -> None:
    master = Master(routes=(ROUTE,), areas=(AREA,), shifts=(Shift("early", 300, 480),))
    await entry.enter(master, "test")
    came = await entry.enter(master, "test", valid_from=JUNE)
    assert all((one.created, one.changed, one.unchanged) == ([], [], 1) for one in came.values())
    assert len(await reads.route_versions("route-1")) == 1
    page = await Audit(ReadSession(pool), WriteSession(pool)).entries(
        actor="test", action="fleet.enter", target="fleet", cursor=None, limit=10
    )
    assert [entry.details["routes"] for entry in page.items] == [{"created": 1, "changed": 0, "ids": ["route-1"]}]


async def test_a_version_does_not_begin_before_the_one_that_it_follows(entry: FleetEntry, reads: FleetMaster) -> None:
    await entry.enter(Master(routes=(ROUTE,)), "test", valid_from=JUNE)
    assert await reads.routes(JUNE - 1) == ()
    with pytest.raises(
        NotEnteredError, match="routes route-1: valid_from: version 1 is in force from 2026-06-01"
    ) as no:
        await entry.enter(Master(routes=(moved(ROUTE),), shifts=(Shift("early", 300, 480),)), "test", valid_from=MAY)
    assert [(one.section, one.id, one.field) for one in no.value.wrong] == [("routes", "route-1", "valid_from")]
    assert await reads.shifts() == ()


async def test_the_beginning_that_an_export_tells_is_no_new_beginning(entry: FleetEntry, reads: FleetMaster) -> None:
    await entry.enter(Master(routes=(ROUTE,)), "test", valid_from=MAY)
    (stored,) = await reads.routes(MAY)
    await entry.enter(Master(routes=(moved(stored),)), "test")
    first, second = await reads.route_versions("route-1")
    assert first.valid_until == second.valid_from > JUNE


async def test_a_route_can_end(entry: FleetEntry, reads: FleetMaster) -> None:
    await entry.enter(Master(routes=(ROUTE,)), "test")
    await entry.enter(Master(routes=(msgspec.structs.replace(ROUTE, valid_until=JUNE),)), "test")
    assert [route.id for route in await reads.routes(JUNE - 1)] == ["route-1"]
    assert await reads.routes(JUNE) == ()
    again = msgspec.structs.replace(moved(ROUTE), valid_from=JUNE + DAY)
    await entry.enter(Master(routes=(again,)), "test")
    assert await reads.routes(JUNE) == ()
    assert [route.version for route in await reads.routes(JUNE + DAY)] == [2]


async def test_what_is_named_has_to_be_there(entry: FleetEntry, reads: FleetMaster) -> None:
    plan = Plan("p1", date(2026, 6, 1), "early", route="route-9", vehicle="vehicle-1", workers=("w1",), crew="c1")
    route = msgspec.structs.replace(ROUTE, stops=(Stop("s1", 114.3, 30.58, device="bin-1"),))
    with pytest.raises(NotEnteredError) as refused:
        await entry.enter(Master(routes=(route,), places=(Place("tip", "tip", 114.3, 30.5),), plans=(plan,)), "test")
    assert {(one.id, one.field) for one in refused.value.wrong} == {
        *(("route-1", "stops[0].device"), ("p1", "shift"), ("p1", "route"), ("p1", "vehicle")),
        *(("p1", "workers[0]"), ("p1", "crew")),
    }
    assert await reads.places() == ()


async def test_plans_by_date_vehicle_and_worker(entry: FleetEntry, reads: FleetMaster, pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO devices (id, kind, status) VALUES ('vehicle-1', 'vehicle', 'active')")
    days = [date(2026, 6, day) for day in (1, 2, 3)]
    master = Master(
        routes=(ROUTE,),
        areas=(AREA,),
        shifts=(Shift("early", 300, 480, breaks=((240, 30),), weekdays=(0, 1)),),
        crews=(Crew("c1", "Crew", "班组", supervisor="w2"),),
        workers=(Worker("w1", "张伟", crew="c1"), Worker("w2", "李娜", "supervisor")),
        plans=(
            *(Plan(f"v{day.day}", day, "early", route="route-1", vehicle="vehicle-1", crew="c1") for day in days),
            *(Plan(f"w{day.day}", day, "early", area="post-1", workers=("w2",)) for day in days),
        ),
    )
    await entry.enter(master, "test")
    assert (await reads.shifts(), await reads.crews(), await reads.workers()) == (
        master.shifts,
        master.crews,
        master.workers,
    )
    assert [plan.id for plan in await reads.plans(days[1], days[1])] == ["v2", "w2"]
    assert await reads.plans(days[0], days[0], vehicle="vehicle-1") == master.plans[:1]
    assert [plan.id for plan in await reads.plans(days[2], worker="w1")] == ["v3"]
    assert [plan.id for plan in await reads.plans(worker="w2")] == ["w1", "w2", "w3"]
    assert [plan.id for plan in await reads.plans(route="route-1")] == ["v1", "v2", "v3"]
    whole = await reads.master(JUNE)
    assert whole.plans == tuple(sorted(master.plans, key=lambda plan: (plan.on, plan.id)))
    assert msgspec.structs.replace(whole.areas[0], version=0) == AREA


async def test_the_middle_of_the_city(entry: FleetEntry, reads: FleetMaster) -> None:
    assert await reads.centre() is None
    await entry.enter(Master(routes=(ROUTE,)), "test")
    assert await reads.centre() == (114.30, 30.58)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4)), min_size=1, max_size=6), st.integers(0, 3))
async def test_at_every_instant_the_version_that_was_entered_for_it(
    postgres_server: PostgresServer, changes: list[tuple[int, int]], repeated: int
) -> None:
    """Changes come in the order of their beginnings; entering some of them again changes nothing."""
    with postgres_server.database() as dsn:
        store = PostgresStore(dsn, mode="plain")
        await store.open()
        await store.close()
        async with AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False) as opened:
            entry, reads = FleetEntry(WriteSession(opened)), FleetMaster(ReadSession(opened))
            at, expected = MAY, []
            for step, passes in changes:
                at += step * DAY
                route = msgspec.structs.replace(ROUTE, passes=passes)
                for _ in range(1 + (len(expected) < repeated)):
                    await entry.enter(Master(routes=(route,)), "test", valid_from=at)
                expected.append((at, passes))
            for instant in range(MAY - DAY, at + 2 * DAY, DAY // 2):
                found = [route.passes for route in await reads.routes(instant)]
                assert found == [passes for since, passes in expected if since <= instant][-1:]
            versions = await reads.route_versions("route-1")
            assert [one.valid_until for one in versions] == [*(one.valid_from for one in versions[1:]), None]
            assert all(one.passes != two.passes for one, two in pairwise(versions))


FLEET = Master(
    routes=(ROUTE, msgspec.structs.replace(ROUTE, id="route-2", area="post-1")),
    areas=(AREA,),
    places=(Place("tip", "tip", 114.3, 30.5),),
    shifts=(Shift("early", 300, 480, zone="UTC"),),
    crews=(Crew("c1", "Crew", area="post-1"),),
    workers=(Worker("w1", "Li", crew="c1"), Worker("w2", "Wu", active=False, crew="c1")),
    plans=(
        Plan("may", date(2026, 5, 20), "early", route="route-1", crew="c1"),
        Plan("june", date(2026, 6, 3), "early", route="route-1", workers=("w1",)),
    ),
)


async def test_what_is_still_named_is_not_withdrawn(entry: FleetEntry, reads: FleetMaster) -> None:
    await entry.enter(FLEET, "test")
    for section, id_, naming in (
        ("routes", "route-1", r"named by plans june \(route\)"),
        ("shifts", "early", r"named by plans june \(shift\)"),
        ("workers", "w1", r"named by plans june \(workers\[0\]\)"),
        ("crews", "c1", r"named by workers w1 \(crew\)"),
        ("areas", "post-1", r"named by crews c1 \(area\), routes route-2 \(area\)"),
    ):
        with pytest.raises(NotEnteredError, match=f"{id_} cannot be withdrawn from 2026-06-01.*{naming}$"):
            await entry.withdraw(section, [id_], "test", since=JUNE)  # type: ignore[arg-type]
    with pytest.raises(NotEnteredError, match="plans p9: id: there is none among the plans"):
        await entry.withdraw("plans", ["june", "p9"], "test")
    assert [plan.id for plan in await reads.plans()] == ["may", "june"]


async def test_what_is_withdrawn_stays_for_what_was_before(entry: FleetEntry, reads: FleetMaster, pool: Pool) -> None:
    await entry.enter(FLEET, "test")
    for section, id_ in (
        *(("plans", "june"), ("routes", "route-1"), ("shifts", "early"), ("workers", "w1"), ("crews", "c1")),
        *(("routes", "route-2"), ("areas", "post-1"), ("places", "tip")),
    ):
        came = await entry.withdraw(section, [id_], "test", since=JUNE)  # type: ignore[arg-type]
        assert came.changed == [id_]
        again = await entry.withdraw(section, [id_], "test", since=JUNE + DAY)  # type: ignore[arg-type]
        assert (again.changed, again.unchanged) == ([], 1)
    assert [route.id for route in await reads.routes(MAY)] == ["route-1", "route-2"]
    assert [area.id for area in await reads.areas(JUNE - 1)] == ["post-1"]
    assert (await reads.routes(JUNE), await reads.areas(JUNE)) == ((), ())
    assert [plan.id for plan in await reads.plans()] == ["may"]
    assert [one.withdrawn for one in (*await reads.shifts(), *await reads.crews(), *await reads.places())] == [JUNE] * 3
    lists = FleetReads(ReadSession(pool))
    assert (await lists.plans(date(2026, 6, 1), date(2026, 6, 30), cursor=None, limit=9)).items == ()
    assert (await lists.shifts(cursor=None, limit=9)).items == ()
    assert [one.id for one in (await lists.workers(cursor=None, limit=9)).items] == ["w2"]
    page = await Audit(ReadSession(pool), WriteSession(pool)).entries(
        actor="test", action="fleet.withdraw", target="fleet", cursor=None, limit=10
    )
    assert [one.details["ids"] for one in page.items][-1] == ["june"]
    assert len(page.items) == 8


async def test_what_is_withdrawn_is_not_planned_any_more(entry: FleetEntry, reads: FleetMaster) -> None:
    await entry.enter(FLEET, "test")
    await entry.withdraw("plans", ["june"], "test")
    await entry.withdraw("workers", ["w1"], "test", since=JUNE)
    late = Plan("late", date(2026, 6, 4), "early", route="route-1", workers=("w1",))
    with pytest.raises(NotEnteredError, match=r"plans late: workers\[0\]: w1 is withdrawn from 2026-06-01"):
        await entry.enter(Master(plans=(late,)), "test")
    before = msgspec.structs.replace(late, id="before", on=date(2026, 5, 31))
    await entry.enter(Master(plans=(before,)), "test")
    await entry.enter(Master(plans=(FLEET.plans[0],), workers=FLEET.workers), "test")  # taken up again
    await entry.enter(Master(plans=(late,)), "test")
    assert [plan.id for plan in await reads.plans()] == ["may", "before", "late"]


async def test_what_was_entered_before_there_was_withdrawing_is_the_same_now(entry: FleetEntry, pool: Pool) -> None:
    await entry.enter(FLEET, "test")
    async with pool.connection() as connection:
        rows = await (
            await connection.execute("SELECT content FROM plans UNION ALL SELECT content FROM crews")
        ).fetchall()
    assert not any("withdrawn" in content for (content,) in rows)
