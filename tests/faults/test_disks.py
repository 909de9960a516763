"""Disks that are full for a while: of the database, of the broker, of the spool.

The default form is small; ``make faults`` runs the long one (SANIHUB_TEST_FULL=1), for the table of docs/faults.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from simulators.speakers.mqtt_json import BrokerAddress
from tests.faults.conftest import Undisturbed
from tests.faults.harness.checker import whole
from tests.faults.harness.outcome import FULL
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


@pytest.mark.parametrize("seed", SEEDS)
async def test_disk_of_the_database_is_full(seed: int, undisturbed: Undisturbed) -> None:
    with on_small_disk("postgres", 300, "postgres") as (world, disk):
        done = f"the disk of the hub's PostgreSQL has no byte left {LASTS}, twice"
        fault = Fault("40-database-disk-full", "disk of the database full", done, (full(disk),) * 2)
        await survive(world, fault, seed, undisturbed)


@pytest.mark.parametrize("seed", SEEDS)
async def test_disk_of_the_broker_is_full(seed: int, undisturbed: Undisturbed) -> None:
    with on_small_disk("broker", 64, "nats-server") as (world, disk):
        done = f"the disk of the hub's broker has no byte left {LASTS}, twice"
        fault = Fault("41-broker-disk-full", "disk of the broker full", done, (full(disk),) * 2)
        await survive(world, fault, seed, undisturbed)
