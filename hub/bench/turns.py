"""The same load with and without a part of the hub, in turn, in one hub: what the part costs.

The rates are of floods as fast as the broker takes them. The machine and its moods are the same for both, so that the
ratio of the medians, and that of the CPU a message, are what can be compared from one day to another.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import time_ns

import msgspec
import psutil

from devices.vocabulary import Identity
from hub.bench.ingest import cpu_of, flood
from hub.bench.load import MIX
from hub.bootstrap import Hub
from hub.installation import Installation
from ingest.ports import TelemetryStore
from store.telemetry.devices_table import DeviceSpec, enter

STEP_US = 10_000_000  #: of a device's time between two of its messages in the floods
SETTLE_S = 66  #: for a minute the hub reads again what changed in the registry, which here is all of it
MORE = ("--mixed", f"--step-us={STEP_US}")


class Turns(msgspec.Struct):
    """Rates a second and CPU (µs a message, by process) with the part and without it, in the order of the floods.

    ``rss_mib`` is the hub's memory before them, when it knew all devices.
    """

    rss_mib: float = 0.0
    rates: dict[bool, list[float]] = msgspec.field(default_factory=lambda: {True: [], False: []})
    used: dict[bool, list[dict[str, float]]] = msgspec.field(default_factory=lambda: {True: [], False: []})

    def rate(self, on: bool) -> float:
        """The median rate."""
        return statistics.median(self.rates[on])

    def cpu_us(self, on: bool) -> dict[str, float]:
        """The mean CPU a message."""
        used = self.used[on]
        return {name: round(statistics.fmean(one[name] for one in used), 1) for name in used[0]}


async def in_turn(
    hub: Hub,
    installation: Installation,
    store: Callable[[bool], TelemetryStore],
    *,
    messages: int,
    devices: int,
    rounds: int,
    settle_s: float = SETTLE_S,
) -> Turns:
    """Enter the devices and flood the hub, ``rounds`` times without the part and with it.

    ``store`` is what the pipeline writes to with the part, and without.
    """
    turns = messages // devices + 2
    # The floods end where the present begins: a leap in time would have every device silent in between.
    start = time_ns() // 1_000 - (2 * rounds + 2) * turns * STEP_US
    await flood(hub, installation, 1, 1, rate=0.0, start_us=start - STEP_US, more=MORE)  # the tables are there
    await enter(installation.dsn(), [spec(number) for number in range(devices)])
    await flood(hub, installation, devices, devices, rate=0.0, start_us=start, more=MORE)
    await asyncio.sleep(settle_s)
    found = Turns(rss_mib())
    for number in range(2 * rounds):
        on = number % 2 == 1
        start += turns * STEP_US
        gc.collect()
        with _writing_to(hub, store(on)):
            cpu = cpu_of(installation)
            flooded = await flood(hub, installation, messages, devices, rate=0.0, start_us=start, more=MORE)
            found.used[on].append(cpu.a_message(messages))
            found.rates[on].append(messages / flooded["seconds"])
    return found


def rss_mib() -> float:
    """Memory of this process."""
    return psutil.Process().memory_info().rss / 2**20


@contextmanager
def _writing_to(hub: Hub, store: TelemetryStore) -> Iterator[None]:
    usual, hub.pipeline.store = hub.pipeline.store, store
    try:
        yield
    finally:
        hub.pipeline.store = usual


def name(number: int) -> str:
    """The id of a device of the load."""
    return f"bench-{number:06d}"


def spec(number: int, *, mixed: bool = True) -> DeviceSpec:
    """A device of the load, entered as by an operator (strangers are admitted up to a bound), of a kind or of none."""
    id_ = name(number)
    return DeviceSpec(id_, MIX[number % len(MIX)] if mixed else "unknown", identities=(Identity("id", id_),))
