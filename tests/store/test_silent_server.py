"""A database that says nothing more while its connections stay open: nobody waits for it for ever.

TCP notices a peer that is gone (keepalive, user timeout). It does not notice one that hangs behind a connection in
order: a stopped server, a pooler or load balancer that has lost its own way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from devices.errors import TransientError
from store.alerts.outbox import Outbox
from store.connection import PatientConnection, session_parameters
from store.influx.marks import MarkQueue
from store.reading import Pool, ReadSession
from store.rollups.standing import RollupKeeper
from store.telemetry import live
from store.telemetry.forgetting import Keeping
from store.telemetry.live import LiveStore
from store.telemetry.writer import PostgresStore
from store.writing import WriteSession
from tests.proxy import BOTH, Proxy

Ask = Callable[[], Awaitable[object]]


@pytest.fixture
def proxy(postgres_module_dsn: str) -> Iterator[Proxy]:
    found = conninfo_to_dict(postgres_module_dsn)
    with Proxy((str(found["host"]), int(str(found["port"])))) as one:
        yield one


async def one_note(store: LiveStore) -> None:
    async with store.listening() as notes:
        await anext(aiter(notes))


async def test_whoever_asks_is_told_that_it_is_away_and_goes_on_when_it_is_back(
    postgres_module_dsn: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(postgres_module_dsn, mode="plain")
    await store.open()
    await store.close()
    monkeypatch.setattr(PatientConnection, "patience_s", 0.5)
    monkeypatch.setattr(PatientConnection, "beyond_s", 0.3)
    monkeypatch.setattr(live, "ASKED_EVERY_S", 0.1)
    dsn = make_conninfo(postgres_module_dsn, host=proxy.address[0], port=proxy.address[1], connect_timeout=2)
    parameters = session_parameters(dsn)
    pools: list[Pool] = [
        AsyncConnectionPool(connection_class=PatientConnection, kwargs=parameters, min_size=0, max_size=2, open=False)
        for _ in range(2)
    ]
    for pool in pools:
        await pool.open()
    reads, writes = ReadSession(pools[0], statement_timeout_s=0.2), WriteSession(pools[1], statement_timeout_s=0.2)
    outbox, marks, keeper = Outbox(dsn), MarkQueue(dsn), RollupKeeper(dsn, patience_s=0.5)
    listener = LiveStore(dsn, reads)
    await outbox.open()

    async def change() -> None:
        async with writes.transaction() as connection:
            await connection.execute("SELECT 1")

    asked: dict[str, Ask] = {
        "a reader": lambda: reads.rows("SELECT 1"),
        "who changes something": change,
        "the outbox": outbox.waiting,
        "the marks of InfluxDB": marks.prepared,
    }
    for ask in asked.values():
        await ask()
    listening = asyncio.create_task(one_note(listener))
    while proxy.open < 5:
        await asyncio.sleep(0.01)
    assert proxy.mute() >= 5
    async with asyncio.timeout(20):
        ended = await asyncio.gather(*(ask() for ask in asked.values()), listening, return_exceptions=True)
    assert [type(one) for one in ended] == [TransientError] * len(ended), ended
    for ask in asked.values():
        await ask()
    assert await keeper.turn(Keeping(), 1.0)
    # Not even one that takes connections and never answers holds anybody.
    proxy.mute(BOTH, newcomers=True)
    async with asyncio.timeout(30):
        with pytest.raises(TransientError):
            await keeper.turn(Keeping(), 1.0)
    proxy.heal()
    assert await keeper.turn(Keeping(), 1.0)
    await outbox.close()
    await marks.close()
    for pool in pools:
        await pool.close()
