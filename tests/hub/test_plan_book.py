"""The hub's book of plans over a real database: who has to do what at an instant, and what changes of it."""

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
from hub.fleet.plan_book import StoredPlans
from store.fleet_entry import FleetEntry
from store.fleet_master import FleetMaster
from store.readers_session import ReadSession
from store.writers_session import WriteSession
from tests.intake import make_store

NOW = parse("2026-06-10T12:00:00+08:00")
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
        yield entry, StoredPlans(FleetMaster(ReadSession(pool)), lambda: NOW)


async def test_a_night_shift_is_the_task_of_the_day_on_which_it_began(stored: tuple[FleetEntry, StoredPlans]) -> None:
    _, book = stored
    assert book.task("vehicle-1", at("10T01:00:00")) is None
    assert await book.refresh() == {}
    task = book.task("vehicle-1", at("10T01:00:00"))
    assert task is not None
    assert task.route is not None
    assert (task.plan, task.start, task.route.version) == ("p1", at("09T22:00:00"), 1)
    assert book.task("vehicle-1", at("09T21:59:59")) is None
    assert book.task("vehicle-1", at("10T06:00:00")) is None
    for badge in ("badge-1", "badge-2"):
        own = book.task(badge, at("10T01:00:00"))
        assert own is not None
        assert (own.plan, own.route) == ("p2", None)
    assert [place.id for place in book.places()] == ["depot"]


async def test_what_changes_is_told_from_its_beginning_on(stored: tuple[FleetEntry, StoredPlans]) -> None:
    entry, book = stored
    await book.refresh()
    places = book.places()
    assert await book.refresh() == {}
    moved = msgspec.structs.replace(ROUTE, lines=(((114.30, 30.58), (114.32, 30.58)),))
    await entry.enter(Master(routes=(moved,)), "test", valid_from=at("10T00:00:00"))
    assert await book.refresh() == {}, "the shift began by the version that was in force then"
    late = Plan("p3", date(2026, 6, 8), "night", route="r1", vehicle="vehicle-1")
    tomorrow = Plan("p4", date(2026, 6, 11), "night", route="r1", vehicle="vehicle-1")
    await entry.enter(Master(plans=(late, tomorrow)), "test")
    assert await book.refresh() == {"vehicle-1": at("08T22:00:00")}
    planned = book.task("vehicle-1", at("11T23:00:00"))
    assert planned is not None
    assert planned.route is not None
    assert planned.route.version == 2
    assert book.places() is places
