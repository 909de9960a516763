"""A month of a fleet judged from PostgreSQL: how long it takes on two cores, and how much memory.

One simulated day of so many vehicles, a fix every 10 s around the clock, is copied into the store for each day of the
month, in the order in which it would arrive; every signal that is judged is there as it changes and once a minute.
Making the data is not counted. Then two processes read vehicle after vehicle and judge three shifts of each day.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time

import msgspec
import psutil
import psycopg
from psycopg_pool import AsyncConnectionPool

from devices.clock import DAY
from devices.instants import to_datetime
from fleet.compliance.judge import judge, metrics_of
from fleet.compliance.settings import Settings
from fleet.compliance.window import within
from fleet.master.places import Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from hub.bench.fleet.city import FIRST_DAY, HOUR, START_US, FleetCity
from hub.bench.processes import cpu_seconds, peak_mib
from hub.embedded.servers import EmbeddedServers
from simulators.city.observation import SECOND, Observation
from simulators.city.settings import Intervals, Size
from store.benches.month import MadeMonth
from store.readers.driven import DrivenReads
from store.reading import ReadSession

SHIFT_HOURS = 8
KEEP_US = 60 * SECOND
_CHANGING = frozenset({"ignition", "pto", "brush", "spray", "pump", "lift", "lift_count", "load_kg"})


class Month(msgspec.Struct):
    """What was measured. Seconds are of the wall, ``reading_s`` and ``judging_s`` sums over the processes.

    ``reading_cpu_s`` and ``judging_cpu_s`` are what the processes themselves used of it, ``database_cpu_s`` what
    PostgreSQL used meanwhile: on a machine with nothing else to do, their sum over the cores is the least time.
    ``rss_mib`` is the sum of the greatest memory of the processes that judge.
    """

    vehicles: int
    days: int
    fixes: int
    readings: int
    shifts: int
    processes: int
    seconds: float
    reading_s: float
    judging_s: float
    reading_cpu_s: float
    judging_cpu_s: float
    database_cpu_s: float
    rss_mib: float
    making_s: float
    coverage_mean: float
    load: list[float]


class _Job(msgspec.Struct):
    """What a process is to do: the vehicles with their routes."""

    dsn: str
    days: int
    routes: list[Route]
    vehicles: list[str]
    places: tuple[Place, ...]


class _Done(msgspec.Struct):
    shifts: int
    fixes: int
    coverage: float
    reading_s: float
    judging_s: float
    reading_cpu_s: float
    judging_cpu_s: float
    rss_mib: float


async def measure(vehicles: int, days: int, processes: int) -> Month:
    """Make the data in a temporary server of its own, and judge it."""
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        servers = EmbeddedServers(Path(name) / "data", database=True, broker=False)
        await servers.start()
        try:
            begun = perf_counter()
            city, fixes, readings = await _fill(servers.dsn, vehicles, days)
            making = perf_counter() - begun
            (database,) = (psutil.Process(one.pid) for one in servers.status())
            made = (fixes, readings, making)
            return await asyncio.to_thread(_judge_all, servers.dsn, database, city, days, processes, made)
        finally:
            await servers.stop()


def _judge_all(
    dsn: str, database: psutil.Process, city: FleetCity, days: int, processes: int, made: tuple[int, int, float]
) -> Month:
    names = sorted(city.routes)
    jobs = [
        _Job(dsn, days, [city.routes[one] for one in names[part::processes]], names[part::processes], city.places)
        for part in range(processes)
    ]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_warm, range(processes)))
        begun, before = perf_counter(), cpu_seconds(database)
        done = list(pool.map(_work, [msgspec.msgpack.encode(job) for job in jobs]))
        seconds, used = perf_counter() - begun, cpu_seconds(database) - before
    assert sum(one.fixes for one in done) == made[0]
    shifts = sum(one.shifts for one in done)
    return Month(
        len(names),
        days,
        made[0],
        made[1],
        shifts,
        processes,
        seconds,
        sum(one.reading_s for one in done),
        sum(one.judging_s for one in done),
        sum(one.reading_cpu_s for one in done),
        sum(one.judging_cpu_s for one in done),
        used,
        sum(one.rss_mib for one in done),
        made[2],
        sum(one.coverage for one in done) / shifts,
        [round(one, 2) for one in os.getloadavg()],
    )


def _warm(_: int) -> int:
    """Let a process come up with its imports."""
    return psutil.Process().pid


def _work(job: bytes) -> _Done:
    return asyncio.run(_judged(msgspec.msgpack.decode(job, type=_Job)))


async def _judged(job: _Job) -> _Done:
    """Read and judge vehicle after vehicle."""
    done = _Done(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    begin, end = START_US, START_US + job.days * DAY
    async with AsyncConnectionPool(job.dsn, min_size=1, max_size=1, open=False) as pool:
        reads = DrivenReads(ReadSession(pool))
        for vehicle, route in zip(job.vehicles, job.routes, strict=True):
            wall, cpu = perf_counter(), process_time()
            driven = await reads.driven(vehicle, start=begin, end=end, metrics=metrics_of(route))
            done.reading_s += perf_counter() - wall
            done.reading_cpu_s += process_time() - cpu
            wall, cpu = perf_counter(), process_time()
            done.fixes += len(driven.track.at)
            for plan, span in _plans(route, vehicle, job.days):
                result = judge(plan, route, span, within(driven, *span), job.places, Settings(tank_l=180.0))
                done.shifts += 1
                done.coverage += result.coverage or 0.0
            done.judging_s += perf_counter() - wall
            done.judging_cpu_s += process_time() - cpu
    done.rss_mib = peak_mib()
    return done


def _plans(route: Route, vehicle: str, days: int) -> Iterator[tuple[Plan, tuple[int, int]]]:
    """Three shifts of each day: every fix is judged."""
    for day in range(days):
        for number in range(24 // SHIFT_HOURS):
            begin = START_US + day * DAY + number * SHIFT_HOURS * HOUR
            on = FIRST_DAY + timedelta(days=day)
            yield (
                Plan(f"{vehicle}-{on}-{number}", on, str(number), route.id, vehicle=vehicle),
                (begin, begin + SHIFT_HOURS * HOUR),
            )


async def _fill(dsn: str, vehicles: int, days: int) -> tuple[FleetCity, int, int]:
    """The month in the store; returns the city and how many fixes and readings there are."""
    bins = min(34 * 12, vehicles * 17)
    intervals = Intervals(vehicle_moving_s=10, vehicle_still_s=10)
    city = await asyncio.to_thread(FleetCity, 5, 1, Size(vehicles, bins, 0, 0), intervals)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        month = MadeMonth(connection, START_US, days)
        metrics = await month.begin()
        fixes = readings = 0
        for vehicle, reports in sorted(city.reports.items()):
            key = await month.enter_vehicle(vehicle)
            fixes += await month.copy_fixes(key, _fixes(reports))
            wanted = metrics_of(city.routes[vehicle])
            readings += await month.copy_readings(key, _readings(reports, metrics, wanted))
            reports.clear()
        await month.multiply()
    return city, fixes * days, readings * days


def _fixes(reports: list[Observation]) -> Iterator[tuple[object, ...]]:
    """The first day's: instant, latitude, longitude, speed, heading, number."""
    for one in reports:
        if one.fix is not None and START_US <= one.observed_at < START_US + DAY:
            fix = one.fix
            yield to_datetime(one.observed_at), fix["lat"], fix["lon"], fix["speed_kmh"], fix["heading_deg"], one.seq


def _readings(
    reports: list[Observation], metrics: dict[str, int], wanted: tuple[str, ...]
) -> Iterator[tuple[object, ...]]:
    """The first day's: metric, instant, value; what does not change once a minute."""
    for name in wanted:
        last, told = None, 0
        for one in reports:
            value = one.readings.get(name)
            if value is None or not START_US <= one.observed_at < START_US + DAY:
                continue
            changed = name in _CHANGING and value != last
            if changed or one.observed_at - told >= KEEP_US:
                yield metrics[name], to_datetime(one.observed_at), float(value)
                last, told = value, one.observed_at
