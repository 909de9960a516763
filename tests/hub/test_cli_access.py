from __future__ import annotations

import psycopg
import pytest

from devices.errors import ConfigError, TransientError
from hub.access import in_use, open_store, patiently
from hub.embedded.servers import EmbeddedServers, FolderLock
from hub.settings import settings
from hub.settings.settings import Settings


def of(folder, **more: object) -> Settings:
    return settings.load(None, data=folder / "data", **more)


async def tables(dsn: str) -> list[tuple[str]]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute("SELECT relname FROM pg_class WHERE relname = 'kept'")
        return await cursor.fetchall()


async def test_a_store_of_ones_own_is_taken_as_it_is(open_folder):
    async with open_store(of(open_folder, store={"dsn": "postgresql://db.example.org/x"})) as access:
        assert (access.dsn, access.origin) == ("postgresql://db.example.org/x", "external")


async def test_the_database_alone_for_the_time_of_a_command(open_folder):
    chosen = of(open_folder)
    with pytest.raises(ConfigError, match="holds no data yet"):
        async with open_store(chosen):
            pass
    assert not (open_folder / "data").exists()
    async with open_store(chosen, create=True) as access:
        assert access.origin == "own"
        assert in_use(access.data)
        async with await psycopg.AsyncConnection.connect(access.dsn) as connection:
            await connection.execute("CREATE TABLE kept ()")
    assert not in_use(open_folder / "data")
    with pytest.raises(psycopg.OperationalError):
        await tables(access.dsn)
    async with open_store(chosen) as access:  # found again
        assert await tables(access.dsn) == [("kept",)]


async def test_the_server_of_a_running_hub(open_folder):
    chosen = of(open_folder)
    async with EmbeddedServers(open_folder / "data", broker=False) as servers:
        async with open_store(chosen) as access, open_store(chosen) as another:
            assert (access.origin, another.origin) == ("running hub", "running hub")
            assert access.dsn == servers.dsn
            assert await tables(access.dsn) == []
        assert await tables(servers.dsn) == []  # it goes on running


async def test_a_folder_that_cannot_be_had_is_told_as_such(open_folder):
    (open_folder / "data").write_text("a file")
    with pytest.raises(ConfigError, match="data"):
        async with open_store(of(open_folder), create=True):
            pass


async def test_the_demo_is_pointed_out(open_folder):
    (open_folder / "data" / "demo" / "postgres" / "pgdata").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"the demo's lie in .*data/demo"):
        async with open_store(of(open_folder)):
            pass


def test_a_lock_is_seen_and_left_alone(open_folder):
    assert not in_use(open_folder)
    lock = FolderLock(open_folder)
    lock.acquire()
    assert in_use(open_folder)
    lock.release()
    assert not in_use(open_folder)
    lock.acquire()  # asking did not take it
    lock.release()


async def test_patience_ends(open_folder):
    tries = []

    async def away() -> None:
        tries.append(1)
        raise TransientError("away")

    with pytest.raises(TransientError, match="away"):
        await patiently(away, seconds=0.3)
    assert len(tries) > 1
