"""What the store tells of bins for planning, over a real database."""

from __future__ import annotations

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.instants import to_datetime
from fleet.planning.demands import HOUR_US, BinLevel
from store.bins.levels import bin_levels
from store.connection import session_parameters
from store.reading import ReadSession
from tests.intake import make_store

NOW = 1_780_000_000_000_000


async def levels(
    dsn: str, fills: list[tuple[float, float]], place: str = '{"lat": 30.5, "lon": 114.3}'
) -> list[BinLevel]:
    """A bin with readings (hours ago, per cent), and the levels that are told of it."""
    store = make_store(dsn)
    await store.open()
    await store.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO devices (id, kind, status, attributes) VALUES ('bin-1', 'bin', 'active', %s)", (place,)
        )
        for ago, fill in fills:
            at = to_datetime(NOW - round(ago * HOUR_US))
            connection.execute(
                "INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)"
                " SELECT d.key, m.key, 0, %s, %s, %s FROM devices d, metrics m WHERE m.name = 'fill_pct'",
                (at, fill, at),
            )
    async with AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=1, max_size=2, open=False) as pool:
        known, nowhere = await bin_levels(ReadSession(pool), NOW)
    assert len(known) + len(nowhere) == 1
    return list(known)


async def test_an_emptying_is_no_falling_rate_and_what_comes_later_is_not_known_yet(postgres_dsn: str) -> None:
    readings = [(20, 40), (15, 60), (10, 80), (9.5, 5), (5, 23), (1, 39), (-1, 99)]
    (level,) = await levels(postgres_dsn, [(float(ago), float(fill)) for ago, fill in readings])
    assert (level.fill_pct, level.at) == (39.0, NOW - HOUR_US)
    assert level.rate_pct_h == pytest.approx((40 + 34) / 19)
    assert (level.litres, level.alert, level.emptied_at) == (240.0, False, None)


async def test_a_bin_that_was_never_heard_is_told_and_one_without_a_place_is_named(postgres_dsn: str) -> None:
    (level,) = await levels(postgres_dsn, [])
    assert (level.fill_pct, level.rate_pct_h) == (None, 0.0)


async def test_a_bin_without_a_place_cannot_be_planned(postgres_dsn: str) -> None:
    assert await levels(postgres_dsn, [(1.0, 50.0)], place="{}") == []
