"""JT/T 808: whatever dies, what was answered is stored exactly once.

The terminals do as real ones do: a position is kept until it is answered, and what was not answered when a connection
ended comes again in a batch. The default size is small; ``make faults`` runs the full one (SANIHUB_TEST_FULL=1).
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest

from tests.hubs import HubProcess, mqtt_section
from tests.servers import NatsServer, PostgresServer
from tests.terminal import Terminal, batch, position

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
TERMINALS, POSITIONS = (200, 400) if FULL else (12, 120)
OUTAGE_S = 20.0 if FULL else 0.0
DEADLINE_S = 600.0
WINDOW = 8  #: live positions of a terminal that may await their answers
BATCHED = 25
BEGIN = datetime(2025, 11, 1, 8, tzinfo=timezone(timedelta(hours=8)))
Address = Callable[[], tuple[str, int]]
"""Where the hub listens at present: it takes a free port at each start."""
pytestmark = pytest.mark.timeout(900)


def moment(index: int) -> datetime:
    return BEGIN + timedelta(seconds=index)


class Keeper:
    """A terminal that makes so many positions and sends each until it is answered."""

    def __init__(self, number: int, address: Address) -> None:
        self.phone = f"{13_000_000_000 + number:012}"
        self.acknowledged = 0
        self._address = address
        self._made = 0
        self._kept: set[int] = set()
        self._code: bytes | None = None

    async def run(self) -> None:
        """Work until everything is answered."""
        while self._made < POSITIONS or self._kept:
            try:
                terminal = await Terminal(self.phone).connect(self._address())
            except OSError:
                await asyncio.sleep(0.02)  # nobody listens at present
                continue
            try:
                await self._talk(terminal)
            except (OSError, asyncio.IncompleteReadError):
                pass  # the connection has ended; what was not answered comes again
            finally:
                terminal.kill()

    async def _talk(self, terminal: Terminal) -> None:
        if self._code is None:
            self._code = await terminal.register()
        assert await terminal.authenticate(self._code) == 0
        sent: dict[int, list[int]] = {}
        kept = sorted(self._kept)
        for at in range(0, len(kept), BATCHED):
            chosen = kept[at : at + BATCHED]
            sent[terminal.send(0x0704, batch([self._body(index) for index in chosen]))] = chosen
        while sent or self._made < POSITIONS:
            while self._made < POSITIONS and len(sent) < WINDOW:
                index, self._made = self._made, self._made + 1
                self._kept.add(index)
                sent[terminal.send(0x0200, self._body(index))] = [index]
            serial, _, result = (await terminal.reply()).general
            assert result == 0
            answered = sent.pop(serial)
            self._kept -= set(answered)
            self.acknowledged += len(answered)

    def _body(self, index: int) -> bytes:
        return position(time=moment(index), lat=30 + index / 1e4, alarm=index % 3 == 0)


def lost_and_doubled(dsn: str) -> tuple[int, int]:
    """Positions and alarms that are not stored, and those that are stored more than once."""
    times = {moment(index).astimezone(UTC) for index in range(POSITIONS)}
    alarmed = {moment(index).astimezone(UTC) for index in range(0, POSITIONS, 3)}
    lost = doubled = 0
    with psycopg.connect(dsn) as connection:
        for table, expected in (("fixes", times), ("events", alarmed)):
            rows = connection.execute(f"SELECT device_key, observed_at FROM {table}").fetchall()  # type: ignore[arg-type]
            found: dict[int, set[datetime]] = {}
            for device, at in rows:
                found.setdefault(device, set()).add(at.astimezone(UTC))
            doubled += len(rows) - sum(map(len, found.values()))
            lost += len(expected) * (TERMINALS - len(found)) + sum(len(expected - at) for at in found.values())
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
    return lost, doubled


@pytest.fixture
def hub_over(open_folder: Path, nats_broker: NatsServer) -> Iterator[Callable[[str], tuple[HubProcess, Address]]]:
    hubs: list[HubProcess] = []

    def make(dsn: str) -> tuple[HubProcess, Address]:
        section = '[[jt808]]\nname = "vehicles"\nport = 0\n'
        hub = HubProcess(open_folder, dsn, f"{mqtt_section(nats_broker.address)}\n{section}")
        hubs.append(hub)
        hub.start()
        return hub, lambda: where(hub)

    yield make
    for hub in hubs:
        hub.kill()


def where(hub: HubProcess) -> tuple[str, int]:
    """The listener's address. Raises ConnectionRefusedError while the hub has not said it."""
    found = re.search(r"JT/T 808 vehicles +([0-9.]+):(\d+)", hub.text())
    if found is None:
        raise ConnectionRefusedError
    return found[1], int(found[2])


async def fleet(address: Address, at: dict[int, Callable[[], Awaitable[None]]]) -> None:
    """Let all terminals finish; ``at`` says what is to happen when so many positions are answered."""
    keepers = [Keeper(number, address) for number in range(TERMINALS)]
    working = [asyncio.create_task(keeper.run()) for keeper in keepers]
    moments = sorted(at)
    async with asyncio.timeout(DEADLINE_S):
        while not all(task.done() for task in working):
            await asyncio.wait(working, timeout=0.005)
            if moments and sum(keeper.acknowledged for keeper in keepers) >= moments[0]:
                await at[moments.pop(0)]()
    await asyncio.gather(*working)
    assert not moments
    assert sum(keeper.acknowledged for keeper in keepers) == TERMINALS * POSITIONS


@pytest.mark.parametrize("seed", range(3 if FULL else 1))
async def test_hub_killed_three_times(
    postgres_dsn: str, hub_over: Callable[[str], tuple[HubProcess, Address]], seed: int
) -> None:
    hub, address = hub_over(postgres_dsn)

    async def kill() -> None:
        hub.kill()
        await asyncio.to_thread(hub.start)

    count = TERMINALS * POSITIONS
    moments = random.Random(seed).sample(range(count // 20, count * 17 // 20), 3)
    await fleet(address, dict.fromkeys(moments, kill))
    assert lost_and_doubled(postgres_dsn) == (0, 0)
    assert hub.stop() == 0


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
async def test_database_away(
    private_postgres: PostgresServer,
    hub_over: Callable[[str], tuple[HubProcess, Address]],
    crash: bool,
) -> None:
    dsn = private_postgres.dsn()
    hub, address = hub_over(dsn)

    async def away() -> None:
        await asyncio.to_thread(private_postgres.kill if crash else private_postgres.stop)
        async with asyncio.timeout(DEADLINE_S):
            while (await asyncio.to_thread(hub.get, "/readyz")).status_code != 503:
                await asyncio.sleep(0.05)
        await asyncio.sleep(OUTAGE_S)
        await asyncio.to_thread(private_postgres.start)

    await fleet(address, {TERMINALS * POSITIONS // 3: away})
    assert lost_and_doubled(dsn) == (0, 0)
    assert hub.stop() == 0
