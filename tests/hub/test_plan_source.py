"""What is planned, out of a real database: whose task it is, from when to when, by which version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import msgspec
import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.instants import parse
from fleet.master.collection import Master
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route
from fleet.trackers.ports import Task
from hub.fleet.plan_source import StoredPlans
from store.fleet.entry import FleetEntry
from store.fleet.master import FleetMaster
from store.reading import ReadSession
from store.writing import WriteSession
from tests.intake import make_store

NIGHT = Shift("night", 22 * 60, 8 * 60)
ROUTE = Route("r1", 0, "sweep", (((114.30, 30.58), (114.31, 30.58)),))
POST = Area("post-1", 0, "post", lines=(((114.30, 30.58), (114.31, 30.58)),), width_m=80.0)
MASTER = Master(
    routes=(ROUTE,),
    places=(Place("depot", "depot", 114.3, 30.6),),
    areas=(POST,),
    crews=(Crew("c1", "First"),),
    workers=(Worker("w1", "Li", device="badge-1", crew="c1"), Worker("w2", "Wu", device="badge-2")),
    shifts=(NIGHT,),
    plans=(
        Plan("p1", date(2026, 6, 9), "night", route="r1", vehicle="vehicle-1"),
        Plan("p2", date(2026, 6, 9), "night", area="post-1", workers=("w2",), crew="c1"),
    ),
)


def at(text: str) -> int:
    return parse(f"2026-06-{text}+08:00")


@pytest.fixture
async def stored(postgres_dsn: str) -> AsyncIterator[tuple[FleetEntry, StoredPlans]]:
    store = make_store(postgres_dsn)
    await store.open()
    await store.close()
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        insert = "INSERT INTO devices (id, kind, status) VALUES (%s, %s, 'active')"
        for name, kind in (("vehicle-1", "vehicle"), ("badge-1", "worker"), ("badge-2", "worker")):
            connection.execute(insert, (name, kind))
    async with AsyncConnectionPool(postgres_dsn, min_size=1, max_size=2, open=False) as pool:
        entry = FleetEntry(WriteSession(pool))
        await entry.enter(MASTER, "test")
        yield entry, StoredPlans(FleetMaster(ReadSession(pool)))


async def asked(source: StoredPlans) -> dict[tuple[str, str], Task]:
    return {(device, task.plan): task for device, task in await source.planned(at("08T00:00:00"), at("13T00:00:00"))}


async def test_a_night_shift_is_the_task_of_the_day_on_which_it_began(stored: tuple[FleetEntry, StoredPlans]) -> None:
    _, source = stored
    found = await asked(source)
    assert found.keys() == {("vehicle-1", "p1"), ("badge-1", "p2"), ("badge-2", "p2")}
    task = found["vehicle-1", "p1"]
    assert (task.start, task.end) == (at("09T22:00:00"), at("10T06:00:00"))
    assert task.route is not None
    assert (task.route.version, task.area) == (1, None)
    post = found["badge-2", "p2"]
    assert post.area is not None
    assert (post.area.id, post.route) == ("post-1", None)
    assert [place.id for place in await source.places()] == ["depot"]
    assert await source.planned(at("09T22:00:01"), at("13T00:00:00")) == []


async def test_the_version_counts_that_is_in_force_when_the_shift_begins(
    stored: tuple[FleetEntry, StoredPlans],
) -> None:
    entry, source = stored
    await asked(source)
    moved = msgspec.structs.replace(ROUTE, lines=(((114.30, 30.58), (114.32, 30.58)),))
    await entry.enter(Master(routes=(moved,)), "test", valid_from=at("10T00:00:00"))
    await entry.enter(Master(plans=(Plan("p4", date(2026, 6, 11), "night", route="r1", vehicle="vehicle-1"),)), "test")
    found = await asked(source)
    routes = [found["vehicle-1", plan].route for plan in ("p1", "p4")]
    assert [route and route.version for route in routes] == [1, 2]
