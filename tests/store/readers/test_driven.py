"""What was driven comes back from the store in order, once, and with the value that held before."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from devices.instants import from_datetime
from devices.metrics import Catalogue
from store.readers.driven import DrivenReads
from store.reading import ReadSession
from store.schema import Mode, enter_catalogue, migrate

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_FIX = """
INSERT INTO fixes (device_key, variant, observed_at, received_at, lat, lon, speed_kmh, seq, quality, valid)
VALUES (%s, %s, %s, now(), %s, 114.3, %s, %s, 0, %s)
"""
_READING = """
INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)
VALUES (%s, (SELECT key FROM metrics WHERE name = %s), 0, %s, %s, now())
"""
_EVENT = """
INSERT INTO events (device_key, variant, observed_at, received_at, quality, kind, attributes)
VALUES (%s, 0, %s, now(), 0, %s, %s)
"""


@pytest.fixture(params=["parts", "default"])
async def writer(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await migrate(connection, Mode.PLAIN, 7)
        await enter_catalogue(connection, Catalogue())
        if request.param == "parts":  # else all lies in the default partitions
            for table in ("readings", "fixes", "events"):
                for begin, end in (("2026-10-25Z", "2026-11-01Z"), ("2026-11-01Z", "2026-11-08Z")):
                    span = f"FOR VALUES FROM ('{begin}') TO ('{end}')"
                    await connection.execute(f"CREATE TABLE {table}_{end[8:10]} PARTITION OF {table} {span}")
        for name, kind in (("v", "vehicle"), ("w", "vehicle"), ("b", "bin"), ("c", "bin")):
            await connection.execute("INSERT INTO devices (id, kind, status) VALUES (%s, %s, 'active')", (name, kind))
        yield connection


@pytest.fixture
async def reads(writer: psycopg.AsyncConnection, postgres_dsn: str) -> AsyncIterator[DrivenReads]:
    settings = {"options": "-c timezone=Asia/Kolkata"}
    async with AsyncConnectionPool(postgres_dsn, min_size=1, max_size=1, kwargs=settings, open=False) as pool:
        yield DrivenReads(ReadSession(pool))


async def test_positions_of_one_instant_are_one_and_invalid_ones_none(
    writer: psycopg.AsyncConnection, reads: DrivenReads
) -> None:
    draw = random.Random(3)
    rows = []
    for number in range(400):
        at = NOON + draw.randrange(-500, 20 * 86_400) * SECOND
        rows.append((at, draw.choice([None, 0, 1, 2]), number, draw.random() < 0.8))
    for at, seq, number, valid in rows:
        await writer.execute(_FIX, (1, number, at, number / 10, None if number % 3 else 12.5, seq, valid))
    await writer.execute(_FIX, (2, 1, NOON, 1.0, 1.0, 1, True))
    start, end = from_datetime(NOON), from_datetime(NOON + timedelta(days=15))
    best: dict[int, tuple[tuple[int, int], float]] = {}
    for at, seq, number, valid in rows:
        rank = (-1 if seq is None else seq, number)
        instant = from_datetime(at)
        if valid and start <= instant < end and (instant not in best or rank > best[instant][0]):
            best[instant] = (rank, number / 10)
    found = await reads.driven("v", start=start, end=end, metrics=())
    assert found.track.at.tolist() == sorted(best)
    assert found.track.lat.tolist() == [best[at][1] for at in sorted(best)]
    assert np.isnan(found.track.heading_deg).all()
    assert found.signals == {}
    assert set(found.track.speed_kmh[~np.isnan(found.track.speed_kmh)]) == {12.5}


async def test_signals_hold_their_greatest_value_and_the_last_before(
    writer: psycopg.AsyncConnection, reads: DrivenReads
) -> None:
    for seconds, value in (
        (-90_000, 1.0),
        (-60, 0.0),
        (-60, 1.0),
        (0, 0.0),
        (30, 1.0),
        (30, 2.0),
        (700_000, 5.0),
        (900_000, 7.0),
    ):
        await writer.execute(_READING, (1, "pto", NOON + seconds * SECOND, value))
    await writer.execute(_READING, (1, "brush", NOON + 5 * SECOND, 1.0))
    await writer.execute(_READING, (1, "fuel_l", NOON + 5 * SECOND, 90.0))
    start, end = from_datetime(NOON), from_datetime(NOON + 800_000 * SECOND)
    found = await reads.driven("v", start=start, end=end, metrics=("pto", "brush", "lift"))
    assert set(found.signals) == {"pto", "brush"}
    pto = found.signals["pto"]
    assert ((pto.at - start) // 1_000_000).tolist() == [-60, 0, 30, 700_000]
    assert pto.value.tolist() == [1.0, 0.0, 2.0, 5.0]


async def test_events_and_what_bins_told(writer: psycopg.AsyncConnection, reads: DrivenReads) -> None:
    await writer.execute(_EVENT, (1, NOON, "door_open", Jsonb({"which": "rear"})))
    await writer.execute(_EVENT, (3, NOON + SECOND, "emptied", Jsonb({})))
    await writer.execute(_READING, (3, "fill_pct", NOON, 80.0))
    await writer.execute(_READING, (4, "battery_v", NOON, 3.0))
    start, end = from_datetime(NOON), from_datetime(NOON + timedelta(hours=1))
    found = await reads.driven("v", start=start, end=end, metrics=())
    assert found.events == (("door_open", start, {"which": "rear"}),)
    assert await reads.emptied(["b", "c", "nobody"], start=start, end=end) == {"b": (start + 1_000_000,)}
    assert await reads.emptied(["b", "c"], start=end, end=end + 1_000_000) == {}


async def test_an_unknown_device_drove_nothing(reads: DrivenReads) -> None:
    found = await reads.driven("nobody", start=0, end=1, metrics=("pto",))
    assert len(found.track.at) == 0
    assert found.signals == {}
