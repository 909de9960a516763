"""The people of the demo: what they enter is whole, and there once however often the demo is started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from psycopg_pool import AsyncConnectionPool

from devices.metrics import Catalogue
from hub.demo import desk
from hub.demo.desk import INCIDENTS, DemoDesk
from hub.demo.photo import drawn
from hub.incidents.photo import look_at
from store.schema import Mode, enter_catalogue, migrate


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[AsyncConnectionPool]:
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await migrate(connection, Mode.PLAIN, 7)
        await enter_catalogue(connection, Catalogue())
    async with AsyncConnectionPool(postgres_dsn, min_size=1, max_size=2, open=False) as opened:
        yield opened


async def sql(pool: AsyncConnectionPool, statement: str, *params: Any) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(statement.encode(), params)
        return await cursor.fetchall() if cursor.description else []


async def worked(pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look of the desk, as at a start of the demo."""
    stop = asyncio.Event()

    async def once(_: asyncio.Event, __: float) -> None:
        stop.set()

    monkeypatch.setattr(desk, "pause", once)
    await DemoDesk(pool, 1, ["mqtt-json"]).run(stop)


async def test_what_was_and_what_comes(pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    where = json.dumps({"lat": 30.57, "lon": 114.31})
    await sql(pool, "INSERT INTO devices (id, kind, status, attributes) VALUES ('bin-1', 'bin', 'active', %s)", where)
    worker = json.dumps({"id": "li", "name": "Li Mei"})
    await sql(pool, "INSERT INTO workers (id, content) VALUES ('li', %s)", worker)
    alert = (
        "INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at)"
        " SELECT key, 'bin-full', 'warning', 1, now() FROM devices"
    )
    await sql(pool, alert)
    seen = "INSERT INTO device_state (device_key, received_at) SELECT key, now() FROM devices"
    await sql(pool, seen)
    for _ in range(2):
        await worked(pool, monkeypatch)
        assert await sql(pool, "SELECT count(*), count(DISTINCT category) > 3 FROM incidents") == [(INCIDENTS, True)]
        assert await sql(pool, "SELECT count(*) FROM incident_photos") == [(INCIDENTS,)]
        assert await sql(pool, "SELECT state, origin, device FROM work_orders") == [("planned", "alert", "bin-1")]
        assert await sql(pool, "SELECT count(*) FROM work_tasks") == [(1,)]
        assert await sql(pool, "SELECT count(*) FROM findings") == [(1,)]
    states = {row[0] for row in await sql(pool, "SELECT DISTINCT state FROM incidents")}
    assert {"reported", "done"} <= states


def test_the_pictures_are_photos_and_differ() -> None:
    pictures = {drawn("spill", "Spill", shade) for shade in range(4)}
    assert len(pictures) == 4
    assert {look_at(one, most_pixels=1_000_000).media_type for one in pictures} == {"image/jpeg"}
    assert drawn("spill", "Spill", 1) in pictures


@given(st.integers(0, 3_000), st.binary(min_size=1, max_size=12))
def test_a_photo_with_anything_in_it_is_one_or_is_refused(at: int, noise: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:11:02 15:58:00"
    target = BytesIO()
    Image.new("RGB", (32, 32), "green").save(target, "JPEG", exif=exif)
    content = bytearray(target.getvalue())
    place = 2 + at % (len(content) - 2)
    content[place : place + len(noise)] = noise
    with suppress(ValueError):
        assert look_at(bytes(content), most_pixels=1_000_000).content == bytes(content)
