"""A city with a week of history in an empty database: what boards are tried and measured on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from time import time_ns
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from devices.metrics import CATALOGUE, DERIVED, Catalogue
from fleet.calendar import local_date
from fleet.reports.revision import Order
from hub.area_keeper import AreaKeeper
from hub.demo.city import DemoCity
from hub.reporting.making import make
from simulators.scenario import load_scenario
from store.benches.week import DAY, DAYS, make_week
from store.connection import session_parameters
from store.fleet.entry import FleetEntry
from store.reading import ReadSession
from store.reports.revisions import Reports
from store.schema import Mode, detect, enter_catalogue, migrate
from store.telemetry.devices_table import enter
from store.writing import WriteSession

ACTOR = "week"
ZONE = "Asia/Shanghai"
SMALL = {"size.vehicles": 6, "size.bins": 30, "size.toilets": 4, "size.workers": 8}  #: of the tests


async def make_city(dsn: str, size: Mapping[str, Any], seed: int = 1) -> dict[str, int]:
    """Enter a city of this size in an empty database, and make the week up to now; rows by table."""
    end = time_ns() // 1_000
    mode = await _prepare(dsn)
    with closing(DemoCity(load_scenario("small", size), seed)) as city:
        await enter(dsn, city.specs())
        today = local_date(end, ZONE)
        master = city.master(today + timedelta(days=days) for days in range(1 - DAYS, 2))
        async with _pool(dsn) as pool:
            await FleetEntry(WriteSession(pool, statement_timeout_s=60.0)).enter(master, ACTOR)
    async with await psycopg.AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
        made = await make_week(connection, mode, end)
    async with _pool(dsn) as pool:
        made["device_areas"] = await AreaKeeper(pool).look()
        made["reports"] = await _report(pool, end)
    return made


async def _prepare(dsn: str) -> Mode:
    async with await psycopg.AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
        mode = await detect(connection)
        await migrate(connection, mode, 7)
        await enter_catalogue(connection, Catalogue((*CATALOGUE, *DERIVED)))
    return mode


def _pool(dsn: str) -> AsyncConnectionPool:
    return AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=1, open=False, name="week")


async def _report(pool: AsyncConnectionPool, end: int) -> int:
    """The evaluation of everybody over the last two days, and of one alone: made and kept as reports are."""
    store = Reports(ReadSession(pool), WriteSession(pool, statement_timeout_s=60.0))
    orders = [Order("evaluation", end - 2 * DAY, end, ZONE, {})]
    for order in orders:
        await store.keep(order, await make(order, pool), ACTOR)
    return len(orders)
