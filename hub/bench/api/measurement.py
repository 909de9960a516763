"""The API's bench: a month of history in the embedded PostgreSQL, the hub over it, and readers in another process.

Measured over real HTTP on loopback: the newest of all, the board's first look, a month of one metric by hours, a day of
one track; and the fan-out of the live stream while vehicles report through the pipeline, from the reception of a
frame to its arrival at a reader.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter, time_ns
from typing import TypeVar

import msgspec
import psutil

from devices.access import Role
from devices.instants import to_iso
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.vocabulary import Frame, Outcome
from hub.bench.api.load import Asked, Followed, Job, percentile
from hub.bench.ingest import machine
from hub.bench.load import payload
from hub.bootstrap import Hub, make_store
from hub.installation import Installation
from hub.settings.api import ApiSection
from hub.settings.settings import Settings
from ingest.adapters.mqtt_json import NAME
from store.access.api_keys import ApiKeys
from store.benches.history import DAY, HOUR, MINUTE, Fleet, fill, sum_up
from store.telemetry.devices_table import DeviceSpec, enter
from store.writing import WriteSession

SECOND = 1_000_000
DAYS = 30
DENSE = ("fuel_pct", "temperature_c")
SPARSE = ("temperature_c", "battery_v")  # no levels: the hub would look for emptyings in them meanwhile
TICK_S = 0.1

T = TypeVar("T", Asked, Followed)


class Plan(msgspec.Struct, frozen=True):
    """``readings`` are stored; ``vehicles`` report each ``period_s`` to ``readers`` of the live stream."""

    readings: int = 10_000_000
    vehicles: int = 2_000
    bins: int = 500
    period_s: float = 2.0
    readers: int = 20
    seconds: float = 10.0
    live_seconds: float = 30.0
    clients: int = 8

    @property
    def dense(self) -> int:
        """Vehicles with a reading of each of two metrics each minute for a month, to come to ``readings``."""
        hourly = self.bins * len(SPARSE) * DAYS * 24
        return max(1, round((self.readings - hourly) / (len(DENSE) * DAYS * 24 * 60)))


class Rate(msgspec.Struct):
    """A question: answers a second, their times, and bytes of a body."""

    what: str
    clients: int
    per_s: float
    p50_ms: float
    p99_ms: float
    bytes: int
    failed: int


class Fanout(msgspec.Struct):
    """The live stream. Ages run from the reception of a frame to its arrival at a reader."""

    readers: int
    vehicles: int
    period_s: float
    reported_per_s: float
    states_per_s: float
    mib_per_s: float
    p50_ms: float
    p99_ms: float
    fewest: int
    most: int
    gaps: int
    ended: int
    cpu_pct: float  #: of one core, of the hub with its API
    rss_mib: float


class Figures(msgspec.Struct):
    """What a run measured."""

    plan: Plan
    rows: dict[str, int]
    fill_s: float
    rates: list[Rate]
    live: Fanout
    load: list[float]
    machine: dict[str, str]


class _Noted:
    """A delivery that nobody waits for."""

    def settle(self, outcome: Outcome) -> None:
        """See :class:`devices.vocabulary.Delivery`."""


async def measure(plan: Plan, told: Callable[[int, int], None] = lambda done, of: None) -> Figures:
    """Run the whole bench in a temporary data folder of its own; ``told`` is of the filling."""
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        api = ApiSection(live_readers=max(200, plan.readers), live_readers_each=max(10, plan.readers))
        installation = Installation(Settings(data=Path(name) / "data", api=api), port=0)
        try:
            hub = await installation.start()
            end = time_ns() // 1_000 // HOUR * HOUR
            started = perf_counter()
            rows = await _prepare(installation, plan, end, told)
            fill_s = perf_counter() - started
            async with running(hub) as key:
                live = await _fan_out(hub, plan, key)
                rates = await _ask_all(hub, plan, key, end)
        finally:
            await installation.stop()
    load = [round(one, 1) for one in os.getloadavg()]
    return Figures(plan, rows, round(fill_s, 1), rates, live, load, machine())


async def _prepare(
    installation: Installation, plan: Plan, end: int, told: Callable[[int, int], None]
) -> dict[str, int]:
    """The schema, the devices and their history."""
    settings, dsn = installation.settings, installation.dsn()
    store = make_store(settings, dsn, Catalogue((*CATALOGUE, *DERIVED)))
    await store.open()
    await store.close()
    names = [("vehicle", f"history-{n:04}") for n in range(plan.dense)] + [
        ("bin", f"bin-{n:04}") for n in range(plan.bins)
    ]
    names += [("vehicle", f"vehicle-{n:04}") for n in range(plan.vehicles)]
    await enter(dsn, [DeviceSpec(name, kind) for kind, name in names])
    fleets = (
        Fleet("history-", DENSE, MINUTE, fixes_every=10 * SECOND),
        Fleet("bin-", SPARSE, HOUR),
    )
    rows = await fill(dsn, fleets, end, DAYS, settings.store.partition_days, told)
    await sum_up(dsn, end)
    return rows


@asynccontextmanager
async def running(hub: Hub) -> AsyncIterator[str]:
    """The hub at work; a key of a viewer."""
    working = asyncio.create_task(hub.run())
    try:
        await hub.listening()
        await hub.follower.listening.wait()
        await hub._ready.wait()
        key, _ = await ApiKeys(WriteSession(hub._pool)).create(
            "bench", Role.VIEWER, device=None, expires_at=None, actor="bench"
        )
        yield key
    finally:
        hub.stop()
        await working


async def _fan_out(hub: Hub, plan: Plan, key: str) -> Fanout:
    reporting = asyncio.create_task(_report(hub, plan))
    try:
        await asyncio.sleep(2 * plan.period_s)  # every vehicle is known to trackers and rules by then
        process = psutil.Process()
        frames, cpu, started = hub.pipeline.stats.frames, sum(process.cpu_times()[:2]), perf_counter()
        job = Job(_port(hub), key, ("/api/v1/live",), plan.readers, plan.live_seconds, live=True)
        got = await _load(job, Followed)
        seconds = perf_counter() - started
        used, committed = sum(process.cpu_times()[:2]) - cpu, hub.pipeline.stats.frames - frames
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        await hub.pipeline.drained()
    return Fanout(
        readers=plan.readers,
        vehicles=plan.vehicles,
        period_s=plan.period_s,
        reported_per_s=round(committed / seconds, 1),
        states_per_s=round(got.states / got.seconds, 1),
        mib_per_s=round(got.bytes / got.seconds / 2**20, 2),
        p50_ms=round(percentile(got.ages_ms, 0.5), 1),
        p99_ms=round(percentile(got.ages_ms, 0.99), 1),
        fewest=got.fewest,
        most=got.most,
        gaps=got.gaps,
        ended=got.ended,
        cpu_pct=round(100 * used / seconds, 1),
        rss_mib=round(process.memory_info().rss / 2**20, 1),
    )


async def _report(hub: Hub, plan: Plan) -> None:
    """Each vehicle reports once a period, spread over it."""
    ticks = max(1, round(plan.period_s / TICK_S))
    started = perf_counter()
    turn = 0
    while True:
        now = time_ns() // 1_000
        for number in range(turn % ticks, plan.vehicles, ticks):
            topic = f"sanihub/v1/vehicle-{number:04}/telemetry"
            hub.pipeline.offer(Frame(NAME, "bench", topic, payload(number, turn, now), now), _Noted())
        turn += 1
        await asyncio.sleep(max(0.0, started + turn * plan.period_s / ticks - perf_counter()))


async def _ask_all(hub: Hub, plan: Plan, key: str, end: int) -> list[Rate]:
    month, day = to_iso(end - DAYS * DAY), to_iso(end - DAY)
    vehicles = [f"history-{number:04}" for number in range(plan.dense)]
    last = to_iso(end)
    questions = {
        "latest, a page of 500": ("/api/v1/latest?limit=500",),
        f"board, {plan.dense + plan.bins + plan.vehicles:,} devices": ("/api/v1/board",),
        "series, a month by hours of a reading a minute": tuple(
            f"/api/v1/devices/{one}/series?metric={DENSE[0]}&bucket=1h&from={month}&to={last}" for one in vehicles
        ),
        "track, a day of a fix each 10 s": tuple(
            f"/api/v1/devices/{one}/track?limit=10000&from={day}&to={last}" for one in vehicles
        ),
    }
    rates = []
    for what, paths in questions.items():
        for clients in (1, plan.clients):
            asked = await _load(Job(_port(hub), key, paths, clients, plan.seconds), Asked)
            rates.append(_rate(what, clients, asked))
    return rates


def _rate(what: str, clients: int, asked: Asked) -> Rate:
    answers = len(asked.times_ms)
    return Rate(
        what,
        clients,
        round(answers / asked.seconds, 1),
        round(percentile(asked.times_ms, 0.5), 1),
        round(percentile(asked.times_ms, 0.99), 1),
        asked.bytes // max(1, answers),
        asked.failed,
    )


def _port(hub: Hub) -> int:
    assert hub.web is not None
    return hub.web.port


async def _load(job: Job, kind: type[T]) -> T:
    """Let the other process do a job."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.api.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate(msgspec.json.encode(job) + b"\n")
    return msgspec.json.decode(told, type=kind)
