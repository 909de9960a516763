"""Areas of devices, as boards read them: a table that follows what people entered and where devices are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.metrics import Catalogue
from fleet.master.collection import Master
from fleet.master.places import Area
from hub.area_keeper import AreaKeeper
from store.fleet.entry import FleetEntry
from store.reading import Pool
from store.schema import Mode, enter_catalogue, migrate
from store.writing import WriteSession

SQUARE = (((114.0, 30.0), (114.1, 30.0), (114.1, 30.1), (114.0, 30.1), (114.0, 30.0)),)
DEVICES = (
    ("named", '{"area": "elsewhere", "lon": 114.05, "lat": 30.05}'),
    ("within", '{"lon": 114.05, "lat": 30.05}'),
    ("outside", '{"lon": 114.5, "lat": 30.05}'),
    ("nowhere", "{}"),
)


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await migrate(connection, Mode.PLAIN, 7)
        await enter_catalogue(connection, Catalogue())
        for name, attributes in DEVICES:
            insert = "INSERT INTO devices (id, kind, status, attributes) VALUES (%s, 'bin', 'active', %s)"
            await connection.execute(insert, (name, attributes))
    async with AsyncConnectionPool(postgres_dsn, min_size=0, max_size=2, open=False) as opened:
        yield opened


async def _kept(pool: Pool) -> set[tuple[str, str]]:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT device, area FROM boards.device_areas")
        return {(row[0], row[1]) for row in await cursor.fetchall()}


async def _do(pool: Pool, statement: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(statement.encode())


async def test_the_table_follows_names_and_places(pool: Pool) -> None:
    keeper = AreaKeeper(pool)
    area = Area("grid-7", 0, "grid", polygons=(SQUARE,))
    await FleetEntry(WriteSession(pool)).enter(Master(areas=(area,)), "test")
    assert await keeper.look() == 2
    assert await _kept(pool) == {("named", "elsewhere"), ("within", "grid-7")}
    assert await keeper.look() == 0  # nobody moved, so nothing is written

    await _do(pool, "UPDATE devices SET attributes = attributes || '{\"lon\": 114.05}' WHERE id = 'outside'")
    await _do(pool, "UPDATE devices SET attributes = attributes - 'area' WHERE id = 'named'")
    assert await keeper.look() == 3  # one came, and one was changed: gone there, come here
    assert await _kept(pool) == {("named", "grid-7"), ("within", "grid-7"), ("outside", "grid-7")}


async def test_a_device_that_is_deleted_takes_its_areas_along(pool: Pool) -> None:
    keeper = AreaKeeper(pool)
    assert await keeper.look() == 1
    await _do(pool, "DELETE FROM devices WHERE id = 'named'")
    assert await _kept(pool) == set()
    assert await keeper.look() == 0
