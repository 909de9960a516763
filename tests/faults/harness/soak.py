"""A simulated city over many hours of its own time, with readers that come and go and connections that break."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from hub.commands.demo import enter_city, enter_master
from hub.demo.city import DemoCity
from simulators.casting import Peers
from simulators.run import Progress, Summary
from simulators.run import run as simulate
from simulators.scenario import Scenario, load_scenario
from simulators.speakers.http_json import HttpAddress
from simulators.speakers.jt808_frames import INPUTS
from simulators.speakers.lines import Peer
from simulators.speakers.mqtt_json import BrokerAddress
from tests.access_keys import make_key
from tests.faults.harness import observed_hub
from tests.faults.harness.gauges import sample
from tests.hubs import HubProcess, mqtt_section
from tests.proxy import Proxy
from tests.servers import NatsServer, wait_until

_JT808 = re.compile(r"JT/T 808 city +([0-9.]+):(\d+)")
_READ = (
    "/api/v1/status", "/metrics", "/api/v1/devices?limit=200", "/api/v1/alerts?limit=100", "/api/v1/live/board",
    "/api/v1/fleet/vehicles", "/api/v1/bins", "/readyz",
)  # fmt: skip
SPEAKERS = {
    "vehicle": {"jt808": 0.7, "mqtt-json": 0.3},
    "bin": {"chirpstack": 0.5, "mqtt-json": 0.5},
    "toilet": {"mqtt-json": 1.0},
    "worker": {"http": 0.5, "mqtt-json": 0.5},
}


@dataclass(frozen=True, slots=True)
class Soak:
    """So many hours of the city's time, ``speed`` times as fast as ours, sampled every ``every_min`` of its minutes."""

    hours: float
    speed: float
    every_min: float
    size: dict[str, int]
    seed: int = 1

    def scenario(self) -> Scenario:
        """The city: the demo's, of this size, without what the hub would have to poll."""
        changes: dict[str, Any] = {f"size.{kind}": count for kind, count in self.size.items()}
        return load_scenario("demo", changes | {"speakers": SPEAKERS, "backfill_hours": 0})


@dataclass(slots=True)
class Run:
    """What came of it. ``answers`` are counts of answers to readers by status, and of streams that were read."""

    samples: list[dict[str, float]] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    cuts: int = 0
    summary: Summary | None = None
    reached_us: int = 0  #: the city's time

    def follow(self, progress: Progress) -> None:
        """The city has come so far."""
        self.reached_us = progress.simulated_us

    def count(self, name: str) -> None:
        """One more of these."""
        self.answers[name] = self.answers.get(name, 0) + 1


@dataclass(frozen=True, slots=True)
class Site:
    """A hub and what stands around it."""

    hub: HubProcess
    dsn: str
    data: Path
    facts: Path
    proxies: tuple[Proxy, ...]
    peers: Peers
    broker: tuple[str, int]
    key: str
    start_us: int


@contextmanager
def site(soak: Soak, dsn: str, broker: NatsServer, folder: Path, hub_over: Callable[..., HubProcess]) -> Iterator[Site]:
    """A running hub that knows the city, with a proxy before each of its listeners and its servers."""
    facts = folder / "facts.json"
    server = conninfo_to_dict(dsn)
    start_us = time.time_ns() // 1_000 - int((soak.hours + 0.1) * 3.6e9)
    with ExitStack() as stack:
        database = stack.enter_context(Proxy((str(server["host"]), int(str(server["port"])))))
        to_broker, jt808, http = (stack.enter_context(Proxy(to)) for to in (broker.address, ("", 0), ("", 0)))
        city = DemoCity(soak.scenario(), soak.seed)
        stack.callback(city.close)
        host, port = database.address
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("SOAK_FACTS", str(facts))
        hub = hub_over(
            f"postgresql://{server['user']}:{server['password']}@{host}:{port}/{server['dbname']}",
            _settings(to_broker.address),
            program=[str(Path(observed_hub.__file__))],
        )
        hub._dsn = dsn
        wait_until(lambda: httpx.get(f"{hub.url}/readyz", timeout=10).status_code == 200, "the hub is ready")
        asyncio.run(_enter(dsn, city, start_us))
        found = _JT808.search(hub.text())
        assert found is not None
        jt808.target, http.target = (found[1], int(found[2])), ("127.0.0.1", int(hub.url.rpartition(":")[2]))
        key = make_key(dsn, "integration")
        peers = Peers(jt808=Peer(*jt808.address), http=HttpAddress(f"http://127.0.0.1:{http.address[1]}", key))
        wait_until(facts.exists, "the hub tells of itself")
        proxies = (database, to_broker, jt808, http)
        yield Site(hub, dsn, folder / "data", facts, proxies, peers, broker.address, make_key(dsn, "viewer"), start_us)


def _settings(broker: tuple[str, int]) -> str:
    inputs = ", ".join(f'"{item:02x}.{bit}" = "{metric}"' for metric, (item, bit) in INPUTS.items())
    return f"""{mqtt_section(broker)}
[[jt808]]
name = "city"
port = 0
inputs = {{ {inputs} }}
max_connections_per_address = 10000
[[chirpstack]]
name = "city"
broker = "test"
[bins]
look_every_s = 2
[alerts]
within_s = 1e9
[notify]
timezone = "Asia/Shanghai"
[[notify.channels]]
name = "desk"
kind = "mqtt"
broker = "test"
[[notify.routes]]
channels = ["desk"]
"""


async def _enter(dsn: str, city: DemoCity, start_us: int) -> None:
    await enter_city(dsn, city)
    await enter_master(dsn, city, start_us)


async def run(soak: Soak, place: Site, tell: Callable[[str], None] = lambda said: None) -> Run:
    """Let the city live, with everything around it, and take samples."""
    found, over = Run(), asyncio.Event()
    living = asyncio.create_task(
        simulate(
            soak.scenario(),
            broker=BrokerAddress(*place.broker),
            peers=place.peers,
            start_us=place.start_us,
            seed=soak.seed,
            minutes=soak.hours * 60,
            speed=soak.speed,
            progress=found.follow,
        )
    )
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(_read(place, found, over)), group.create_task(_cut(soak, place, found, over))]
        beside += [group.create_task(_follow(place, found, over, number)) for number in range(4)]
        beside.append(group.create_task(_sample(soak, place, found, over, tell)))
        found.summary = await living
        over.set()
    return found


async def _sample(soak: Soak, place: Site, found: Run, over: asyncio.Event, tell: Callable[[str], None]) -> None:
    due = place.start_us + soak.every_min * 60e6
    while not over.is_set():
        await _wait(over, 0.05)
        if found.reached_us < due:
            continue
        due += soak.every_min * 60e6
        with suppress(OSError):
            found.samples.append(await asyncio.to_thread(sample, place.hub.pid, place.dsn, place.data, place.facts))
            tell(str(found.samples[-1]))


async def _read(place: Site, found: Run, over: asyncio.Event) -> None:
    """Pages are asked for, again and again, by clients of their own."""
    while not over.is_set():
        async with httpx.AsyncClient(base_url=place.hub.url, headers={"X-API-Key": place.key}, timeout=30) as client:
            for path in _READ:
                with suppress(httpx.HTTPError):
                    found.count(str((await client.get(path)).status_code))
                await _wait(over, 0.1)


async def _follow(place: Site, found: Run, over: asyncio.Event, number: int) -> None:
    """Readers of the live stream come, take some lines, and go: with a goodbye or without, some without reading."""
    chance = random.Random(number)
    headers = {"X-API-Key": place.key}
    while not over.is_set():
        async with httpx.AsyncClient(base_url=place.hub.url, headers=headers, timeout=5) as client:
            with suppress(httpx.HTTPError):
                async with client.stream("GET", "/api/v1/live") as answer:
                    found.count(f"stream {answer.status_code}")
                    left = chance.randrange(0, 60)
                    async for _ in answer.aiter_lines():
                        left -= 1
                        if left <= 0 or over.is_set():
                            break
        await _wait(over, chance.uniform(0.05, 0.5))


async def _cut(soak: Soak, place: Site, found: Run, over: asyncio.Event) -> None:
    """Connections break: one sort after the other, one every simulated half hour; some go silent instead."""
    turn = 0
    while not over.is_set():
        await _wait(over, 1_800 / soak.speed)
        proxy = place.proxies[turn % len(place.proxies)]
        found.cuts += await asyncio.to_thread(proxy.cut)
        turn += 1


async def _wait(over: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await over.wait()
