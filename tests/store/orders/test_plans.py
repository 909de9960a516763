"""Plans and their work orders, over a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.read_models import Page
from fleet.master.entering import NotEnteredError
from fleet.master.plan import Shift
from fleet.orders.order import OrdersWanted
from fleet.planning.distance import grid_travel
from fleet.planning.orders import WorkOrder, master_of, run_of, work_orders
from fleet.planning.problem import CollectionPlan, sites
from fleet.planning.solve import solve
from store.access.audit import Audit
from store.connection import session_parameters
from store.fleet.master import FleetMaster
from store.orders.life import Orders
from store.orders.plans import WorkOrders
from store.reading import ReadSession
from store.writing import WriteSession
from tests.fleet.planning_problems import problem, row, truck
from tests.intake import make_store


def made(count: int = 12) -> CollectionPlan:
    one = problem(row(count), truck("vehicle-0001"))
    return solve(one, grid_travel(sites(one)))


class Desk:
    def __init__(self, pool: AsyncConnectionPool) -> None:
        self.orders = WorkOrders(ReadSession(pool), WriteSession(pool))
        self._entered = Orders(ReadSession(pool), WriteSession(pool))
        self.audit = Audit(ReadSession(pool), WriteSession(pool))
        self.master = FleetMaster(ReadSession(pool))
        self._pool = pool

    async def page(self, wanted: OrdersWanted, *, cursor: str | None = None, limit: int = 100) -> Page[WorkOrder]:
        """Entered orders, as far as the plan has said what they are."""
        found = await self._entered.page(wanted, cursor=cursor, limit=limit)
        items = tuple(msgspec.convert(one, WorkOrder, from_attributes=True) for one in found.items)
        return Page(items, found.next_cursor)

    async def know(self, *devices: str) -> None:
        async with self._pool.connection() as connection:
            insert = "INSERT INTO devices (id, kind, status) SELECT unnest(%s::text[]), 'bin', 'active'"
            await connection.execute(insert, (list(devices),))

    async def sent(self, run: str) -> None:
        async with self._pool.connection() as connection:
            await connection.execute("UPDATE work_orders SET state = 'sent' WHERE run = %s AND sequence = 1", (run,))

    async def noted(self) -> list[str]:
        page = await self.audit.entries(actor=None, action="planning.enter", target=None, cursor=None, limit=100)
        return [entry.target for entry in page.items]


@pytest.fixture
async def desk(postgres_dsn: str) -> AsyncIterator[Desk]:
    store = make_store(postgres_dsn)
    await store.open()
    await store.close()
    async with AsyncConnectionPool(kwargs=session_parameters(postgres_dsn), min_size=1, max_size=4, open=False) as pool:
        yield Desk(pool)


async def test_a_plan_becomes_orders_that_come_back_as_they_were(desk: Desk) -> None:
    plan = made()
    entered = await desk.orders.enter(plan, "tester")
    assert not entered.known
    assert entered.orders == len(work_orders(plan)) == 12 + 2  # the tip twice
    page = await desk.page(OrdersWanted(on=plan.on))
    assert page.items == work_orders(plan)
    assert await desk.orders.plan(entered.run) == plan
    assert await desk.noted() == [f"planning:{entered.run}"]


async def test_entering_it_again_or_at_once_changes_nothing(desk: Desk) -> None:
    plan = made()
    results = await asyncio.gather(*(desk.orders.enter(plan, "tester") for _ in range(3)))
    assert sorted(one.known for one in results) == [False, True, True]
    page = await desk.page(OrdersWanted())
    assert page.items == work_orders(plan)
    assert len(await desk.noted()) == 1


async def test_a_new_plan_takes_the_place_of_what_is_unsent(desk: Desk) -> None:
    first, second = made(12), made(10)
    await desk.orders.enter(first, "tester")
    entered = await desk.orders.enter(second, "tester")
    assert entered.cancelled == len(work_orders(first))
    planned = await desk.page(OrdersWanted(states=("planned",)))
    assert planned.items == work_orders(second)
    gone = await desk.page(OrdersWanted(states=("cancelled",)))
    assert [one.id for one in gone.items] == [one.id for one in work_orders(first)]


async def test_orders_are_filtered_and_paged(desk: Desk) -> None:
    plan = made()
    run = (await desk.orders.enter(plan, "tester")).run
    found, cursor = [], None
    while True:
        page = await desk.page(OrdersWanted(run=run, vehicles=("vehicle-0001",)), cursor=cursor, limit=5)
        found += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert tuple(found) == work_orders(plan)
    one = await desk.page(OrdersWanted(devices=("bin-003",)))
    assert [order.device for order in one.items] == ["bin-003"]
    assert (await desk.page(OrdersWanted(vehicles=("other",)))).items == ()
    assert await desk.orders.plan("none") is None


async def test_routes_and_plans_are_entered_with_the_orders_or_nothing_is(desk: Desk) -> None:
    plan, early = made(), Shift("early", 5 * 60, 480)
    master = master_of(plan, early)
    with pytest.raises(NotEnteredError, match="there is none among the devices"):
        await desk.orders.enter(plan, "tester", master)
    assert (await desk.page(OrdersWanted())).items == ()
    assert await desk.orders.plan(run_of(plan)) is None
    await desk.know("vehicle-0001", *(f"bin-{number:03d}" for number in range(12)))
    assert not (await desk.orders.enter(plan, "tester", master)).known
    assert await desk.master.plans() == master.plans
    assert await desk.master.routes_between(0, 2**52) == master.routes
    # What takes its place withdraws it, in the same transaction.
    less = made(10)
    await desk.orders.enter(less, "tester", master_of(less, early))
    assert [one.id for one in await desk.master.plans()] == [f"{run_of(less)}:vehicle-0001"]
    # A tour of which somebody was told stays planned.
    await desk.sent(run_of(less))
    more = made(11)
    await desk.orders.enter(more, "tester", master_of(more, early))
    assert {one.id for one in await desk.master.plans()} == {f"{run_of(one)}:vehicle-0001" for one in (less, more)}


async def test_an_empty_plan_is_entered_too(desk: Desk) -> None:
    plan = msgspec.structs.replace(made(0))
    entered = await desk.orders.enter(plan, "tester")
    assert (entered.orders, entered.known) == (0, False)
