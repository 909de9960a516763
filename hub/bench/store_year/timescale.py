"""The bench of a year in TimescaleDB: the same readings in hypertables, which then go to the columnstore."""

from __future__ import annotations

from devices.errors import ConfigError
from hub.bench.store_year.figures import Plan, Timescale
from hub.bench.store_year.measurement import Told, Year
from store.benches.columnstore import convert
from store.benches.scratch_database import scratch_database
from store.schema import Mode
from store.timescale.capability import COLUMNSTORE_SINCE, Capability, columnstore_fits


async def measure_on_server(server: str, plan: Plan, told: Told = lambda done, of: None) -> Timescale:
    """Run it in a fresh database of the server that a DSN leads to. Raises ConfigError, TransientError."""
    async with scratch_database(server) as dsn:
        return await measure_timescale(dsn, plan, told)


async def measure_timescale(dsn: str, plan: Plan, told: Told = lambda done, of: None) -> Timescale:
    """Run it in a database that is there, and empty. Raises ConfigError where its server has no columnstore."""
    year = Year(dsn, plan, Mode.TIMESCALE)
    await year.store.open()
    try:
        version = _usable(year.store.capability, year.store.timescaledb_version)
        fill_s, sum_up_s = await year.make(told)
        before = await year.facts()
        conversion = await convert(dsn, version)
        series = await year.series()
        retention = await year.retire(before)
    finally:
        await year.store.close()
    return Timescale(
        version=version,
        year=before,
        fill_s=fill_s,
        sum_up_s=sum_up_s,
        conversion=conversion,
        series=series,
        retention=retention,
    )


def _usable(able: Capability | None, version: str | None) -> str:
    if able is not Capability.FULL or version is None or not columnstore_fits(version):
        wanted = ".".join(str(part) for part in COLUMNSTORE_SINCE)
        raise ConfigError(
            f"bench: timescale: expected TimescaleDB {wanted} or newer under its community licence, got {version}"
            f" ({'none' if able is None else able.value})"
        )
    return version
