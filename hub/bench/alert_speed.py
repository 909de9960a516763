"""What alerts cost: the same load with all the rules that come along and without the engine, in turn, in one hub.

The rates are of floods as fast as the broker takes them; the ratio of their medians is what the engine leaves. At half
of the rate with rules, a watcher of the table of alerts sees how long an alert takes from its message to being read;
before that, the whole fleet comes back after it had seemed silent, which clears an alert of every vehicle.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep, time_ns

import msgspec
import psutil
import psycopg

from devices.instants import from_datetime
from devices.vocabulary import Identity
from hub.bench.ingest import Cpu, flood, machine, started
from hub.bench.load import MIX
from hub.bootstrap import Hub, Installation
from store.devices_table import DeviceSpec, enter

STEP_US = 10_000_000  #: of a device's time between two of its messages in the floods
LOOK_S = 0.005
LATENCY_S = 20
SETTLE_S = 66  #: for a minute the hub reads again what changed in the registry, which here is all of it

# Smoke is told at the very moment of its message, so that this moment is when it was published.
_NEW = "SELECT id, raised_at, rule FROM alerts WHERE id > %s ORDER BY id"
_RETURNED = """
SELECT count(*) FROM alerts
 WHERE rule LIKE '%%-silent' AND settled_at > now() - make_interval(secs => %s)
"""


class Speed(msgspec.Struct):
    """Rates a second in the order of the floods, times in milliseconds, memory in MiB, CPU in µs a message."""

    devices: int
    messages: int
    rules: int
    with_rules: list[float]
    without: list[float]
    ratio: float
    half_rate: float
    returned: int
    return_s: float
    alerts: int
    visible_p50_ms: float
    visible_p99_ms: float
    rss_mib: float
    rss_before_mib: float
    cpu_us: dict[str, float]
    cpu_without_us: dict[str, float]
    load: list[float]
    machine: dict[str, str]


async def measure(
    messages: int,
    devices: int,
    rounds: int,
    *,
    settle_s: float = SETTLE_S,
    latency_s: float = LATENCY_S,
) -> Speed:
    """Run the whole bench in a temporary data folder of its own."""
    more = ["--mixed", f"--step-us={STEP_US}"]
    async with started() as (installation, hub):
        turns = messages // devices + 2
        # The floods end where the present begins: a leap in time would have every device silent in between.
        start = time_ns() // 1_000 - (2 * rounds + 2) * turns * STEP_US
        await flood(hub, installation, 1, 1, rate=0.0, start_us=start - STEP_US, more=more)  # the tables are there
        await enter(installation.dsn(), [_spec(number) for number in range(devices)])
        await flood(hub, installation, devices, devices, rate=0.0, start_us=start, more=more)
        await asyncio.sleep(settle_s)
        rates: dict[bool, list[float]] = {True: [], False: []}
        used: dict[bool, list[dict[str, float]]] = {True: [], False: []}
        before = _rss()
        for number in range(2 * rounds):
            ruled = number % 2 == 1
            start += turns * STEP_US
            gc.collect()
            with _rules(hub, ruled):
                cpu = Cpu(installation)
                found = await flood(hub, installation, messages, devices, rate=0.0, start_us=start, more=more)
                used[ruled].append(cpu.a_message(messages))
                rates[ruled].append(messages / found["seconds"])
        median = {ruled: statistics.median(found) for ruled, found in rates.items()}
        half = median[True] / 2
        returned, return_s = await _returned(hub, installation, devices, half)
        seen = await _watched(hub, installation, int(half * latency_s), devices, half)
        cuts = statistics.quantiles(seen, n=100) if len(seen) > 1 else [0.0] * 99
        return Speed(
            devices,
            messages,
            len(hub.alerting.desk.engine.book.current.rules),
            [round(rate) for rate in rates[True]],
            [round(rate) for rate in rates[False]],
            round(median[True] / median[False], 3),
            round(half),
            returned,
            round(return_s, 1),
            len(seen),
            round(cuts[49], 1),
            round(cuts[98], 1),
            round(_rss()),
            round(before),
            _mean(used[True]),
            _mean(used[False]),
            [round(one, 2) for one in psutil.getloadavg()],
            machine(),
        )


@contextmanager
def _rules(hub: Hub, ruled: bool) -> Iterator[None]:
    """With the engine, or past it."""
    desk, usual = hub.alerting.desk, hub.pipeline.store
    hub.pipeline.store = desk if ruled else desk.store
    try:
        yield
    finally:
        hub.pipeline.store = usual


async def _returned(hub: Hub, installation: Installation, devices: int, rate: float) -> tuple[int, float]:
    """Every device speaks once more, at a rate a second: how many alerts that clears, and in how many seconds."""
    found = await flood(hub, installation, devices, devices, rate=rate, start_us=0, more=["--mixed"])
    with psycopg.connect(installation.dsn()) as connection:
        (cleared,) = connection.execute(_RETURNED, (found["seconds"],)).fetchone() or (0,)
    return cleared, found["seconds"]


async def _watched(hub: Hub, installation: Installation, messages: int, devices: int, rate: float) -> list[float]:
    """Milliseconds from a message's stamp to the sight of its alert, at a rate of messages a second."""
    done = asyncio.Event()
    watching = asyncio.create_task(asyncio.to_thread(_watch, installation.dsn(), done))
    await flood(hub, installation, messages, devices, rate=rate, start_us=0, more=["--mixed"])
    await asyncio.sleep(1)
    done.set()
    return await watching


def _watch(dsn: str, done: asyncio.Event) -> list[float]:
    """Look at the alerts every few milliseconds, as somebody who asks the API, until ``done``."""
    seen, begin = list[float](), time_ns() // 1_000
    with psycopg.connect(dsn, autocommit=True) as connection:
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM alerts").fetchone() or (0,)
        while not done.is_set():
            rows = connection.execute(_NEW, (last,)).fetchall()
            now = time_ns() // 1_000
            for last, raised_at, rule in rows:  # noqa: B007 - the last one is where the next look begins
                if rule == "smoke" and (at := from_datetime(raised_at)) >= begin:
                    seen.append((now - at) / 1_000)
            sleep(LOOK_S)
    return seen


def _spec(number: int) -> DeviceSpec:
    """A device of the load, entered as by an operator: strangers are admitted up to a bound."""
    name = f"bench-{number:06d}"
    return DeviceSpec(name, MIX[number % len(MIX)], identities=(Identity("id", name),))


def _mean(used: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.fmean(one[name] for one in used), 1) for name in used[0]}


def _rss() -> float:
    return psutil.Process().memory_info().rss / 2**20
