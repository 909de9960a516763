"""Telemetry doubled, again, hours late in bulk and in no order: the records, alerts and what reports are made of are
those of the same telemetry in order. And who reports live does not wait behind a backlog.

One order with everything in it in an ordinary run; ``make faults`` runs each by itself.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.access_keys import make_key
from tests.faults.harness import floods
from tests.faults.harness.floods import Order, outcome_of, pour
from tests.faults.harness.history import History
from tests.faults.harness.outcome import keep, outcome
from tests.faults.harness.scene import Ending, Scene, settings
from tests.faults.harness.stream import BEGIN, Size, Stream
from tests.hubs import HubProcess
from tests.servers import NatsServer, PostgresServer, running, temporary_folder
from tests.terminal import Terminal, batch, position

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
STREAM = Stream(7, Size().times(4) if FULL else Size(2, 2, 1, 1, 1))
MOST = 1_500  #: frames in flight
INTAKE = f"[intake]\nmax_in_flight = {MOST}\n"
_LISTENER = re.compile(r"JT/T 808 vehicles +([0-9.]+):(\d+)")
HubOver = Callable[..., HubProcess]
Told = tuple[Ending, dict[str, list[tuple[Any, ...]]]]
pytestmark = pytest.mark.timeout(900)

ORDERS: dict[str, tuple[str, str, Order]] = {
    "flood-tripled": ("Messages doubled", "each three times, the copies up to 300 messages behind", floods.tripled),
    "flood-again": ("History again", "the whole history is delivered twice", floods.again),
    "flood-late": ("Late in bulk", "half of the devices deliver 90 minutes in bulk after their newest", floods.late),
    "flood-shuffled": ("Reordered", "all messages in no order, within devices and across", floods.shuffled),
    "flood-everything": ("Tripled and reordered", "each message three times, in no order", floods.everything),
}  # fmt: skip


def listener(hub: HubProcess) -> tuple[str, int]:
    found = _LISTENER.search(hub.text())
    assert found is not None
    return found[1], int(found[2])


async def sent(scene: Scene, order: Order, undisturbed: History | None = None) -> Told:
    """Send the stream in an order, and wait until nothing is to be repaired."""
    await scene.prepared()
    key = await asyncio.to_thread(make_key, scene.dsn(), "integration")
    ordered = order(scene.ledger.stream, random.Random(3))
    await pour(scene.ledger, ordered, scene.mqtt, scene.hub.url, key, listener(scene.hub))
    ending = await scene.ending(undisturbed)
    return ending, outcome_of(scene.dsn())


@pytest.fixture(scope="module")
def in_order(postgres_server: PostgresServer) -> Iterator[Told]:
    """The same messages over the same ways, each once and in order."""
    with postgres_server.database() as dsn, temporary_folder() as folder, running(NatsServer(folder)) as broker:
        hub = HubProcess(folder, dsn, f"{settings(broker.address)}\n{INTAKE}")
        hub.start()
        try:
            yield asyncio.run(sent(Scene(STREAM, hub, lambda: dsn, broker.address), floods.in_order))
        finally:
            hub.kill()


@pytest.mark.parametrize("name", list(ORDERS) if FULL else ["flood-everything"])
async def test_in_whatever_order_it_comes_the_result_is_the_same(
    name: str, in_order: Told, postgres_dsn: str, nats_broker: NatsServer, hub_over: HubOver
) -> None:
    expected, wanted = in_order
    title, done, order = ORDERS[name]
    hub = hub_over(postgres_dsn, f"{settings(nats_broker.address)}\n{INTAKE}")
    ending, found = await sent(Scene(STREAM, hub, lambda: postgres_dsn, nats_broker.address), order, expected.history)
    assert ending.verdict.sound, ending.verdict
    assert "\n".join(ending.differences) == ""
    for what, rows in wanted.items():
        assert rows != []
        assert found[what] == rows, what
    keep(outcome(name, title, done, STREAM.seed, ending))


async def test_who_reports_live_does_not_wait_behind_a_backlog(
    postgres_dsn: str, nats_broker: NatsServer, hub_over: HubOver
) -> None:
    """Twelve hours of a fleet come at once in batches; meanwhile others report, each when it was answered."""
    fleet, hours = (12, 12) if FULL else (6, 3)
    hub = hub_over(postgres_dsn, f"{settings(nats_broker.address)}\n{INTAKE}")
    await Scene(STREAM, hub, lambda: postgres_dsn, nats_broker.address).prepared()
    key = await asyncio.to_thread(make_key, postgres_dsn, "integration")
    where, backlog = listener(hub), fleet * hours * 360
    answered, live, most = 0, [], 0
    over = asyncio.Event()

    async def deliver(number: int) -> None:
        nonlocal answered
        terminal = await Terminal(f"{13_500_000_000 + number:012}").connect(where)
        await terminal.enter()
        moments = (BEGIN + timedelta(seconds=10 * at) for at in range(hours * 360))
        bodies = [position(time=moment, lat=30 + at / 1e6) for at, moment in enumerate(moments)]
        serials = {terminal.send(0x0704, batch(bodies[at : at + 30])) for at in range(0, len(bodies), 30)}
        while serials:
            serial, _, result = (await terminal.reply()).general
            assert result == 0
            serials.remove(serial)
            answered += 30
        await terminal.__aexit__()

    async def report() -> None:
        terminal = await Terminal("013599999999").connect(where)
        await terminal.enter()
        while not over.is_set():
            terminal.send(0x0200, position(time=BEGIN + timedelta(days=1, seconds=len(live))))
            assert (await terminal.reply()).general[2] == 0
            live.append(answered)
        await terminal.__aexit__()

    async def post() -> None:
        async with httpx.AsyncClient(base_url=hub.url, headers={"X-API-Key": key}, timeout=60) as client:
            while not over.is_set():
                message = {"device": "bin-live", "ts": 1_772_700_000_000 + len(live), "readings": {"fill_pct": 1}}
                assert (await client.post("/api/v1/telemetry", json=message)).status_code == 200
                live.append(answered)

    async def watch() -> None:
        nonlocal most
        while not over.is_set():
            status = await asyncio.to_thread(hub.status)
            most = max(most, status["pipeline"]["in_flight"])  # type: ignore[index]

    async def whole() -> None:
        while len(live) < 10:  # they report already when the backlog comes
            await asyncio.sleep(0.01)
        async with asyncio.timeout(300), asyncio.TaskGroup() as group:
            for number in range(fleet):
                group.create_task(deliver(number))
        over.set()

    async with asyncio.TaskGroup() as group:
        for work in (whole(), report(), post(), watch()):
            group.create_task(work)
    assert answered >= backlog
    during = [0, *(one for one in sorted(live) if one < backlog), backlog]
    waited = max(later - earlier for earlier, later in pairwise(during))
    assert waited <= max(3 * MOST, backlog // 6), "a live message waits for what is in flight, and not for the backlog"
    assert most <= MOST + 4 * 500, "what is in flight is bounded, with what connections had in hand"
