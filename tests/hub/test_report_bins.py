"""Bins as missed pick-ups are judged by them, out of a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.instants import parse, to_datetime
from fleet.compliance.result import Compliance
from fleet.master.plan import Plan
from fleet.master.route import Route, Stop, Window
from fleet.reports.compliance.planned import Planned, driven_judged
from fleet.track import Driven, empty_track
from hub.reporting.sources.bins import SeenBins
from store.connection import session_parameters
from store.reading import ReadSession
from tests.intake import make_store

START, END = parse("2026-06-10T06:00:00+08:00"), parse("2026-06-10T14:00:00+08:00")
HOUR = 3_600_000_000
EMPTIED = (
    "INSERT INTO emptyings (device_key, at, since, until, vehicle, proof, partial, retracted)"
    " VALUES (%s, %s, %s, %s, 'truck-2', 'lift', false, %s)"
)
TOLD = "INSERT INTO events VALUES (%s, 0, %s, %s, 0, 'emptied', '{}')"
LEVEL = (
    "INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)"
    " SELECT %s, key, 0, %s, %s, %s FROM metrics WHERE name = 'fill_pct'"
)


class Bins:
    def __init__(self, connection: psycopg.Connection[Any], seen: SeenBins) -> None:
        self.connection, self.seen = connection, seen

    def add(self, device: str, kind: str = "bin", attributes: str = "{}") -> int:
        insert = (
            "INSERT INTO devices (id, kind, status, attributes, registered_at) VALUES (%s, %s, 'retired', %s, %s)"
            " RETURNING key"
        )
        row = self.connection.execute(insert, (device, kind, attributes, to_datetime(START - 99 * HOUR))).fetchone()
        assert row is not None
        return int(row[0])

    def emptied(self, key: int, hour: float, retracted: bool = False) -> None:
        at = to_datetime(START + int(hour * HOUR))
        self.connection.execute(EMPTIED, (key, at, to_datetime(START + int((hour - 0.2) * HOUR)), at, retracted))

    def told(self, key: int, hour: float) -> None:
        at = to_datetime(START + int(hour * HOUR))
        self.connection.execute(TOLD, (key, at, at))

    def level(self, key: int, hour: float, fill: float) -> None:
        at = to_datetime(START + int(hour * HOUR))
        self.connection.execute(LEVEL, (key, at, fill, at))


@pytest.fixture
async def bins(postgres_dsn: str) -> AsyncIterator[Bins]:
    store = make_store(postgres_dsn)
    await store.open()
    await store.close()
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        async with AsyncConnectionPool(
            kwargs=session_parameters(postgres_dsn), min_size=1, max_size=2, open=False
        ) as pool:
            yield Bins(connection, SeenBins(ReadSession(pool)))


async def test_levels_thresholds_and_the_last_emptying_before_the_shift(bins: Bins) -> None:
    one, two = bins.add("bin-1", attributes='{"notice_pct": 40, "max_days": 2}'), bins.add("bin-2")
    bins.add("truck-1", kind="vehicle")
    for hour in (-50, -30):
        bins.emptied(one, hour)
    bins.emptied(one, -1, retracted=True)
    bins.level(one, -7, 10)
    bins.level(one, -1, 20)
    bins.level(one, 3, 30)
    bins.level(one, 11, 50)
    found = await bins.seen.of(["bin-1", "bin-2", "truck-1", "nobody"], START, END)
    assert sorted(found) == ["bin-1", "bin-2"]
    assert found["bin-1"].fill.value.tolist() == [20, 30]
    assert (found["bin-1"].since, found["bin-1"].limits.notice_pct) == (START - 30 * HOUR, 40)
    assert (found["bin-2"].since, found["bin-2"].limits.notice_pct) == (START - 99 * HOUR, 75)
    assert two
    assert await bins.seen.of(["nobody"], START, END) == {}


async def test_what_a_bin_told_counts_before_anybody_has_looked_at_it(bins: Bins) -> None:
    key = bins.add("bin-1")
    bins.emptied(key, 2)
    bins.told(key, 2.1)  # of the same
    bins.told(key, 5)
    found = (await bins.seen.of(["bin-1"], START, END))["bin-1"].emptied
    assert [(one.at, one.vehicle, one.proof) for one in found] == [
        (START + 2 * HOUR, "truck-2", "lift"), (START + 5 * HOUR, None, "device"),
    ]  # fmt: skip


def test_windows_are_of_the_clocks_where_the_shift_is() -> None:
    route = Route("r", 1, "collect", (((13.3, 52.5), (13.4, 52.5)),), stops=(
        Stop("s", 13.35, 52.5, windows=(Window(360, 480),)),
    ))  # fmt: skip
    plan, span = Plan("p", date(2026, 6, 10), "early", "r", vehicle="v"), (START, END)
    piece = Planned(plan, route, span, Driven("v", *span, empty_track(), {}), zone="Europe/Berlin")
    result: Compliance = driven_judged(piece)
    assert result.stops[0].planned == (parse("2026-06-10T06:00:00+02:00"), parse("2026-06-10T08:00:00+02:00"))
