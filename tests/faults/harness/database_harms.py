"""What may be wrong with a database that runs: slow, locked, read-only, restarted, full of others, its work cut off."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time

import psycopg

from tests.faults.harness.survival import AWAY_S
from tests.faults.harness.world import World

_SLOW = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
CREATE TRIGGER slowly BEFORE INSERT ON readings FOR EACH STATEMENT EXECUTE FUNCTION slowly();
"""
_OF_HUB = "FROM pg_stat_activity WHERE application_name = 'sanihub' AND datname = current_database()"


async def slow(world: World) -> None:
    """Each statement that writes readings takes half a second longer."""
    await asyncio.to_thread(world.sql, _SLOW)
    await asyncio.sleep(AWAY_S)
    await asyncio.to_thread(world.sql, "DROP TRIGGER slowly ON readings; DROP FUNCTION slowly()")


async def locked(world: World) -> None:
    """Another session holds an ACCESS EXCLUSIVE lock on the readings."""
    async with await _session(world) as connection:
        await connection.execute("BEGIN")
        await connection.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(AWAY_S)


async def locked_long(world: World) -> None:
    """The same beyond the minute after which the hub gives a silent server up."""
    async with await _session(world) as connection:
        await connection.execute("BEGIN")
        await connection.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(65)


async def read_only(world: World) -> None:
    """Every transaction is read-only (SQLSTATE 25006), as on a server that became a standby."""
    async with await _session(world) as connection:
        await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(AWAY_S)
        await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await connection.execute("SELECT pg_reload_conf()")


async def restarted_fast(world: World) -> None:
    """A fast shutdown, and a start."""
    await _restarted(world, signal.SIGINT)


async def restarted_at_once(world: World) -> None:
    """An immediate shutdown, and a start that recovers."""
    await _restarted(world, signal.SIGQUIT)


async def _restarted(world: World, number: int) -> None:
    assert world.postgres is not None
    await asyncio.to_thread(world.postgres._end, number)
    await asyncio.sleep(AWAY_S)
    await asyncio.to_thread(world.postgres.start)


async def crowded(world: World) -> None:
    """Others take every connection, and those of the hub are ended, so that it has to come in again."""
    await asyncio.to_thread(_crowd, world)


def _crowd(world: World) -> None:
    ending = time.monotonic() + AWAY_S
    with contextlib.ExitStack() as held:
        first = held.enter_context(psycopg.connect(world.dsn(), autocommit=True, application_name="crowd"))
        refused = 0
        while time.monotonic() < ending or not refused:
            try:
                held.enter_context(psycopg.connect(world.dsn(), autocommit=True, application_name="crowd"))
            except psycopg.OperationalError:
                refused += 1
                first.execute(f"SELECT pg_terminate_backend(pid) {_OF_HUB}".encode())


async def cancelled(world: World) -> None:
    """Statements of the hub are cancelled at random."""
    await asyncio.to_thread(_strike, world, "pg_cancel_backend")


async def terminated(world: World) -> None:
    """Sessions of the hub are ended at random."""
    await asyncio.to_thread(_strike, world, "pg_terminate_backend")


def _strike(world: World, blow: str) -> None:
    chance, ending = random.Random(blow), time.monotonic() + AWAY_S
    with psycopg.connect(world.dsn(), autocommit=True) as connection:
        while time.monotonic() < ending:
            pids = [row[0] for row in connection.execute(f"SELECT pid {_OF_HUB} AND state <> 'idle'".encode())]
            if pids:
                connection.execute(f"SELECT {blow}(%s)".encode(), [chance.choice(pids)])
            time.sleep(chance.uniform(0, 0.05))


async def _session(world: World) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(world.dsn(), autocommit=True, application_name="harm")
