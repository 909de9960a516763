"""What the trackers cost in a hub: the same floods with the trackers and past them, in turn, alerts at work in both."""

from __future__ import annotations

import msgspec
import psutil

from hub.bench.ingest import machine, started
from hub.bench.turns import SETTLE_S, in_turn


class Speed(msgspec.Struct):
    """Rates a second in the order of the floods, CPU in µs a message by process; ratios of with to without."""

    devices: int
    messages: int
    with_trackers: list[float]
    without: list[float]
    ratio: float
    cpu_us: dict[str, float]
    cpu_without_us: dict[str, float]
    cpu_ratio: float
    load: list[float]
    machine: dict[str, str]


async def measure(messages: int, devices: int, rounds: int, *, settle_s: float = SETTLE_S) -> Speed:
    """Run the floods in a temporary data folder of their own. Nothing is planned for the devices."""
    async with started() as (installation, hub):
        turns = await in_turn(
            hub,
            installation,
            lambda tracked: hub.tracking.desk if tracked else hub.alerting.desk,
            messages=messages,
            devices=devices,
            rounds=rounds,
            settle_s=settle_s,
        )
    used, without = turns.cpu_us(True), turns.cpu_us(False)
    return Speed(
        devices=devices,
        messages=messages,
        with_trackers=[round(rate) for rate in turns.rates[True]],
        without=[round(rate) for rate in turns.rates[False]],
        ratio=round(turns.rate(True) / turns.rate(False), 3),
        cpu_us=used,
        cpu_without_us=without,
        cpu_ratio=round(used["hub"] / without["hub"], 3),
        load=[round(one, 2) for one in psutil.getloadavg()],
        machine=machine(),
    )
