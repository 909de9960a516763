"""A hub whose InfluxDB is away, slow or refusing: PostgreSQL gets everything, and InfluxDB does in the end.

The hub is a process of its own, killed while InfluxDB takes what it has sent. InfluxDB is the stand-in of
`tests/influx_server.py`; with SANIHUB_TEST_INFLUX_URL (and _TOKEN, _ORG, _BUCKET) a real one is written to as well.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time_ns

import psycopg
import pytest

from hub.influx.settings import InfluxSection
from store.influx.client import InfluxClient
from store.influx.delivery import deliver
from store.influx.lines import Point
from store.influx.points import Naming
from store.influx.series import InfluxSeries
from tests.flood import flood, lost_and_doubled, publish, stored
from tests.hubs import HubProcess, mqtt_section
from tests.influx_server import InfluxServer, influx_server
from tests.influx_stored import expected, section_text
from tests.servers import NatsServer

COUNT = 2_000
DEADLINE_S = 120.0
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def influx() -> Iterator[InfluxServer]:
    with influx_server() as server:
        yield server


@pytest.fixture
def hub(open_folder: Path, postgres_dsn: str, nats_broker: NatsServer, influx: InfluxServer) -> Iterator[HubProcess]:
    text = section_text(influx, batch_points=200, every_s=0.1, most_wait_s=0.2, timeout_s=5.0)
    one = HubProcess(open_folder, postgres_dsn, f"{mqtt_section(nats_broker.address)}\n{text}")
    one.start()
    yield one
    one.kill()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


def waiting(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM influx_marks").fetchone()
    return row[0] if row else 0


def metric(hub: HubProcess, name: str) -> float:
    found = re.search(rf"^{name}(?:\{{\}})? ([0-9.e+-]+)$", hub.get("/metrics").text, re.M)
    assert found is not None, name
    return float(found[1])


async def pour(address: tuple[str, int], dsn: str) -> None:
    """Publish the flood; returns when all of it is committed."""
    async with asyncio.timeout(DEADLINE_S):
        async for _ in publish(address, flood(COUNT, ids=True)):
            pass
    await until(lambda: stored(dsn) == COUNT)


async def test_away_then_killed_while_it_catches_up(
    hub: HubProcess, postgres_dsn: str, nats_broker: NatsServer, influx: InfluxServer
) -> None:
    influx.stop()
    await pour(nats_broker.address, postgres_dsn)  # PostgreSQL takes it as ever
    assert hub.get("/readyz").status_code == 200
    await until(lambda: metric(hub, "sanihub_influx_up") == 0)
    await until(lambda: metric(hub, "sanihub_influx_waiting_records") > COUNT)
    assert metric(hub, "sanihub_influx_lag_seconds") > 0
    (shown,) = [one for one in hub.status()["connections"] if one["name"] == "InfluxDB"]  # type: ignore[attr-defined]
    assert not shown["connected"]
    assert not shown["required"]
    assert influx.points == {}

    kills = {2, 6}

    def decide(number: int) -> None:
        if number in kills:
            hub.kill()  # InfluxDB takes the request, and nobody is there for the answer

    influx.decide = decide  # type: ignore[assignment]
    influx.start()
    for number in sorted(kills):
        await until(lambda number=number: influx.requests >= number)  # type: ignore[misc]
        await until(lambda: hub._process is None)
        await asyncio.to_thread(hub.start)
    await until(lambda: waiting(postgres_dsn) == 0)
    assert influx.points == expected(postgres_dsn)
    assert lost_and_doubled(postgres_dsn, COUNT) == (0, 0)
    assert hub.stop() == 0


async def test_slow_and_refusing_while_messages_come(
    hub: HubProcess, postgres_dsn: str, nats_broker: NatsServer, influx: InfluxServer
) -> None:
    influx.types["fixes", "lon"] = str
    influx.gate.clear()
    await pour(nats_broker.address, postgres_dsn)
    assert influx.answers == []  # nothing was answered so far
    influx.gate.set()
    await until(lambda: waiting(postgres_dsn) == 0)
    wanted = expected(postgres_dsn)
    for point in wanted.values():
        point.pop("lon", None)
    assert influx.points == wanted
    await until(lambda: metric(hub, "sanihub_influx_refused_total") > 0)
    assert metric(hub, "sanihub_influx_up") == 1
    assert '"field":"lon"' in hub.cli("influx", "refused", "list", "--json", "--limit", "1")
    assert lost_and_doubled(postgres_dsn, COUNT) == (0, 0)
    assert hub.stop() == 0


@pytest.mark.skipif("SANIHUB_TEST_INFLUX_URL" not in os.environ, reason="SANIHUB_TEST_INFLUX_URL names no InfluxDB v2")
async def test_a_real_influxdb_takes_and_gives_points() -> None:
    """The only place where Flux runs: write as the sink does, and read as the API would."""
    asked = {name: os.environ[f"SANIHUB_TEST_INFLUX_{name.upper()}"] for name in ("url", "org", "bucket", "token")}
    section = InfluxSection(enabled=True, **asked)  # type: ignore[arg-type]
    client, device = InfluxClient(section.target()), f"test {secrets.token_hex(4)}, =x"
    hour = 3_600_000_000
    begin = time_ns() // 1_000 // hour * hour - 24 * hour
    points = [
        Point("readings", device, begin + n * hour // 4, {"fill_pct": n / 2, "quality": 1, "received_us": begin})
        for n in range(8)
    ]
    await client.probe()
    assert await deliver(client, points) == []
    series = InfluxSeries(client, Naming())
    page = await series.series(device, "fill_pct", start=begin, end=begin + 2 * hour, cursor=None, limit=5)
    assert [(one.observed_at, one.value, one.quality) for one in page.items] == [
        (one.at, one.fields["fill_pct"], 1) for one in points[:5]
    ]
    rest = await series.series(device, "fill_pct", start=begin, end=begin + 2 * hour, cursor=page.next_cursor, limit=5)
    assert [one.value for one in rest.items] == [2.5, 3.0, 3.5]
    sums = await series.buckets(device, "fill_pct", start=begin, end=begin + 2 * hour, width=hour)
    assert [(one.start_at, one.count, one.minimum, one.maximum, one.mean, one.last) for one in sums] == [
        (begin, 4, 0.0, 1.5, 0.75, 1.5),
        (begin + hour, 4, 2.0, 3.5, 2.75, 3.5),
    ]
    client.close()
