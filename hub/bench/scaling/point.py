"""One point of the bench of scaling, in a process of its own: so its memory is that of one hub with so many devices.

Run as ``python -m hub.bench.scaling.point`` with a point as JSON on standard input; it prints lines of JSON: how far
the making of stored readings has come, and in the end what was found.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter, time_ns
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from alerts.checkpoint import pack
from alerts.fold import Track
from devices.vocabulary import Identity
from fleet.trackers import checkpoint as tracker_checkpoint
from fleet.trackers.tracker import KINDS, State
from hub import logs
from hub.bench.ingest import cpu_of, flood, started, time_deliveries
from hub.bench.load import MIX
from hub.bench.scaling.figures import Found, Point, Question
from hub.bench.turns import rss_mib
from hub.bootstrap import Hub
from hub.installation import Installation
from hub.running import run
from store.benches import scaling as bench_scaling
from store.benches.history import sum_up
from store.benches.scaling import DAY, HOUR, Fill
from store.connection import session_parameters
from store.readers.devices import DeviceReads
from store.readers.telemetry import TelemetryReads
from store.reading import ReadSession
from store.telemetry.devices_table import DeviceSpec, enter

STEP_US = 10_000_000  #: of a device's time between two of its messages
PHASES = 60  #: a device makes a checkpoint each ten minutes, and not all of them at once
STRANGERS_FROM = 500_000
MORE = ("--calm", f"--step-us={STEP_US}")
METRICS = {
    "vehicle": ("speed_kmh", "ignition", "pto", "fuel_pct"),
    "bin": ("fill_pct", "temperature_c", "tilt", "smoke", "battery_pct"),
    "toilet": ("nh3_ppm", "h2s_ppm", "water_m3", "energy_kwh", "stalls_occupied", "water_leak"),
    "worker": ("on_duty", "sos", "steps", "battery_pct"),
}
Told = Callable[[int, int], None]


async def measure(point: Point, told: Told = lambda done, of: None) -> Found:
    """Make the point in a temporary data folder, and measure it."""
    made = _Made(point, told)
    async with started(made.prepare) as (installation, hub):
        await hub.prepared()
        start = time_ns() // 1_000 - (point.steady // point.devices + 2) * STEP_US
        await made.enter(start)
        return await _measure(made, hub, installation, start)


class _Made:
    """What is there before the hub works: devices, readings, checkpoints."""

    def __init__(self, point: Point, told: Told) -> None:
        self.point, self.told = point, told
        self.end = time_ns() // 1_000 - HOUR  # of the readings: before all messages, so that none of these is late
        self.stored = 0
        self.fill_s = 0.0
        self.rss_bare_mib = 0.0
        self.dsn = ""
        self.keys: dict[str, int] = {}

    @property
    def plan(self) -> Fill:
        """The readings that are wanted."""
        return Fill(self.point.stored, self.point.days, self.end, METRICS, tuple(sorted(KINDS)))

    async def prepare(self, hub: Hub, installation: Installation) -> None:
        """Before the hub reads anything: the devices, and the readings that were stored before."""
        self.dsn = installation.dsn()
        await hub.store.open()
        self.rss_bare_mib = rss_mib()
        await enter(self.dsn, [_spec(number) for number in range(self.point.devices)])
        self.keys = await bench_scaling.keys(self.dsn)
        if self.point.stored:
            began = perf_counter()
            days = hub.settings.store.partition_days
            self.stored = await bench_scaling.fill(self.dsn, self.plan, days, self.told)
            await sum_up(self.dsn, self.end)
            self.fill_s = perf_counter() - began
        await bench_scaling.settle(self.dsn)

    async def enter(self, start: int) -> None:
        """When the hub has its rules: what it would have kept of each device, each at its time.

        ``start`` (µs) is the instant of the first message. A device that was heard and has no checkpoint would be
        folded from the first that is stored of it on.
        """
        kept = {key: start - STEP_US - key % PHASES * STEP_US for key in self.keys.values()}
        tracks = {key: (then, pack(Track(then, 1), {})) for key, then in kept.items()}
        states = {key: (then, tracker_checkpoint.pack(State(then))) for key, then in kept.items()}
        await bench_scaling.enter_checkpoints(self.dsn, tracks, states)
        if self.point.stored:
            await bench_scaling.enter_heard(self.dsn, self.end)


async def _measure(made: _Made, hub: Hub, installation: Installation, start: int) -> Found:
    point, found = made.point, dict[str, Any]()
    strangers = point.strangers
    first = await _cost(hub, installation, point.devices, point.devices, start)
    known_mib = rss_mib()
    if strangers:
        options = [f"--first={STRANGERS_FROM}"]
        found["stranger_us"] = (await _cost(hub, installation, strangers, strangers, start, options))["cpu"]
    before, rows = await bench_scaling.facts(made.dsn), hub.pipeline.stats.rows
    steady = await _cost(hub, installation, point.steady, point.devices, start + STEP_US)
    after = await bench_scaling.facts(made.dsn)
    rows = hub.pipeline.stats.rows - rows
    cpu = cpu_of(installation)
    latency = await _latency(hub, installation, point)
    paced = cpu.a_message(int(point.rate * point.seconds))
    questions = await _questions(made, installation)
    return Found(
        point=point,
        fill_s=round(made.fill_s, 1),
        stored=made.stored,
        store_mib=round(before.bytes / 2**20, 1),
        cpu_us=steady["cpu"],
        paced_us={name: round(value, 1) for name, value in paced.items()},
        first_us=first["cpu"],
        stranger_us=found.get("stranger_us", {}),
        messages_per_s=round(point.steady / steady["seconds"]),
        rows_per_message=round(rows / point.steady, 2),
        wal_bytes=round((after.wal_bytes - before.wal_bytes) / point.steady),
        wal_pages=round((after.wal_pages - before.wal_pages) / point.steady, 3),
        p50_ms=latency[0],
        p99_ms=latency[1],
        rss_mib=round(rss_mib()),
        rss_known_mib=round(known_mib),
        rss_bare_mib=round(made.rss_bare_mib),
        redelivered=hub.pipeline.stats.redelivered,
        state=questions[0],
        day=questions[1],
        day_by_hours=questions[2],
    )


async def _cost(
    hub: Hub, installation: Installation, messages: int, devices: int, start: int, more: list[str] | None = None
) -> dict[str, Any]:
    """A flood: its seconds, and CPU a message by process."""
    gc.collect()
    cpu = cpu_of(installation)
    flooded = await flood(hub, installation, messages, devices, rate=0.0, start_us=start, more=[*MORE, *(more or ())])
    used = {name: round(value, 1) for name, value in cpu.a_message(messages).items()}
    return {"seconds": flooded["seconds"], "cpu": used}


async def _latency(hub: Hub, installation: Installation, point: Point) -> tuple[float, float]:
    """Publish to committed at the rate of the point, ms: p50 and p99."""
    seen: list[float] = []
    usual = hub.subscribers[0].intake
    time_deliveries(hub.subscribers[0], hub, seen)
    messages = int(point.rate * point.seconds)
    await flood(hub, installation, messages, point.devices, rate=point.rate, start_us=0, more=MORE)
    hub.subscribers[0].intake = usual
    cuts = statistics.quantiles(seen, n=100)
    return round(cuts[49], 1), round(cuts[98], 1)


async def _questions(made: _Made, installation: Installation) -> tuple[Question, Question, Question]:
    """The newest state of a device, and a day of one metric as it is and by hours; of devices all over the registry."""
    end, names = made.end, sorted(name for name in made.keys)
    asked = [names[number * 7919 % len(names)] for number in range(made.point.questions)]
    metric = {kind: own[0] for kind, own in METRICS.items()}
    kinds = {name: MIX[int(name.rsplit("-", 1)[1]) % len(MIX)] for name in asked}
    async with AsyncConnectionPool(kwargs=session_parameters(made.dsn), min_size=1, max_size=1, open=False) as pool:
        session = ReadSession(pool, statement_timeout_s=60.0)
        devices, telemetry = DeviceReads(session), TelemetryReads(session)

        async def state(name: str) -> int:
            found = await devices.state(name)
            return 0 if found is None else len(found.readings)

        async def day(name: str) -> int:
            span = {"start": end - DAY, "end": end}
            return len((await telemetry.series(name, metric[kinds[name]], **span, cursor=None, limit=10_000)).items)

        async def by_hours(name: str) -> int:
            span = {"start": end - DAY, "end": end, "width": HOUR}
            return len(await telemetry.buckets(name, metric[kinds[name]], **span))

        return (
            await _ask(installation, state, asked),
            await _ask(installation, day, asked),
            await _ask(installation, by_hours, asked),
        )


async def _ask(installation: Installation, ask: Callable[[str], Awaitable[int]], names: list[str]) -> Question:
    took, rows, cpu = list[float](), 0, cpu_of(installation)
    for name in names:
        began = perf_counter()
        rows += await ask(name)
        took.append(1_000 * (perf_counter() - began))
    used = cpu.a_message(len(names))["postgres"]
    return Question(round(statistics.median(took), 2), round(used, 1), round(rows / len(names), 1))


def _spec(number: int) -> DeviceSpec:
    """A device of the load, entered as by an operator."""
    name = f"bench-{number:06d}"
    return DeviceSpec(name, MIX[number % len(MIX)], identities=(Identity("id", name),))


def _say(**line: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Read the point, measure it, and tell."""
    logs.configure("error")
    point = msgspec.json.decode(sys.stdin.buffer.read(), type=Point)
    found = run(measure(point, lambda done, of: _say(done=done, of=of)))
    _say(found=found)


if __name__ == "__main__":
    main()
