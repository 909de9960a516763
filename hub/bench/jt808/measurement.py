"""The bench of JT/T 808: thousands of terminals, strangers among them, and a storm of those that come back.

Hub and embedded PostgreSQL run with their defaults; the terminals are a process of their own
(:mod:`hub.bench.jt808.load`) and share the machine. What is measured: how long it takes until all have registered and
authenticated; position to reply (which is: to the commit) in the steady phase, beside strangers that send half a frame
or never read, and while a part of the terminals backfills at once; how long that storm takes until it is stored; how
many positions a second are answered when terminals send on with each answer; memory
and CPU of the hub's process; and whether every position that was sent was answered and is stored exactly once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import psutil
import psycopg

from hub.bench.ingest import machine
from hub.bootstrap import Hub
from hub.installation import Installation
from hub.settings.settings import Settings
from ingest.adapters.jt808.terminals import Jt808Server

NAME = "bench"
STRANGERS_S = 15.0  #: how long strangers are watched


class Plan(msgspec.Struct, frozen=True):
    """What is to be measured. Times in seconds; ``step_s`` is the period by the terminals' own clocks."""

    terminals: int = 5_000
    period_s: float = 10.0
    step_s: int = 10
    steady_s: float = 60.0
    away: int = 500
    away_s: float = 20.0
    backlog: int = 180
    silent: int = 500
    deaf: int = 20
    strangers_s: float = STRANGERS_S
    flooding: int = 500
    window: int = 8
    flood_s: float = 10.0


class Latency(msgspec.Struct):
    """Position to reply, in milliseconds, and of how many answers."""

    answers: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class Figures(msgspec.Struct):
    """What a run measured. Memory in MiB, CPU in percent of one core, other times in seconds."""

    terminals: int
    connections: int
    entered_s: float
    positions_per_s: float
    sent: int
    acknowledged: int
    stored: int
    stored_twice: int
    refused: int
    steady: Latency
    with_strangers: Latency
    in_storm: Latency
    storm_terminals: int
    storm_positions: int
    storm_back_s: float
    storm_stored_s: float
    flood_terminals: int
    flood_window: int
    flood_positions_per_s: float
    in_flood: Latency
    strangers: int
    strangers_cut_off: int
    rss_mib: dict[str, float]
    cpu_percent: dict[str, float]
    machine: dict[str, str]


async def measure(plan: Plan) -> Figures:
    """Run the whole bench in a temporary data folder of its own."""
    async with _hub() as (installation, hub, server):
        watch = _Watch()
        watch.note("idle")
        load = await _Load.start(server, plan)
        try:
            entered = await load.do("enter")
            watch.note("entered")
            steady = await load.do(f"report {plan.steady_s}")
            connections = len(server.tcp)
            watch.note("steady")
            await load.do("strangers")
            beside = await load.do(f"report {plan.strangers_s}")
            watch.note("strangers")
            storm = await load.do(f"storm {plan.away_s}")
            watch.note("storm")
            flood = await load.do(f"flood {plan.flood_s}")
            watch.note("flood")
            ended = await load.do("finish")
        finally:
            await load.end()
        stored, distinct = await asyncio.to_thread(_stored, installation.dsn())
        assert hub.pipeline.in_flight == 0
    return Figures(
        plan.terminals,
        connections,
        entered["seconds"],
        steady["positions_per_s"],
        ended["sent"],
        ended["acknowledged"],
        distinct,
        stored - distinct,
        ended["refused"],
        _latency(steady),
        _latency(beside),
        _latency(storm),
        storm["terminals"],
        storm["positions"],
        storm["back_s"],
        storm["stored_s"],
        flood["terminals"],
        plan.window,
        flood["positions_per_s"],
        _latency(flood),
        plan.silent + plan.deaf,
        ended["strangers_cut_off"],
        watch.rss_mib,
        watch.cpu_percent,
        machine(),
    )


@asynccontextmanager
async def _hub() -> AsyncIterator[tuple[Installation, Hub, Jt808Server]]:
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        section = {"name": NAME, "port": 0}
        settings = Settings.model_validate(
            {"data": Path(name) / "data", "broker": {"enabled": False}, "jt808": [section]}
        )
        installation = Installation(settings, port=0)
        try:
            hub = await installation.start()
            working = asyncio.create_task(hub.run())
            server = next(one for one in hub.adapters if isinstance(one, Jt808Server))
            await server.listening.wait()
            yield installation, hub, server
            hub.stop()
            await working
        finally:
            await installation.stop()


class _Load:
    """The process of the terminals."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, server: Jt808Server, plan: Plan) -> _Load:
        options = {
            "host": server.tcp.host,
            "port": server.tcp.port,
            "terminals": plan.terminals,
            "period": plan.period_s,
            "step": plan.step_s,
            "away": plan.away,
            "backlog": plan.backlog,
            "flooding": plan.flooding,
            "window": plan.window,
            "silent": plan.silent,
            "deaf": plan.deaf,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hub.bench.jt808.load", *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )
        )  # fmt: skip

    async def do(self, line: str) -> dict[str, Any]:
        """Have one thing done; what it told. Raises RuntimeError when the load has failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        told = await self._process.stdout.readline()
        if not told:
            raise RuntimeError(f"the terminals' process ended at {line!r}")
        found: dict[str, Any] = json.loads(told)
        return found

    async def end(self) -> None:
        """Let the process end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()


class _Watch:
    """Memory of the hub's process after each phase, and its share of a core during it."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._at, self._cpu = perf_counter(), self._used()
        self.rss_mib: dict[str, float] = {}
        self.cpu_percent: dict[str, float] = {}

    def note(self, phase: str) -> None:
        """A phase has ended."""
        at, cpu = perf_counter(), self._used()
        self.rss_mib[phase] = round(self._process.memory_info().rss / 2**20, 1)
        self.cpu_percent[phase] = round(100 * (cpu - self._cpu) / (at - self._at), 1)
        self._at, self._cpu = at, cpu

    def _used(self) -> float:
        return sum(self._process.cpu_times()[:2])


def _latency(told: dict[str, Any]) -> Latency:
    return msgspec.convert({name: told[name] for name in Latency.__struct_fields__ if name in told}, Latency)


def _stored(dsn: str) -> tuple[int, int]:
    """Positions in the store, and how many different ones by device and time."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT (device_key, observed_at)) FROM fixes").fetchone()
    assert row is not None
    return row[0], row[1]
