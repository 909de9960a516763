"""The board's bench: a hub with a fleet that reports, and the live board in a real browser on the same machine.

Clicks, frames and memory are those of the page; beside it stands a reader of the stream that takes nothing, and at the
end the page has to show every vehicle where the hub has it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter, time_ns

import httpx
import msgspec
import psutil

from api.passwords import hashed
from devices.access import Role
from devices.instants import to_iso
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.people import PersonSpec, new_password
from devices.vocabulary import Frame, Outcome
from hub.bench.api.measurement import running
from hub.bench.board.page import Board, Clicks, Frames, Weight, browsing
from hub.bench.board.slow import Slow, stall
from hub.bench.ingest import machine
from hub.bootstrap import Hub, make_store
from hub.installation import Installation
from hub.people import open_people
from hub.settings.api import ApiSection
from hub.settings.settings import Settings
from ingest.adapters.mqtt_json import NAME
from store.telemetry.devices_table import DeviceSpec, enter

TICK_S = 0.1
WARM_UP_S = 20.0
SETTLED_S = 30.0  #: how long the page may take to show the last positions
SAMPLED = (
    "sanihub_live_waiting",
    "sanihub_live_states",
    "sanihub_live_kept_events",
    "sanihub_live_readers",
    "sanihub_frames_in_flight",
)
_STREET_M, _DEGREE_M = 240.0, 111_320.0


class Plan(msgspec.Struct, frozen=True):
    """``vehicles`` report each ``period_s``; the page is watched for ``minutes``, and clicked on all the while."""

    minutes: float = 10.0
    vehicles: int = 2_000
    period_s: float = 2.0
    patience_s: float = 20.0  #: the hub's with readers that take nothing

    @property
    def sample_s(self) -> float:
        """Seconds between two samples: a minute, or a third of a short run."""
        return min(60.0, self.minutes * 20)


class Sample(msgspec.Struct):
    """Weights at an instant of the run. ``feed`` are figures of ``/metrics``, without their prefix ``sanihub_``."""

    minute: float
    page: Weight
    hub_mib: float
    feed: dict[str, float]


class Figures(msgspec.Struct):
    """What a run measured."""

    plan: Plan
    reported_per_s: float
    clicks: list[Clicks]
    frames: Frames
    samples: list[Sample]
    heap_mib_per_min: float
    hub_mib_per_min: float
    hub_cpu_pct: float  #: of one core, what steers the browser included
    browser_cpu_pct: float
    slow: Slow
    shown: int  #: vehicles on the map
    astray: int  #: of them, those that do not stand where the hub has them at the end
    errors: list[str]
    load: list[float]
    machine: dict[str, str]


class _Noted:
    """A delivery that nobody waits for."""

    def settle(self, outcome: Outcome) -> None:
        """See :class:`devices.vocabulary.Delivery`."""


async def measure(plan: Plan, told: Callable[[float, float], None] = lambda done, of: None) -> Figures:
    """Run the whole bench in a temporary data folder of its own. Raises ConfigError where there is no browser."""
    async with browsing() as board:
        with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
            Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
            settings = Settings(data=Path(name) / "data", api=ApiSection(live_patience_s=plan.patience_s))
            installation = Installation(settings, port=0)
            try:
                hub = await installation.start()
                password = await _prepare(installation, plan)
                async with running(hub) as key:
                    return await _watch(hub, plan, board, key, password, told)
            finally:
                await installation.stop()


async def _prepare(installation: Installation, plan: Plan) -> str:
    """The schema, the devices, and a dispatcher: their password."""
    dsn = installation.dsn()
    store = make_store(installation.settings, dsn, Catalogue((*CATALOGUE, *DERIVED)))
    await store.open()
    await store.close()
    await enter(dsn, [DeviceSpec(f"vehicle-{number:04}", "vehicle") for number in range(plan.vehicles)])
    password = new_password()
    async with open_people(dsn) as people:
        spec = PersonSpec(name="dispatcher", display_name="Dispatcher", role=Role.DISPATCHER)
        await people.create(spec, await asyncio.to_thread(hashed, password), actor="bench")
    return password


async def _watch(
    hub: Hub, plan: Plan, board: Board, key: str, password: str, told: Callable[[float, float], None]
) -> Figures:
    assert hub.web is not None
    port = hub.web.port
    reporting = asyncio.create_task(_report(hub, plan))
    try:
        await asyncio.sleep(2 * plan.period_s)  # every vehicle is known to trackers and rules by then
        await board.enter(f"http://127.0.0.1:{port}", "dispatcher", password)
        await _until_all_shown(board, plan.vehicles)
        await asyncio.sleep(min(WARM_UP_S, plan.minutes * 6))
        slow = asyncio.create_task(
            stall(port, key, plan.vehicles, lambda: hub.follower.feed.dropped, 60 * plan.minutes + plan.patience_s)
        )
        await board.begin()
        process = psutil.Process()
        frames, cpu, began = hub.pipeline.stats.frames, sum(process.cpu_times()[:2]), perf_counter()
        samples = await _click_and_sample(board, plan, port, told)
        seconds = perf_counter() - began
        committed, used = hub.pipeline.stats.frames - frames, sum(process.cpu_times()[:2]) - cpu
        seen = await board.frames()
        stalled = await slow
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        await hub.pipeline.drained()
    shown, astray = await _astray(board, port, key)
    return Figures(
        plan=plan,
        reported_per_s=round(committed / seconds, 1),
        clicks=board.clicks(),
        frames=seen,
        samples=samples,
        heap_mib_per_min=_slope([(one.minute, one.page.heap_mib) for one in samples]),
        hub_mib_per_min=_slope([(one.minute, one.hub_mib) for one in samples]),
        hub_cpu_pct=round(100 * used / seconds, 1),
        browser_cpu_pct=round(100 * (samples[-1].page.cpu_s - samples[0].page.cpu_s) / seconds, 1),
        slow=stalled,
        shown=shown,
        astray=astray,
        errors=list(board.errors),
        load=[round(one, 1) for one in os.getloadavg()],
        machine=machine(),
    )


async def _until_all_shown(board: Board, vehicles: int) -> None:
    while len(await board.drawn()) < vehicles:  # noqa: ASYNC110 - the page tells nobody
        await asyncio.sleep(0.5)


async def _click_and_sample(board: Board, plan: Plan, port: int, told: Callable[[float, float], None]) -> list[Sample]:
    """Click in turn on the map and in the list; weigh at the beginning, at each sample's time and at the end."""
    began = perf_counter()
    samples = [await _sample(board, port, 0.0)]
    while (now := perf_counter() - began) < 60 * plan.minutes:
        await board.click_marker()
        await board.click_row()
        if now >= plan.sample_s * len(samples):
            samples.append(await _sample(board, port, now / 60))
        told(min(now, 60 * plan.minutes), 60 * plan.minutes)
    return [*samples, await _sample(board, port, (perf_counter() - began) / 60)]


async def _sample(board: Board, port: int, minute: float) -> Sample:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=30)).text
    feed = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in SAMPLED:
            feed[name.removeprefix("sanihub_")] = float(value)
    hub = round(psutil.Process().memory_info().rss / 2**20, 1)
    return Sample(round(minute, 2), await board.weight(), hub, feed)


async def _astray(board: Board, port: int, key: str) -> tuple[int, int]:
    """How many vehicles the page shows, and how many not where the hub has them."""
    async with httpx.AsyncClient(headers={"X-API-Key": key}, timeout=30) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/api/v1/board")
    truth = {one["id"]: (one["lon"], one["lat"]) for one in answer.raise_for_status().json()["devices"]}
    drawn: dict[str, list[float]] = {}
    wrong = set(truth)
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            while wrong:
                drawn = await board.drawn()
                wrong = {name for name, place in truth.items() if tuple(drawn.get(name, ())) != place}
                await asyncio.sleep(0.5)
    return len(drawn), len(wrong)


def _slope(points: list[tuple[float, float]]) -> float:
    """The slope of the line of least squares, a minute."""
    middle = sum(at for at, _ in points) / len(points)
    spread = sum((at - middle) ** 2 for at, _ in points)
    return round(sum((at - middle) * value for at, value in points) / spread, 3) if spread else 0.0


async def _report(hub: Hub, plan: Plan) -> None:
    """Each vehicle reports once a period, spread over it."""
    ticks = max(1, round(plan.period_s / TICK_S))
    began, turn = perf_counter(), 0
    while True:
        now = time_ns() // 1_000
        for number in range(turn % ticks, plan.vehicles, ticks):
            topic = f"sanihub/v1/vehicle-{number:04}/telemetry"
            payload = report(number, turn // ticks, plan.period_s, now)
            hub.pipeline.offer(Frame(NAME, "bench", topic, payload, now), _Noted())
        turn += 1
        await asyncio.sleep(max(0.0, began + turn * plan.period_s / ticks - perf_counter()))


def report(number: int, turn: int, period_s: float, observed_at: int) -> bytes:
    """A vehicle that drives up and down its street of a grid of 50 by as many as it takes, at 20 to 40 km/h."""
    kmh = 20 + number % 21
    driven = (turn * period_s * kmh / 3.6 + number * 37) % (2 * _STREET_M)
    along = driven if driven < _STREET_M else 2 * _STREET_M - driven
    north = 1 if driven < _STREET_M else -1
    lat = 30.50 + (number // 50 * 260.0 + along) / _DEGREE_M
    lon = 114.20 + number % 50 * 300.0 / (_DEGREE_M * 0.861)
    working = number % 3 > 0
    return (
        f'{{"ts":"{to_iso(observed_at)}","seq":{turn},"readings":{{"speed_kmh":{kmh},"ignition":1,'
        f'"pto":{int(working)},"fuel_pct":{90 - turn % 800 / 10:.1f}}},"fix":{{"lat":{lat:.6f},"lon":{lon:.6f},'
        f'"speed_kmh":{kmh},"heading_deg":{0 if north > 0 else 180}}}}}'
    ).encode()
