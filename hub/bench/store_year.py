"""The bench of the rollups: a year of a small town in the embedded PostgreSQL, in plain mode.

A tenth of a mid-size city, with readings as dense as its devices make them: bins that tell of three metrics each
quarter of an hour, vehicles of two metrics as often as a reading each minute of a shift of eight hours comes to, and a
gas sensor each ten seconds. The same series is read from the sums of hours and from the readings, in turn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, time_ns

import msgspec
from psycopg_pool import AsyncConnectionPool

from devices.metrics import CATALOGUE, DERIVED, Catalogue
from hub.bench.ingest import machine
from hub.bootstrap import make_store
from hub.installation import Installation
from hub.settings import Settings
from hub.store_settings import StoreSection
from store.bench_history import DAY, HOUR, MINUTE, Fleet, fill, sum_up
from store.bench_year import YearFacts, facts
from store.connection import session_parameters
from store.devices_table import DeviceSpec, enter
from store.forgetting import Keeping
from store.readers_buckets import buckets, buckets_of_readings
from store.readers_session import ReadSession
from store.rollup_zone import DEFAULT

MONTH_DAYS = 30
FLEETS = {
    "15 min": Fleet("bin-", ("fill_pct", "battery_v", "temperature_c"), 15 * MINUTE),
    "3 min": Fleet("vehicle-", ("speed_kmh", "fuel_pct"), 3 * MINUTE),
    "10 s": Fleet("toilet-", ("nh3_ppm",), MINUTE // 6),
}


class Plan(msgspec.Struct, frozen=True):
    """How many devices, how many days, how often each series is read, and after how many days readings go."""

    bins: int = 40
    vehicles: int = 20
    toilets: int = 1
    days: int = 365
    times: int = 21
    retention_days: int = 90


class Series(msgspec.Struct):
    """A month of one metric by hours: readings in it, buckets given, medians of the times of both ways."""

    every: str
    readings: int
    buckets: int
    sums_ms: float
    readings_ms: float

    @property
    def ratio(self) -> float:
        """How often faster the sums are."""
        return self.readings_ms / self.sums_ms


class Retention(msgspec.Struct):
    """What retention left; ``young`` readings are younger than its limit, and none of them may go."""

    days: int
    partitions: int
    rows_before: int
    rows_after: int
    young_before: int
    young_after: int
    oldest_days: float  #: age of the oldest that is left
    sums_same: bool
    old_month_buckets: int  #: of a month whose readings are gone, by hours


class Figures(msgspec.Struct):
    """What a run measured."""

    plan: Plan
    year: YearFacts
    fill_s: float
    sum_up_s: float
    series: list[Series]
    retention: Retention
    machine: dict[str, str]


async def measure(plan: Plan, told: Callable[[int, int], None] = lambda done, of: None) -> Figures:
    """Run the whole bench in a temporary data folder of its own; ``told`` is of the filling."""
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        installation = Installation(
            Settings(data=Path(name) / "data", store=StoreSection(mode="plain", zone=DEFAULT)), port=0
        )
        try:
            await installation.start()
            return await _measure(installation, plan, told)
        finally:
            await installation.stop()


async def _measure(installation: Installation, plan: Plan, told: Callable[[int, int], None]) -> Figures:
    settings, dsn = installation.settings, installation.dsn()
    end = time_ns() // 1_000 // DAY * DAY
    store = make_store(settings, dsn, Catalogue((*CATALOGUE, *DERIVED)))
    await store.open()
    counts = {"bin": plan.bins, "vehicle": plan.vehicles, "toilet": plan.toilets}
    await enter(dsn, [DeviceSpec(f"{kind}-{n:03}", kind) for kind, count in counts.items() for n in range(count)])
    began = perf_counter()
    await fill(dsn, tuple(FLEETS.values()), end, plan.days, settings.store.partition_days, told)
    filled = perf_counter()
    await sum_up(dsn, end)
    summed = perf_counter()
    cutoff = time_ns() // 1_000 - plan.retention_days * DAY
    year = await facts(dsn, cutoff)
    pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=1, max_size=1, open=False)
    async with pool:
        session = ReadSession(pool, statement_timeout_s=60.0)
        series = [await _series(session, every, fleet, end, plan.times) for every, fleet in FLEETS.items()]
        partitions = await store.maintain(Keeping(plan.retention_days))
        left = await facts(dsn, cutoff)
        old = await _month(session, FLEETS["10 s"], end - (plan.days - MONTH_DAYS) * DAY)
    await store.close()
    retention = Retention(
        days=plan.retention_days,
        partitions=partitions,
        rows_before=year.rows,
        rows_after=left.rows,
        young_before=year.young,
        young_after=left.young,
        oldest_days=round((time_ns() // 1_000 - left.oldest) / DAY, 1),
        sums_same=left.sums == year.sums,
        old_month_buckets=old,
    )
    return Figures(plan, year, round(filled - began, 1), round(summed - filled, 1), series, retention, machine())


async def _month(session: ReadSession, fleet: Fleet, end: int) -> int:
    found = await buckets(
        session, f"{fleet.prefix}000", fleet.metrics[0], start=end - MONTH_DAYS * DAY, end=end, width=HOUR
    )
    return len(found)


async def _series(session: ReadSession, every: str, fleet: Fleet, end: int, times: int) -> Series:
    """The last month but one of the first device, both ways in turn, after one time each that does not count."""
    end -= MONTH_DAYS * DAY
    span = {"start": end - MONTH_DAYS * DAY, "end": end, "width": HOUR}
    device, metric = f"{fleet.prefix}000", fleet.metrics[0]
    took: tuple[list[float], list[float]] = ([], [])
    count = given = 0
    for _ in range(times + 1):
        for ask, noted in zip((buckets, buckets_of_readings), took, strict=True):
            began = perf_counter()
            found = await ask(session, device, metric, **span)
            noted.append(1_000 * (perf_counter() - began))
            count, given = sum(one.count for one in found), len(found)
    sums, readings = (median(one[1:]) for one in took)
    return Series(every, count, given, round(sums, 2), round(readings, 2))
