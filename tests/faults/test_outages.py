"""Whatever dies, what was acknowledged is stored exactly once, and the hub recovers without hands.

The default size is small; `make faults` runs the full one (SANIHUB_TEST_FULL=1): 50,000 messages and outages of 20 s.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.flood import flood, lost_and_doubled, publish, stored
from tests.hubs import HubProcess, mqtt_section
from tests.servers import Mosquitto, NatsServer, PostgresServer

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
COUNT = 50_000 if FULL else 6_000
OUTAGE_S = 20.0 if FULL else 0.0
DEADLINE_S = 300.0
pytestmark = pytest.mark.timeout(900)


async def stored_all(dsn: str, hub: HubProcess, count: int) -> None:
    """Wait until every message is stored and nothing is in flight any more."""

    def done() -> bool:
        return stored(dsn) == count and hub.status()["pipeline"]["in_flight"] == 0  # type: ignore[index]

    async with asyncio.timeout(DEADLINE_S):
        while not await asyncio.to_thread(done):
            await asyncio.sleep(0.05)


async def quiet(hub: HubProcess) -> None:
    """Wait until the broker has nothing to hand over again: its last redelivery is acknowledged."""
    before = -1
    async with asyncio.timeout(DEADLINE_S):
        while (now := (await asyncio.to_thread(hub.status))["pipeline"]["messages_total"]) != before:  # type: ignore[index]
            before = now
            await asyncio.sleep(0.5)


@pytest.fixture
def hub_over(open_folder: Path) -> Iterator[Callable[[str, str], HubProcess]]:
    hubs: list[HubProcess] = []

    def make(dsn: str, settings: str) -> HubProcess:
        hub = HubProcess(open_folder, dsn, settings)
        hubs.append(hub)
        hub.start()
        return hub

    yield make
    for hub in hubs:
        hub.kill()


async def kill_while_flooding(hub: HubProcess, address: tuple[str, int], seed: int) -> None:
    """Kill the hub at three random moments of the flood, and start it again at once."""
    moments = sorted(random.Random(seed).sample(range(COUNT // 20, COUNT * 19 // 20), 3))
    async for acknowledged in publish(address, flood(COUNT, ids=False)):
        if moments and acknowledged >= moments[0]:
            moments.pop(0)
            hub.kill()
            await asyncio.to_thread(hub.start)
    assert not moments


@pytest.mark.parametrize("seed", range(3 if FULL else 1))
async def test_hub_killed_three_times_over_nats(
    postgres_dsn: str, nats_broker: NatsServer, hub_over: Callable[[str, str], HubProcess], seed: int
) -> None:
    hub = hub_over(postgres_dsn, mqtt_section(nats_broker.address))
    await kill_while_flooding(hub, nats_broker.address, seed)
    await stored_all(postgres_dsn, hub, COUNT)
    await quiet(hub)
    assert lost_and_doubled(postgres_dsn, COUNT) == (0, 0)
    assert hub.stop() == 0


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_hub_killed_three_times_over_mosquitto(
    postgres_dsn: str,
    mosquitto: Callable[..., Mosquitto],
    hub_over: Callable[[str, str], HubProcess],
    version: str,
) -> None:
    broker = mosquitto(max_inflight_messages=1_000)
    hub = hub_over(postgres_dsn, mqtt_section(broker.address, version=version))
    await kill_while_flooding(hub, broker.address, seed=7)
    await stored_all(postgres_dsn, hub, COUNT)
    await quiet(hub)
    assert lost_and_doubled(postgres_dsn, COUNT) == (0, 0)


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
async def test_database_away_while_flooding(
    private_postgres: PostgresServer,
    nats_broker: NatsServer,
    hub_over: Callable[[str, str], HubProcess],
    crash: bool,
) -> None:
    dsn = private_postgres.dsn()
    hub = hub_over(dsn, mqtt_section(nats_broker.address))
    away = False
    async for acknowledged in publish(nats_broker.address, flood(COUNT, ids=False)):
        if acknowledged >= COUNT // 3 and not away:
            away = True
            (private_postgres.kill if crash else private_postgres.stop)()
    assert hub.get("/healthz").status_code == 200
    assert hub.get("/readyz").status_code == 503
    await asyncio.sleep(OUTAGE_S)
    private_postgres.start()
    await stored_all(dsn, hub, COUNT)
    await quiet(hub)
    assert lost_and_doubled(dsn, COUNT) == (0, 0)
    assert hub.get("/readyz").status_code == 200


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
async def test_broker_away_while_flooding(
    postgres_dsn: str, nats_broker: NatsServer, hub_over: Callable[[str, str], HubProcess], crash: bool
) -> None:
    hub = hub_over(postgres_dsn, mqtt_section(nats_broker.address))
    away = False
    async for acknowledged in publish(nats_broker.address, flood(COUNT, ids=True)):
        if acknowledged >= COUNT // 3 and not away:
            away = True
            (nats_broker.kill if crash else nats_broker.stop)()
            await asyncio.sleep(OUTAGE_S)
            await asyncio.to_thread(nats_broker.start)
    await stored_all(postgres_dsn, hub, COUNT)
    await quiet(hub)
    assert lost_and_doubled(postgres_dsn, COUNT) == (0, 0)


async def test_stop_commits_what_was_taken(
    postgres_dsn: str, nats_broker: NatsServer, hub_over: Callable[[str, str], HubProcess]
) -> None:
    """SIGTERM in the middle of a flood: nothing of what was acknowledged comes again to the next hub."""
    hub = hub_over(postgres_dsn, mqtt_section(nats_broker.address))
    stopped = False
    async for acknowledged in publish(nats_broker.address, flood(COUNT, ids=False)):
        if acknowledged >= COUNT // 2 and not stopped:
            stopped = True
            assert hub.stop() == 0
    hub.start()
    await stored_all(postgres_dsn, hub, COUNT)
    assert lost_and_doubled(postgres_dsn, COUNT) == (0, 0)


async def test_unreachable_store_at_start(
    private_postgres: PostgresServer, nats_broker: NatsServer, hub_over: Callable[[str, str], HubProcess]
) -> None:
    """A hub that starts before its database takes nothing, says so, and needs no restart."""
    dsn = private_postgres.dsn()
    private_postgres.stop()
    hub = hub_over(dsn, mqtt_section(nats_broker.address))
    assert hub.get("/readyz").status_code == 503
    async for _ in publish(nats_broker.address, flood(100, ids=False)):
        pass
    private_postgres.start()
    await stored_all(dsn, hub, 100)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
