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

from psycopg_pool import AsyncConnectionPool

from devices.metrics import CATALOGUE, DERIVED, Catalogue
from hub.bench.ingest import machine
from hub.bench.store_year.figures import Figures, Plan, Retention, Series
from hub.installation import Installation
from hub.settings.settings import Settings
from hub.settings.store import StoreSection
from store.benches.history import DAY, HOUR, MINUTE, Fleet, fill, sum_up
from store.benches.year import YearFacts, facts
from store.connection import session_parameters
from store.readers.buckets import buckets, buckets_of_readings
from store.reading import ReadSession
from store.rollups.zone import DEFAULT
from store.schema import Mode
from store.telemetry.devices_table import DeviceSpec, enter
from store.telemetry.forgetting import Keeping
from store.telemetry.writer import PostgresStore
from store.timescale.columnstore import Columnstore

FLEETS = {
    "15 min": Fleet("bin-", ("fill_pct", "battery_v", "temperature_c"), 15 * MINUTE),
    "3 min": Fleet("vehicle-", ("speed_kmh", "fuel_pct"), 3 * MINUTE),
    "10 s": Fleet("toilet-", ("nh3_ppm",), MINUTE // 6),
}
Told = Callable[[int, int], None]


async def measure(plan: Plan, told: Told = lambda done, of: None) -> Figures:
    """Run the whole bench in a temporary data folder of its own; ``told`` is of the filling."""
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        installation = Installation(Settings(data=Path(name) / "data", store=StoreSection(mode="plain")), port=0)
        try:
            await installation.start()
            return await measure_plain(installation.dsn(), plan, told)
        finally:
            await installation.stop()


async def measure_plain(dsn: str, plan: Plan, told: Told = lambda done, of: None) -> Figures:
    """Run it in a database that is there, and empty."""
    year = Year(dsn, plan, Mode.PLAIN)
    await year.store.open()
    try:
        fill_s, sum_up_s = await year.make(told)
        before = await year.facts()
        series = await year.series()
        retention = await year.retire(before)
    finally:
        await year.store.close()
    return Figures(
        plan=plan,
        year=before,
        fill_s=fill_s,
        sum_up_s=sum_up_s,
        series=series,
        retention=retention,
        machine=machine(),
    )


class Year:
    """A year of readings in one database, and what is asked of it. Its store is opened and closed by who asks."""

    def __init__(self, dsn: str, plan: Plan, mode: Mode) -> None:
        self.dsn, self.plan, self.mode = dsn, plan, mode
        self._now = time_ns() // 1_000  # throughout: what is young stays so, however long it all takes
        self._end = self._now // DAY * DAY
        self._keeping = Keeping(plan.retention_days)
        self.store = PostgresStore(
            dsn,
            catalogue=Catalogue((*CATALOGUE, *DERIVED)),
            mode=mode.value,
            partition_days=plan.partition_days,
            columnstore=Columnstore(None),
            zone=DEFAULT,
            now=lambda: self._now,
        )

    async def make(self, told: Told) -> tuple[float, float]:
        """Enter the devices, make their readings and sum them up; how long the last two took (s)."""
        plan = self.plan
        counts = {"bin": plan.bins, "vehicle": plan.vehicles, "toilet": plan.toilets}
        specs = [DeviceSpec(f"{kind}-{n:03}", kind) for kind, count in counts.items() for n in range(count)]
        await enter(self.dsn, specs)
        began = perf_counter()
        width = plan.partition_days if self.mode is Mode.PLAIN else None
        await fill(self.dsn, tuple(FLEETS.values()), self._end, plan.days, width, told)
        filled = perf_counter()
        await sum_up(self.dsn, self._end, self._keeping)
        return round(filled - began, 1), round(perf_counter() - filled, 1)

    async def facts(self) -> YearFacts:
        """Rows and bytes as they are now."""
        return await facts(self.dsn, self._now - self.plan.retention_days * DAY, self.mode)

    async def series(self) -> list[Series]:
        """The month before the last of the first device of each fleet, both ways."""
        async with _session(self.dsn) as pool:
            session = ReadSession(pool, statement_timeout_s=60.0)
            return [await self._series(session, every, fleet) for every, fleet in FLEETS.items()]

    async def retire(self, before: YearFacts) -> Retention:
        """Let retention drop what is older than its limit, and look at what is left."""
        plan = self.plan
        partitions = await self.store.maintain(self._keeping)
        left = await self.facts()
        fleet, end = FLEETS["10 s"], self._end - (plan.days - plan.month_days) * DAY
        async with _session(self.dsn) as pool:
            span = {"start": end - plan.month_days * DAY, "end": end, "width": HOUR}
            session = ReadSession(pool, statement_timeout_s=60.0)
            old = await buckets(session, f"{fleet.prefix}000", fleet.metrics[0], **span)
        return Retention(
            days=plan.retention_days,
            partitions=partitions,
            rows_before=before.rows,
            rows_after=left.rows,
            young_before=before.young,
            young_after=left.young,
            oldest_days=round((self._now - left.oldest) / DAY, 1),
            sums_same=left.sums == before.sums,
            old_month_buckets=len(old),
        )

    async def _series(self, session: ReadSession, every: str, fleet: Fleet) -> Series:
        """Both ways in turn, after one time each that does not count."""
        end = self._end - self.plan.month_days * DAY
        span = {"start": end - self.plan.month_days * DAY, "end": end, "width": HOUR}
        device, metric = f"{fleet.prefix}000", fleet.metrics[0]
        took: tuple[list[float], list[float]] = ([], [])
        count = given = 0
        for _ in range(self.plan.times + 1):
            for ask, noted in zip((buckets, buckets_of_readings), took, strict=True):
                began = perf_counter()
                found = await ask(session, device, metric, **span)
                noted.append(1_000 * (perf_counter() - began))
                count, given = sum(one.count for one in found), len(found)
        sums, readings = (median(one[1:]) for one in took)
        return Series(every, count, given, round(sums, 2), round(readings, 2))


def _session(dsn: str) -> AsyncConnectionPool:
    return AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=1, max_size=1, open=False)
