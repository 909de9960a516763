"""The Modbus bench: many units on loopback of which some are dead, and how well the living ones keep their period.

What is timed is the hub's own note of each poll, the ``at`` of its frame. The units are pymodbus' server in a process
of its own (:mod:`hub.bench.modbus.server`), which shares the machine.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from itertools import pairwise
from time import perf_counter
from typing import Any

import msgspec
import psutil

from devices.vocabulary import Delivery, Frame, Outcome
from hub.bench.ingest import machine
from ingest.adapters.modbus.plugin import ModbusBus
from ingest.adapters.modbus.settings import ModbusSection
from ingest.wire.modbus.poll import poll_of

MAP = "compactor"
WARM_UP_PERIODS = 3
LATE = 0.10  #: a period that is longer by more than this share is late


class Load(msgspec.Struct, frozen=True):
    """What is polled. ``line_ms`` makes each bus a gateway to one serial line, whose answers take so long."""

    units: int = 200
    dead: int = 20
    buses: int = 4
    kind: str = "tcp"
    period_s: float = 5.0
    seconds: float = 60.0
    timeout_s: float = 1.0
    line_ms: float = 0.0


class Figures(msgspec.Struct):
    """What a run measured. Periods in seconds, of living units; ``cpu_pct`` of one core, for the hub's part alone."""

    load: Load
    living: int
    seen: int  #: living units that were polled at all
    polls: int
    p50_s: float
    p95_s: float
    worst_s: float
    worst_unit_s: float  #: the greatest mean period of a unit
    within_pct: float  #: periods that stray by no more than LATE
    missed: int
    requests_per_s: float
    timeouts: int
    cpu_pct: float
    rss_mib: float
    machine: dict[str, str]


class Recorder:
    """An intake that commits at once and notes when each unit was polled."""

    def __init__(self) -> None:
        self.healthy = True
        self.has_room = True
        self.polled: defaultdict[str, list[int]] = defaultdict(list)

    def offer(self, frame: Frame, delivery: Delivery) -> None:
        """Take a frame."""
        poll = poll_of(frame.payload)
        if poll.blocks:
            self.polled[frame.channel].append(poll.at)
        delivery.settle(Outcome.COMMITTED)

    def on_room(self, listener: Callable[[], None]) -> None:
        """There is always room."""


async def measure(load: Load) -> Figures:
    """Run the bench."""
    async with _served(load) as gateways:
        recorder = Recorder()
        buses = [
            ModbusBus(_section(load, index, gateway), recorder, lambda frame: None)
            for index, gateway in enumerate(gateways)
        ]
        running = [asyncio.create_task(bus.run()) for bus in buses]
        await asyncio.sleep(WARM_UP_PERIODS * load.period_s)
        recorder.polled.clear()
        counted = _counted(buses)
        process = psutil.Process()
        cpu, started = sum(process.cpu_times()[:2]), perf_counter()
        await asyncio.sleep(load.seconds)
        seconds = perf_counter() - started
        used = sum(process.cpu_times()[:2]) - cpu
        now = _counted(buses)
        for bus in buses:
            await bus.stop()
        await asyncio.gather(*running)
    return _figures(load, recorder, {name: now[name] - counted[name] for name in now}, seconds, used)


def _figures(load: Load, recorder: Recorder, counted: dict[str, int], seconds: float, cpu_s: float) -> Figures:
    periods: list[float] = []
    means: list[float] = []
    for instants in recorder.polled.values():
        mine = [(later - earlier) / 1e6 for earlier, later in pairwise(instants)]
        periods += mine
        means.append(statistics.fmean(mine) if mine else seconds)
    cuts = statistics.quantiles(periods, n=100)
    within = sum(abs(period - load.period_s) <= LATE * load.period_s for period in periods)
    return Figures(
        load=load,
        living=load.units - load.dead,
        seen=len(recorder.polled),
        polls=sum(len(instants) for instants in recorder.polled.values()),
        p50_s=round(cuts[49], 4),
        p95_s=round(cuts[94], 4),
        worst_s=round(max(periods), 4),
        worst_unit_s=round(max(means), 4),
        within_pct=round(100 * within / len(periods), 3),
        missed=counted["missed"],
        requests_per_s=round(counted["requests"] / seconds, 1),
        timeouts=counted["timeouts"],
        cpu_pct=round(100 * cpu_s / seconds, 1),
        rss_mib=round(psutil.Process().memory_info().rss / 2**20, 1),
        machine=machine() | {"pymodbus": version("pymodbus")},
    )


def _counted(buses: list[ModbusBus]) -> dict[str, int]:
    figures = [figure for bus in buses for figure in bus.standing().figures]
    names = {"requests": "requests_total", "timeouts": "timeouts_total", "missed": "missed_polls_total"}
    return {
        name: int(sum(figure.value for figure in figures if figure.name == f"sanihub_modbus_{ending}"))
        for name, ending in names.items()
    }


def _section(load: Load, index: int, gateway: dict[str, Any]) -> ModbusSection:
    units = [
        {"unit": unit, "device": f"bench-{index}-{unit}", "map": MAP, "period_s": load.period_s}
        for unit in range(1, gateway["units"] + 1)
    ]
    return ModbusSection.model_validate(
        {
            "name": f"bench-{index}",
            "kind": load.kind,
            "port": gateway["port"],
            "timeout_s": load.timeout_s,
            "units": units,
        }
    )


@asynccontextmanager
async def _served(load: Load) -> AsyncIterator[list[dict[str, Any]]]:
    """The server's process: for each bus its port and how many units it has."""
    options = [f"--{name}={getattr(load, name)}" for name in ("buses", "units", "dead")]
    options += [f"--line-ms={load.line_ms}", *(["--rtu"] if load.kind == "rtu-over-tcp" else [])]
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.modbus.server", *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield json.loads(await server.stdout.readline())
    finally:
        server.stdin.close()
        await server.wait()
