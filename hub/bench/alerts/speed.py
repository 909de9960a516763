"""What alerts cost: the same load with all the rules that come along and without the engine, in turn, in one hub.

The rates are of floods as fast as the broker takes them; the ratio of their medians is what the engine leaves. At half
of the rate with rules, a watcher of the table of alerts sees how long an alert takes from its message to being read;
before that, the whole fleet comes back after it had seemed silent, which clears an alert of every vehicle.
"""

from __future__ import annotations

import asyncio
import statistics
from time import sleep, time_ns

import msgspec
import psutil

from hub.bench.ingest import flood, machine, started
from hub.bench.turns import SETTLE_S, Turns, in_turn, rss_mib
from hub.bootstrap import Hub
from hub.installation import Installation
from store.benches.alert_watch import AlertWatch, returned

LOOK_S = 0.005
LATENCY_S = 20
SMOKE = "smoke"
"""Told at the very moment of its message, so that this moment is when it was published."""


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
    async with started() as (installation, hub):
        desk = hub.alerting.desk
        turns = await in_turn(
            hub,
            installation,
            lambda ruled: desk if ruled else desk.store,
            messages=messages,
            devices=devices,
            rounds=rounds,
            settle_s=settle_s,
        )
        half = turns.rate(True) / 2
        back, back_s = await _returned(hub, installation, devices, half)
        seen = await _watched(hub, installation, int(half * latency_s), devices, half)
        return _figures(hub, (messages, devices), turns, (back, back_s), seen)


def _figures(hub: Hub, load: tuple[int, int], turns: Turns, back: tuple[int, float], seen: list[float]) -> Speed:
    cuts = statistics.quantiles(seen, n=100) if len(seen) > 1 else [0.0] * 99
    messages, devices = load
    return Speed(
        devices=devices,
        messages=messages,
        rules=len(hub.alerting.desk.engine.book.current.rules),
        with_rules=[round(rate) for rate in turns.rates[True]],
        without=[round(rate) for rate in turns.rates[False]],
        ratio=round(turns.rate(True) / turns.rate(False), 3),
        half_rate=round(turns.rate(True) / 2),
        returned=back[0],
        return_s=round(back[1], 1),
        alerts=len(seen),
        visible_p50_ms=round(cuts[49], 1),
        visible_p99_ms=round(cuts[98], 1),
        rss_mib=round(rss_mib()),
        rss_before_mib=round(turns.rss_mib),
        cpu_us=turns.cpu_us(True),
        cpu_without_us=turns.cpu_us(False),
        load=[round(one, 2) for one in psutil.getloadavg()],
        machine=machine(),
    )


async def _returned(hub: Hub, installation: Installation, devices: int, rate: float) -> tuple[int, float]:
    """Every device speaks once more, at a rate a second: how many alerts that clears, and in how many seconds."""
    found = await flood(hub, installation, devices, devices, rate=rate, start_us=0, more=["--mixed"])
    return returned(installation.dsn(), found["seconds"]), found["seconds"]


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
    with AlertWatch(dsn) as watch:
        while not done.is_set():
            found = watch.news()
            now = time_ns() // 1_000
            seen += [(now - at) / 1_000 for at, rule in found if rule == SMOKE and at >= begin]
            sleep(LOOK_S)
    return seen
