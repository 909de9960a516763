"""A simulated city that speaks to a real hub over every protocol at once: what is stored is what happened."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from devices.vocabulary import Identity
from simulators.casting import Peers
from simulators.run import Progress, Summary, run
from simulators.scenario import Scenario, load_scenario
from simulators.speakers.http_json import HttpAddress
from simulators.speakers.jt808_terminal import Habits
from simulators.speakers.lines import Peer
from simulators.speakers.mqtt_json import BrokerAddress, LinkSettings
from simulators.truth import read_truth
from store.embedded.vacancy import choose_port
from store.telemetry.devices_table import DeviceSpec, enter
from tests.city_records import INPUTS, Rerun, differences, micros
from tests.hubs import HubProcess, mqtt_section
from tests.intake import contents, dead_letters
from tests.servers import NatsServer

START_US = 1_793_494_800_000_000  # 2026-11-01T01:00:00Z, 09:00 in Shanghai: long ago, so that no clock is ahead
SHARES = {
    "vehicle": {"jt808": 0.5, "nmea-tcp": 0.2, "nmea-udp": 0.15},
    "bin": {"chirpstack": 0.4, "tts": 0.3},
    "toilet": {"chirpstack": 0.3, "tts": 0.3},
    "worker": {"nmea-tcp": 0.1, "http": 0.5},
}
SIZE = {"vehicles": 14, "bins": 15, "toilets": 6, "workers": 10}
SEED = 5
pytestmark = pytest.mark.timeout(600)


class Town:
    """A hub as a process with a listener for each protocol, and the city that speaks to it."""

    def __init__(self, folder: Path, dsn: str, broker: NatsServer, scenario: Scenario, minutes: float) -> None:
        self.dsn, self.scenario, self.minutes = dsn, scenario, minutes
        self.truth = folder / "truth.jsonl"
        ports = {name: choose_port("127.0.0.1", folder / name) for name in ("jt808", "tcp", "udp", "http")}
        inputs = ", ".join(f'"{place}" = "{metric}"' for place, metric in INPUTS.items())
        settings = f"""
[[jt808]]
name = "city"
port = {ports["jt808"]}
inputs = {{ {inputs} }}
[[nmea]]
name = "tcp"
kind = "tcp-server"
port = {ports["tcp"]}
identity = "line"
[[nmea]]
name = "udp"
kind = "udp"
port = {ports["udp"]}
identity = "line"
[[chirpstack]]
name = "city"
broker = "test"
[[tts]]
name = "city"
broker = "test"
"""
        self.hub = HubProcess(folder, dsn, mqtt_section(broker.address) + settings, port=ports["http"])
        self._broker = BrokerAddress(*broker.address)
        self._folder = folder
        self.peers = Peers(
            jt808=Peer("127.0.0.1", ports["jt808"], backoff_limit_s=1.0),
            nmea_tcp=Peer("127.0.0.1", ports["tcp"], backoff_limit_s=1.0),
            nmea_udp=("127.0.0.1", ports["udp"]),
            http=HttpAddress(f"http://127.0.0.1:{ports['http']}", "", backoff_s=0.1, backoff_limit_s=1.0),
            habits=Habits(answer_s=5),
        )
        self.rerun = Rerun(scenario, SEED, START_US, minutes, self.peers)

    async def open(self) -> None:
        """Start the hub, and enter the devices with their identities."""
        await asyncio.to_thread(self.hub.start)
        while not await asyncio.to_thread(self._has_tables):
            await asyncio.sleep(0.05)
        key = await asyncio.to_thread(self._key)
        assert self.peers.http is not None
        self.peers = replace(self.peers, http=replace(self.peers.http, key=key))
        casting = self.rerun.casting
        specs = [
            DeviceSpec(
                name,
                attributes=casting.geometry(name) if name.startswith("bin") else {},
                identities=tuple(Identity(*pair) for pair in casting.identities(name)),
            )
            for name in casting.protocols
        ]
        await enter(self.dsn, specs)

    def _key(self) -> str:
        """A key for posts, as an operator makes one."""
        command = ("keys", "create", "city", "--role", "integration", "--config", str(self._folder / "sanihub.toml"))
        made = subprocess.run([sys.executable, "-m", "hub.cli", *command], capture_output=True, text=True, check=True)
        return made.stdout.strip()

    def _has_tables(self) -> bool:
        answer = self.hub.get("/api/v1/status")
        return answer.status_code == 200 and bool(answer.json().get("devices"))

    async def simulate(self, progress: Any = None, speed: float = 0) -> Summary:
        return await run(
            self.scenario,
            broker=self._broker,
            peers=self.peers,
            start_us=START_US,
            seed=SEED,
            minutes=self.minutes,
            speed=speed,
            truth=self.truth,
            link=LinkSettings(backoff_limit_s=1.0),
            progress=progress,
        )

    async def settled(self) -> None:
        """Wait until the hub has filed everything that it was sent."""
        before: tuple[int, int] = (-1, -1)
        quiet = 0
        async with asyncio.timeout(120):
            while quiet < 4:  # NMEA's last epochs are flushed by a silence of two seconds
                figures = (await asyncio.to_thread(self.hub.status))["pipeline"]
                now = (figures["messages_total"], figures["in_flight"])  # type: ignore[index]
                quiet = quiet + 1 if now == before and now[1] == 0 else 0
                before = now
                await asyncio.sleep(1)

    def speaking(self, *protocols: str) -> frozenset[str]:
        return frozenset(name for name, one in self.rerun.casting.protocols.items() if one in protocols)

    def wrong(self, lossy: frozenset[str] = frozenset()) -> list[str]:
        """What differs. On a busy machine datagrams may be lost, and nobody is to blame."""
        datagrams = self.speaking("nmea-udp")
        return differences(self.rerun.expected, contents(self.dsn), lossy | datagrams)[:20]

    def heard_of(self, protocol: str) -> float:
        """The share of a protocol's positions that are stored."""
        expected = {key for key in self.rerun.expected.fixes if key[0] in self.speaking(protocol)}
        stored = {(row[0], micros(row[1])) for row in contents(self.dsn, tables=("fixes",))["fixes"]}
        return len(expected & stored) / len(expected)


@pytest.fixture
def hubs() -> Iterator[list[HubProcess]]:
    started: list[HubProcess] = []
    yield started
    for hub in started:
        hub.kill()


def scenario(name: str, **changes: Any) -> Scenario:
    sizes = {f"size.{kind}": count for kind, count in SIZE.items()}
    return load_scenario(name, {"speakers": SHARES, **sizes, **changes})


async def test_a_city_over_all_protocols_is_stored_as_it_happened(
    postgres_dsn: str, nats_broker: NatsServer, open_folder: Path, hubs: list[HubProcess]
) -> None:
    town = Town(open_folder, postgres_dsn, nats_broker, scenario("small"), 20)
    hubs.append(town.hub)
    await town.open()
    summary = await town.simulate()
    await town.settled()
    protocols = Counter(town.rerun.casting.protocols.values())
    assert set(protocols) == {"jt808", "nmea-tcp", "nmea-udp", "chirpstack", "tts", "http", "mqtt-json"}
    assert read_truth(town.truth).header.protocols == town.rerun.casting.protocols
    assert (summary.unacknowledged, summary.refused) == (0, 0)
    assert summary.acknowledged + summary.unconfirmed == summary.messages
    assert summary.protocols["jt808"].acknowledged == summary.protocols["jt808"].messages
    assert town.wrong() == []
    assert town.heard_of("nmea-udp") > 0.5
    assert dead_letters(postgres_dsn) == []


async def test_the_same_on_a_bad_day(
    postgres_dsn: str, nats_broker: NatsServer, open_folder: Path, hubs: list[HubProcess]
) -> None:
    """Silence, disconnections with backfill, duplicates, reordering, wrong clocks, tunnels, senseless bytes."""
    town = Town(open_folder, postgres_dsn, nats_broker, scenario("faulty"), 40)
    hubs.append(town.hub)
    await town.open()
    summary = await town.simulate()
    await town.settled()
    records = read_truth(town.truth).records
    assert sum(record.kind.startswith("fault_") for record in records) > 50
    assert summary.unacknowledged == 0
    posted = [record for record in records if record.device_id in town.speaking("http")]
    assert summary.refused == sum(record.kind == "fault_garbage" for record in posted)
    assert town.wrong() == []
    assert {code for code, _ in dead_letters(postgres_dsn)} <= {"malformed", "undecodable", "garbage", "decode"}


async def test_a_hub_that_is_killed_loses_nothing_that_it_has_acknowledged(
    postgres_dsn: str, nats_broker: NatsServer, open_folder: Path, hubs: list[HubProcess]
) -> None:
    town = Town(open_folder, postgres_dsn, nats_broker, scenario("faulty"), 60)
    hubs.append(town.hub)
    await town.open()
    reached = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.acknowledged > 600:
            reached.set()

    simulating = asyncio.create_task(town.simulate(watch, speed=600))
    async with asyncio.timeout(120):
        await reached.wait()
    assert not simulating.done()
    town.hub.kill()
    await asyncio.to_thread(town.hub.start)
    summary = await simulating
    await town.settled()
    assert summary.unacknowledged == 0
    # Nobody tells a receiver that its lines went nowhere; what is stored of them must be true all the same.
    assert town.wrong(town.speaking("nmea-tcp", "nmea-udp")) == []
