"""Spooled frames reach the store in order, are forgotten after their commit and not before, and never flood the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from devices.vocabulary import Delivery, Frame, Outcome
from ingest.pipeline import Bounds, Pipeline
from ingest.runner import Backoff
from ingest.spool import Spool, SpoolSettings
from ingest.spool_feed import CHUNK, feed
from tests.intake import NOW, contents, frame, make_assembler, make_store
from tests.servers import PostgresServer

AT_ONCE = Backoff(first=0.0, most=0.0)


class Intake:
    """Keeps what it is offered until the test settles it."""

    healthy = True

    def __init__(self, room: bool = True) -> None:
        self.has_room = room
        self.held: list[tuple[int, Delivery]] = []
        self._listeners: list[Callable[[], None]] = []

    def offer(self, frame: Frame, delivery: Delivery) -> None:
        assert frame.redelivered
        self.held.append((frame.token, delivery))

    def on_room(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def make_room(self) -> None:
        self.has_room = True
        for listener in self._listeners:
            listener()

    def settle(self, outcome: Outcome, count: int | None = None) -> list[int]:
        """Settle the oldest; returns their numbers."""
        settled, self.held = self.held[:count], self.held[len(self.held[:count]) :]
        for _, delivery in settled:
            delivery.settle(outcome)
        return [number for number, _ in settled]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def idle() -> None:
    """Let everything that can run do so."""
    for _ in range(50):
        await asyncio.sleep(0)


def fill(spool: Spool, numbers: range) -> None:
    for number in numbers:
        spool.append(frame({"ts": NOW // 1_000 - number, "readings": {"mileage_km": number}}, token=number))


@asynccontextmanager
async def feeding(spool: Spool, intake: Intake | Pipeline) -> AsyncIterator[asyncio.Event]:
    """A feed that is at work; it must end by itself once it is told to stop and nothing is under way."""
    stop = asyncio.Event()
    task = asyncio.create_task(feed(spool, intake, stop, AT_ONCE))
    try:
        yield stop
    finally:
        stop.set()
        if isinstance(intake, Intake):
            intake.settle(Outcome.ABANDONED)
        async with asyncio.timeout(30):
            await task
        spool.close()


async def test_forgotten_only_after_the_last_is_committed(tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path), Intake()
    fill(spool, range(3))
    async with feeding(spool, intake):
        await until(lambda: len(intake.held) == 3)
        assert intake.settle(Outcome.COMMITTED, 2) == [0, 1]
        await idle()
        assert spool.waiting == 3
        fill(spool, range(3, 5))
        assert intake.settle(Outcome.COMMITTED) == [2]
        await until(lambda: len(intake.held) == 2)
        assert spool.waiting == 2
        assert intake.settle(Outcome.COMMITTED) == [3, 4]
        await until(lambda: spool.waiting == 0)
        fill(spool, range(5, 6))
        await until(lambda: intake.held)
        assert intake.settle(Outcome.COMMITTED) == [5]
        await until(lambda: spool.waiting == 0)


async def test_intake_that_abandons_gets_the_same_again_until_it_recovers(tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path), Intake()
    fill(spool, range(4))
    with capture_logs() as logs:
        async with feeding(spool, intake):
            for _ in range(3):
                await until(lambda: len(intake.held) == 4)
                assert intake.settle(Outcome.ABANDONED) == [0, 1, 2, 3]
            await until(lambda: len(intake.held) == 4)
            assert spool.waiting == 4
            intake.settle(Outcome.COMMITTED)
            await until(lambda: spool.waiting == 0)
    assert [entry["event"] for entry in logs] == ["peer_away", "peer_back"]


async def test_frames_are_not_offered_again_while_some_of_them_are_under_way(tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path), Intake()
    fill(spool, range(3))
    async with feeding(spool, intake):
        await until(lambda: len(intake.held) == 3)
        intake.settle(Outcome.ABANDONED, 1)
        await idle()
        assert [number for number, _ in intake.held] == [1, 2]
        intake.settle(Outcome.COMMITTED)
        await until(lambda: len(intake.held) == 3)
        assert spool.waiting == 3


async def test_waits_for_room_and_can_be_stopped_meanwhile(tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path), Intake(room=False)
    fill(spool, range(2))
    async with feeding(spool, intake):
        await idle()
        assert intake.held == []
        intake.make_room()
        await until(lambda: len(intake.held) == 2)
        intake.has_room = False
        intake.settle(Outcome.COMMITTED)
        fill(spool, range(2, 4))
        await idle()
        assert intake.held == []
    again = Spool(tmp_path)
    assert again.waiting == 2
    again.close()


async def test_a_large_backlog_comes_in_pieces(tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path), Intake()
    fill(spool, range(CHUNK + 1))
    async with feeding(spool, intake):
        await until(lambda: intake.held)
        assert intake.settle(Outcome.COMMITTED) == list(range(CHUNK))
        await until(lambda: intake.held)
        assert intake.settle(Outcome.COMMITTED) == [CHUNK]


async def test_spool_that_cannot_be_read_for_a_while_ends_nothing(tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path), Intake()
    fill(spool, range(2))
    (segment,) = tmp_path.glob("*.spool")
    away = segment.rename(tmp_path / "away")
    with capture_logs() as logs:
        async with feeding(spool, intake):
            await until(lambda: logs)
            await idle()
            assert intake.held == []
            away.rename(segment)
            await until(lambda: len(intake.held) == 2)
            intake.settle(Outcome.COMMITTED)
            await until(lambda: spool.waiting == 0)
    assert [entry["event"] for entry in logs] == ["peer_away", "peer_back"]


async def test_frames_given_up_while_under_way_do_not_stall_the_rest(tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path, SpoolSettings(segment_bytes=1_000, max_bytes=5_000)), Intake()
    fill(spool, range(20))
    async with feeding(spool, intake):
        await until(lambda: len(intake.held) == 20)
        fill(spool, range(20, 32))
        assert spool.lost
        intake.settle(Outcome.COMMITTED)
        await until(lambda: intake.held)
        found = intake.settle(Outcome.COMMITTED)
        assert found == list(range(20, 32))
        await until(lambda: spool.waiting == 0)


STEP = st.one_of(
    st.integers(1, 4).map(lambda count: ("append", count)), st.tuples(st.sampled_from(Outcome), st.integers(1, 6))
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=25), segment_bytes=st.integers(1, 600))
def test_every_frame_is_committed_whatever_the_intake_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str | Outcome, int]], segment_bytes: int
) -> None:
    async def run() -> None:
        spool = Spool(tmp_path_factory.mktemp("spool"), SpoolSettings(segment_bytes))
        intake = Intake()
        count = 0
        committed: list[int] = []
        async with feeding(spool, intake):
            for what, number in steps:
                if what == "append":
                    fill(spool, range(count, count + number))
                    count += number
                else:
                    assert isinstance(what, Outcome)
                    settled = intake.settle(what, number)
                    if what is Outcome.COMMITTED:
                        committed += settled
                await idle()
                assert set(range(count - spool.waiting)) <= set(committed)
            while spool.waiting:
                await until(lambda: intake.held)
                committed += intake.settle(Outcome.COMMITTED)
                await idle()
        firsts = list(dict.fromkeys(committed))
        assert sorted(firsts) == list(range(count))

    asyncio.run(run())


async def test_feed_ends_with_a_pipeline_whose_store_is_away_and_the_next_start_stores_once(
    private_postgres: PostgresServer, tmp_path: Path
) -> None:
    dsn = private_postgres.dsn()
    store = make_store(dsn)
    await store.open()
    pipeline = Pipeline(store, make_assembler(store), Bounds(linger_s=0.0))
    spool = Spool(tmp_path)
    fill(spool, range(30))
    running = asyncio.create_task(pipeline.run())
    async with feeding(spool, pipeline):
        await until(lambda: spool.waiting == 0)
        private_postgres.stop()
        fill(spool, range(20, 60))  # the first ten for a second time
        await until(lambda: not pipeline.healthy)
        pipeline.stop()
    await running
    private_postgres.start()

    again = Spool(tmp_path)
    assert again.waiting == 40
    pipeline = Pipeline(store, make_assembler(store))
    running = asyncio.create_task(pipeline.run())
    async with feeding(again, pipeline):
        await until(lambda: again.waiting == 0)
    pipeline.stop()
    await running
    await store.close()
    assert sorted(row[3] for row in contents(dsn, tables=["readings"])["readings"]) == list(range(60))
