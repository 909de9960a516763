"""Disks that are full for a while: of the database, of the broker, of the spool.

The default form is small; ``make faults`` runs the long one (SANIHUB_TEST_FULL=1), for the table of docs/faults.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator

import aiomqtt
import httpx
import psutil
import pytest

from simulators.speakers.mqtt_json import BrokerAddress
from tests.faults.conftest import Undisturbed
from tests.faults.harness.checker import whole
from tests.faults.harness.small_disk import SmallDisk
from tests.faults.harness.stream import BEGIN, Message
from tests.faults.harness.survival import AWAY_S, SEEDS, Fault, survive
from tests.faults.harness.world import World, embedded, standing

pytestmark = pytest.mark.timeout(900)
LASTS = f"for {AWAY_S:g} s"


def family(pid: Callable[[], int]) -> Callable[[], Iterator[int]]:
    """A process and all that it has started."""

    def find() -> Iterator[int]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one = psutil.Process(pid())
            yield one.pid
            yield from (child.pid for child in one.children(recursive=True))

    return find


@contextlib.contextmanager
def on_small_disk(
    folder: str, mebibytes: int, program: str, *, mount: bool = True
) -> Iterator[tuple[World, SmallDisk]]:
    """A hub that brings its servers along, one of them with a small disk."""
    worlds: list[World] = []
    disk = SmallDisk(mebibytes, family(lambda: worlds[0].child(program)), mount=mount)
    try:
        with embedded(lambda data: disk.put_on(data / folder)) as world:
            worlds.append(world)
            yield world, disk
            disk.free()
    finally:
        disk.close()


def full(disk: SmallDisk) -> Callable[[World], object]:
    async def harm(world: World) -> None:
        await asyncio.to_thread(disk.fill)
        await asyncio.sleep(AWAY_S + 1)
        await asyncio.to_thread(disk.free)

    return harm


@pytest.mark.full
@pytest.mark.parametrize("seed", SEEDS)
async def test_disk_of_the_database_is_full(seed: int, undisturbed: Undisturbed) -> None:
    with on_small_disk("postgres", 300, "postgres") as (world, disk):
        done = f"the disk of the hub's PostgreSQL has no byte left {LASTS}, twice"
        fault = Fault("40-database-disk-full", "disk of the database full", done, (full(disk),) * 2)
        await survive(world, fault, seed, undisturbed)


@pytest.mark.full
@pytest.mark.parametrize("seed", SEEDS)
async def test_disk_of_the_broker_is_full(seed: int, undisturbed: Undisturbed) -> None:
    with on_small_disk("broker", 64, "nats-server") as (world, disk):
        done = f"the disk of the hub's broker has no byte left {LASTS}, twice"
        fault = Fault("41-broker-disk-full", "disk of the broker full", done, (full(disk),) * 2, "mqtt")
        await survive(world, fault, seed, undisturbed)


def murmurs(count: int, begin: int) -> list[Message]:
    """Messages for QoS 0, a kilobyte each, of devices that are not of the stream; nobody has a rule for them."""
    found = []
    for number in range(begin, begin + count):
        at = int(BEGIN.timestamp() * 1_000_000) + number * 1_000_000
        words = {"ts": at // 1_000, "readings": {"snr_db": number % 100}, "x_rest": "x" * 1_000}
        reading = ("murmur-0", "snr_db", at, float(number % 100))
        found.append(
            Message(1_000_000 + number, "qos0", "murmur-0", at, json.dumps(words).encode(), (reading,), (), ())
        )
    return found


async def murmur(world: World, messages: list[Message], spooled: Callable[[], bool]) -> None:
    """Publish at QoS 0, and wait until the hub has done with it."""
    address = BrokerAddress(*world.mqtt)
    async with aiomqtt.Client(address.host, address.port) as client:
        for one in messages:
            await client.publish(one.topic, one.payload, qos=0)
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(spooled):
            await asyncio.sleep(0.05)


def metric(world: World, name: str) -> int:
    text = httpx.get(
        f"{world.hub.url}/metrics", timeout=30
    ).text  # without a key, which the database would be asked for
    found = re.search(rf"^sanihub_{name}(?:\{{\}})? ([0-9.e+-]+)$", text, re.M)
    assert found is not None, name
    return int(float(found[1]))


@pytest.mark.parametrize("mount", [True, pytest.param(False, marks=pytest.mark.full)], ids=["disk", "limit"])
@pytest.mark.parametrize("seed", SEEDS)
async def test_disk_of_the_spool_is_full(seed: int, mount: bool, undisturbed: Undisturbed) -> None:
    """What nobody sends again: kept while there is room, counted as lost while there is none."""
    pid: list[int] = []
    disk = SmallDisk(2, lambda: pid, mount=mount)
    said = murmurs(3_000, 0)
    counts: dict[str, int] = {}

    async def harm(world: World) -> None:
        pid[:] = [world.hub.pid]
        assert world.postgres is not None
        world.murmured += said
        await asyncio.to_thread(world.postgres.stop)
        await asyncio.to_thread(disk.fill)
        kept = metric(world, "spool_frames_lost_total")

        def done(count: int) -> Callable[[], bool]:
            return lambda: metric(world, "spool_frames_lost_total") - kept + metric(world, "spool_frames") >= count

        await murmur(world, said[:2_000], done(2_000))
        await asyncio.to_thread(disk.free)
        await murmur(world, said[2_000:], done(3_000))
        counts["lost"] = metric(world, "spool_frames_lost_total") - kept
        await asyncio.to_thread(world.postgres.start)

    name, title = ("42-spool-disk-full", "disk of the spool full") if mount else ("43-spool-limited", "spool limited")
    done = "no room for what comes at QoS 0 while the database is away; 3,000 such messages beside the stream"
    fault = Fault(name, title, done, (harm,))

    def remark() -> str:
        return f"({counts['lost']:,} of these found no room, as the hub counted; nobody had acknowledged them)"

    try:
        with standing(before=lambda data: disk.put_on(data / "spool")) as world:
            await survive(world, fault, seed, undisturbed, remark)
            assert 0 < counts["lost"] < len(said)
            assert len(whole(world.dsn(), said)) == len(said) - counts["lost"]
    finally:
        disk.close()
