"""The pipeline acknowledges what is committed, nothing else, and every delivery exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.errors import RejectedError, TransientError
from devices.registry import Registry, UnknownPolicy
from devices.vocabulary import Batch, Decoded, Device, Frame, Identity, Outcome, ReceiptKey, Uplink, Written
from ingest.assembly import Assembler, IntakeRules
from ingest.pipeline import Bounds, Pipeline
from store.telemetry.writer import PostgresStore
from tests.intake import NOW, Fate, clear, contents, dead_letters, frame, make_assembler, make_store
from tests.servers import PostgresServer

AT_ONCE = Bounds(linger_s=0.0)


def numbered(number: int, device: str = "bin-1", **marks: Any) -> Frame:
    """A frame that ends in one row, whose value is its number."""
    message = {"ts": NOW // 1_000 - number, "readings": {"mileage_km": number}}
    return frame(message, device, token=number, **marks)


def values(dsn: str) -> list[float]:
    return sorted(row[3] for row in contents(dsn, tables=["readings"])["readings"])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


def offer(pipeline: Pipeline, frames: Iterable[Frame]) -> list[Fate]:
    fates = []
    for item in frames:
        fates.append(Fate())
        pipeline.offer(item, fates[-1])
    return fates


def told(fates: Iterable[Fate]) -> Counter[tuple[Outcome, ...]]:
    """How many deliveries were told what."""
    return Counter(tuple(fate.told) for fate in fates)


@asynccontextmanager
async def at_work(pipeline: Pipeline) -> AsyncIterator[Pipeline]:
    running = asyncio.create_task(pipeline.run())
    try:
        yield pipeline
    finally:
        pipeline.stop()
        async with asyncio.timeout(60):
            await running


@pytest.fixture
async def store(postgres_dsn: str) -> AsyncIterator[PostgresStore]:
    store = make_store(postgres_dsn)
    await store.open()
    yield store
    await store.close()


# -- the acknowledgement ------------------------------------------------------------------------------------------


class Witness(Fate):
    """A delivery that looks into the database, over a connection of its own, at the moment that it is told."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.dsn = dsn
        self.seen: list[float] = []

    def settle(self, outcome: Outcome) -> None:
        super().settle(outcome)
        self.seen = values(self.dsn)


async def test_a_delivery_is_told_after_its_commit_and_not_before(store: PostgresStore, postgres_dsn: str) -> None:
    async with at_work(Pipeline(store, make_assembler(store), Bounds(max_batch=3, linger_s=0.0))) as pipeline:
        witnesses = [Witness(postgres_dsn) for _ in range(10)]
        for number, witness in enumerate(witnesses):
            pipeline.offer(numbered(number), witness)
        await pipeline.drained()
    assert told(witnesses) == {(Outcome.COMMITTED,): 10}
    assert all(number in witness.seen for number, witness in enumerate(witnesses))
    assert witnesses[0].seen == [0, 1, 2]  # and the batches after it were not there yet


class Crate:
    """The way back of frames that were offered together; what was committed at each telling stands in ``seen``."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.told: list[tuple[Outcome, int]] = []
        self.seen: list[list[float]] = []

    def settle_next(self, outcome: Outcome, count: int) -> None:
        self.told.append((outcome, count))
        self.seen.append(values(self.dsn))


async def test_frames_that_come_together_are_told_of_in_order_after_their_commits(
    store: PostgresStore, postgres_dsn: str
) -> None:
    """Batches may cut a run anywhere, and hold the ends of several."""
    pipeline = Pipeline(store, make_assembler(store), Bounds(max_batch=4, linger_s=0.0, max_in_flight=12))
    first, second = Crate(postgres_dsn), Crate(postgres_dsn)
    pipeline.offer_many([numbered(number) for number in range(6)], first)
    fates = offer(pipeline, [numbered(6)])
    pipeline.offer_many([numbered(number) for number in range(7, 9)], second)
    pipeline.offer_many([], second)
    assert (pipeline.in_flight, pipeline.room) == (9, 3)
    async with at_work(pipeline):
        await pipeline.drained()
    assert first.told == [(Outcome.COMMITTED, 4), (Outcome.COMMITTED, 2)]
    assert second.told == [(Outcome.COMMITTED, 1), (Outcome.COMMITTED, 1)]
    assert told(fates) == {(Outcome.COMMITTED,): 1}
    assert [len(rows) for rows in (*first.seen, *second.seen)] == [4, 8, 8, 9]
    assert (pipeline.in_flight, pipeline.room, pipeline.stats.frames) == (0, 12, 9)


async def test_the_second_delivery_of_a_message_is_acknowledged_and_counted(
    store: PostgresStore, postgres_dsn: str
) -> None:
    async with at_work(Pipeline(store, make_assembler(store), AT_ONCE)) as pipeline:
        first = offer(pipeline, [numbered(1)])
        await pipeline.drained()
        second = offer(pipeline, [numbered(1, redelivered=True), numbered(1)])
        await pipeline.drained()
    assert told(first + second) == {(Outcome.COMMITTED,): 3}
    stats = pipeline.stats
    assert (stats.frames, stats.redelivered, stats.rows, stats.duplicates) == (3, 1, 1, 2)
    assert values(postgres_dsn) == [1]


# -- what the store refuses ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picky_dsn(postgres_module_dsn: str) -> str:
    """A database that refuses odd hundreds of kilometres."""

    async def prepare() -> None:
        store = make_store(postgres_module_dsn)
        await store.open()
        await store.close()

    asyncio.run(prepare())
    with psycopg.connect(postgres_module_dsn) as connection:
        connection.execute("ALTER TABLE readings ADD CONSTRAINT picky CHECK (value < 100)")
    return postgres_module_dsn


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(refused=st.lists(st.booleans(), min_size=1, max_size=25), max_batch=st.integers(1, 30))
def test_what_the_store_refuses_stands_alone_in_dead_letters(
    picky_dsn: str, refused: list[bool], max_batch: int
) -> None:
    clear(picky_dsn)
    numbers = [number + 100 * wrong for number, wrong in enumerate(refused)]

    async def run() -> tuple[list[Fate], Pipeline]:
        store = make_store(picky_dsn)
        async with at_work(Pipeline(store, make_assembler(store), Bounds(max_batch, linger_s=0.0))) as pipeline:
            fates = offer(pipeline, map(numbered, numbers))
            await pipeline.drained()
        await store.close()
        return fates, pipeline

    fates, pipeline = asyncio.run(run())
    assert told(fates) == {(Outcome.COMMITTED,): len(refused)}
    assert values(picky_dsn) == [number for number in numbers if number < 100]
    letters = dead_letters(picky_dsn)
    assert [code for code, _ in letters] == ["store"] * sum(refused)
    assert all('violates check constraint "picky"' in reason for _, reason in letters)
    assert pipeline.stats.dead_letters["store"] == sum(refused)
    with psycopg.connect(picky_dsn) as connection:
        kept = connection.execute("SELECT payload FROM dead_letters ORDER BY id").fetchall()
    assert [row[0] for row in kept] == [numbered(number).payload for number in numbers if number >= 100]


@pytest.mark.parametrize("device", ["nul\0", "lone\ud800"], ids=["nul", "surrogate"])
async def test_a_channel_that_no_database_can_hold_costs_its_frame_and_not_the_hub(
    store: PostgresStore, postgres_dsn: str, device: str
) -> None:
    async with at_work(Pipeline(store, make_assembler(store), AT_ONCE)) as pipeline:
        fates = offer(pipeline, [numbered(1), numbered(2, device), numbered(3)])
        await until(lambda: pipeline.in_flight == 0)
    assert told(fates) == {(Outcome.COMMITTED,): 3}
    assert values(postgres_dsn) == [1, 3]
    assert [code for code, _ in dead_letters(postgres_dsn)] == ["malformed"]


async def test_an_identity_that_the_store_refuses_costs_its_frame_and_not_the_hub(
    store: PostgresStore, postgres_dsn: str
) -> None:
    def decode(frame: Frame) -> Decoded:
        name = frame.payload.decode()
        return Decoded([Uplink(Identity("imei", name), NOW, {"fill_pct": 1.0})], identity=Identity("id", name))

    frames = [Frame("raw", "test", "peer", payload, NOW) for payload in (b"a", b"b\0", b"c")]
    assembler = Assembler(store, Registry(), {"raw": decode}, IntakeRules())
    async with at_work(Pipeline(store, assembler, AT_ONCE)) as pipeline:
        fates = offer(pipeline, frames)
        await until(lambda: pipeline.in_flight == 0)
    assert told(fates) == {(Outcome.COMMITTED,): 3}
    assert len(values(postgres_dsn)) == 2
    assert [code for code, _ in dead_letters(postgres_dsn)] == ["store"]


# -- bounds -------------------------------------------------------------------------------------------------------


async def test_bounded_in_number_and_transports_are_told_of_room(store: PostgresStore, postgres_dsn: str) -> None:
    pipeline = Pipeline(store, make_assembler(store), Bounds(max_batch=4, linger_s=0.0, max_in_flight=10))
    calls: list[int] = []
    pipeline.on_room(lambda: calls.append(pipeline.in_flight))
    offer(pipeline, map(numbered, range(9)))
    assert pipeline.has_room
    offer(pipeline, [numbered(9)])
    assert not pipeline.has_room
    offer(pipeline, [numbered(10)])  # one more is not refused
    assert pipeline.in_flight == 11
    async with at_work(pipeline):
        await pipeline.drained()
    assert calls == [7]  # once: nobody asked again
    assert pipeline.has_room
    assert pipeline.stats.batches == 3
    assert values(postgres_dsn) == list(range(11))


async def test_bounded_in_bytes(store: PostgresStore) -> None:
    item = numbered(1)
    bounds = Bounds(linger_s=0.0, max_in_flight_bytes=3 * len(item.payload))
    pipeline = Pipeline(store, make_assembler(store), bounds)
    calls: list[int] = []
    pipeline.on_room(lambda: calls.append(pipeline.in_flight))
    offer(pipeline, [item, item])
    assert pipeline.has_room
    offer(pipeline, [item])
    assert not pipeline.has_room
    async with at_work(pipeline):
        await pipeline.drained()
        assert calls == [0]
        offer(pipeline, [item])
        await pipeline.drained()
    assert calls == [0]  # nobody found it full since


# -- the end ------------------------------------------------------------------------------------------------------


async def test_stop_commits_what_was_taken(store: PostgresStore, postgres_dsn: str) -> None:
    pipeline = Pipeline(store, make_assembler(store), Bounds(max_batch=4, linger_s=3_600.0))
    fates = offer(pipeline, map(numbered, range(3)))
    running = asyncio.create_task(pipeline.run())
    await asyncio.sleep(0)  # it waits for company now
    fates += offer(pipeline, map(numbered, range(3, 6)))
    pipeline.stop()
    fates += offer(pipeline, map(numbered, range(6, 11)))
    await running
    assert told(fates) == {(Outcome.COMMITTED,): 11}
    assert values(postgres_dsn) == list(range(11))
    async with asyncio.timeout(30):
        await pipeline.drained()


async def test_who_waits_for_the_pipeline_to_drain_is_told_when_it_stops_first(store: PostgresStore) -> None:
    pipeline = Pipeline(store, make_assembler(store), AT_ONCE)
    offer(pipeline, map(numbered, range(3)))
    draining = asyncio.create_task(pipeline.drained())
    await asyncio.sleep(0)
    assert not draining.done()
    async with at_work(pipeline):
        pipeline.stop()
    async with asyncio.timeout(30):
        await draining
    assert pipeline.in_flight == 0


async def test_stop_with_the_store_away_abandons_and_a_redelivery_stores_once(
    private_postgres: PostgresServer,
) -> None:
    dsn = private_postgres.dsn()
    store = make_store(dsn)
    pipeline = Pipeline(store, make_assembler(store), Bounds(max_batch=5, linger_s=0.0))
    async with at_work(pipeline):
        first = offer(pipeline, map(numbered, range(5)))
        await pipeline.drained()
        private_postgres.stop()
        away = offer(pipeline, map(numbered, range(3, 20)))
        await until(lambda: not pipeline.healthy)
        assert told(away) == {(): 17}
    assert told(first) == {(Outcome.COMMITTED,): 5}
    assert told(away) == {(Outcome.ABANDONED,): 17}
    assert pipeline.in_flight == 0
    await asyncio.wait_for(pipeline.drained(), 30)

    private_postgres.start()
    async with at_work(Pipeline(store, make_assembler(store))) as pipeline:
        again = offer(pipeline, [numbered(number, redelivered=True) for number in range(3, 20)])
        await pipeline.drained()
    await store.close()
    assert told(again) == {(Outcome.COMMITTED,): 17}
    assert values(dsn) == list(range(20))


async def test_an_outage_is_waited_out(private_postgres: PostgresServer) -> None:
    store = make_store(private_postgres.dsn())
    async with at_work(Pipeline(store, make_assembler(store), AT_ONCE)) as pipeline:
        offer(pipeline, [numbered(0)])
        await pipeline.drained()
        private_postgres.kill()
        fates = offer(pipeline, map(numbered, range(1, 6)))
        await until(lambda: not pipeline.healthy)
        assert "store" in str(pipeline.store_condition.fault)
        await asyncio.to_thread(private_postgres.start)
        await pipeline.drained()
        assert pipeline.healthy
    await store.close()
    assert told(fates) == {(Outcome.COMMITTED,): 5}
    assert values(private_postgres.dsn()) == list(range(6))


# -- who is let in ------------------------------------------------------------------------------------------------


async def carry(pipeline: Pipeline, frames: Iterable[Frame]) -> None:
    async with at_work(pipeline):
        fates = offer(pipeline, frames)
        await pipeline.drained()
    assert set(told(fates)) == {(Outcome.COMMITTED,)}


async def test_a_blocked_device_is_shut_out(store: PostgresStore, postgres_dsn: str) -> None:
    await carry(Pipeline(store, make_assembler(store), AT_ONCE), [numbered(1, "bin-1"), numbered(2, "bin-2")])
    for status, device in (("blocked", "bin-1"), ("retired", "bin-2")):
        with psycopg.connect(postgres_dsn) as connection:
            connection.execute("UPDATE devices SET status = %s WHERE id = %s", (status, device))
    frames = [numbered(3, "bin-1"), numbered(4, "bin-2"), numbered(5, "bin-3")]
    await carry(Pipeline(store, make_assembler(store), AT_ONCE), frames)
    assert values(postgres_dsn) == [1, 2, 5]
    assert dead_letters(postgres_dsn) == [
        ("shut_device", "id:bin-1: the device is blocked"),
        ("shut_device", "id:bin-2: the device is retired"),
    ]


async def test_strangers_are_registered_up_to_the_limit_of_pending_devices(
    store: PostgresStore, postgres_dsn: str
) -> None:
    pipeline = Pipeline(store, make_assembler(store, max_pending_devices=3), Bounds(max_batch=2, linger_s=0.0))
    await carry(pipeline, [numbered(number, f"bin-{number}") for number in range(5)] + [numbered(9, "bin-0")])
    assert values(postgres_dsn) == [0, 1, 2, 9]
    no_device = "no device goes by this identity"
    assert dead_letters(postgres_dsn) == [("unknown_device", f"id:bin-{n}: {no_device}") for n in (3, 4)]
    with psycopg.connect(postgres_dsn) as connection:
        devices = connection.execute("SELECT id, kind, status FROM devices ORDER BY id").fetchall()
        connection.execute("UPDATE devices SET status = 'active' WHERE id = 'bin-0'")
    assert devices == [(f"bin-{n}", "bin", "pending") for n in range(3)]
    # One was admitted, so that there is room for one more.
    await carry(Pipeline(store, make_assembler(store, max_pending_devices=3)), [numbered(3, "bin-3")])
    assert values(postgres_dsn) == [0, 1, 2, 3, 9]


@pytest.mark.parametrize(("policy", "kept"), [(UnknownPolicy.QUARANTINE, True), (UnknownPolicy.REJECT, False)])
async def test_strangers_are_kept_out(
    store: PostgresStore, postgres_dsn: str, policy: UnknownPolicy, kept: bool
) -> None:
    item = numbered(1, "bin-9")
    await carry(Pipeline(store, make_assembler(store, policy), AT_ONCE), [item])
    assert values(postgres_dsn) == []
    with psycopg.connect(postgres_dsn) as connection:
        letters = connection.execute("SELECT code, device_id, size, payload, replayable FROM dead_letters").fetchall()
        assert connection.execute("SELECT FROM devices").fetchall() == []
    payload = item.payload if kept else None
    assert letters == [("unknown_device", "bin-9", len(item.payload), payload, kept)]


# -- scheduling, over a store in memory ---------------------------------------------------------------------------


class MemoryStore:
    """Keeps the values of readings; refuses those above 100; can be away, or break."""

    def __init__(self) -> None:
        self.kept: list[float] = []
        self.letters = 0
        self.fault: Exception | None = None
        self.largest = 0

    async def write(self, batch: Batch) -> Written:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        found = [reading.value for reading in batch.readings]
        if any(value >= 100 for value in found):
            raise RejectedError
        self.largest = max(self.largest, len(found))
        self.kept += found
        self.letters += len(batch.dead_letters)
        return Written(len(found), 0)

    async def find_devices(self, identities: Iterable[Identity]) -> list[tuple[Identity, Device]]:
        return [(identity, Device(1, identity.value, "bin")) for identity in identities]

    async def register(self, newcomers: Sequence[tuple[Identity, str]], limit: int) -> list[tuple[Identity, Device]]:
        raise NotImplementedError

    async def find_receipts(self, wanted: Iterable[ReceiptKey]) -> Mapping[ReceiptKey, int]:
        return {}


STEP = st.one_of(
    st.tuples(st.just("offer"), st.integers(1, 6)), st.tuples(st.sampled_from(["yield", "drain"]), st.integers(1, 9))
)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(STEP, max_size=30),
    max_batch=st.integers(1, 7),
    linger_s=st.sampled_from([0.0, 3_600.0]),
    away_at_the_end=st.booleans(),
    refused=st.sets(st.integers(0, 100), max_size=10),
)
def test_every_delivery_is_settled_once_whatever_the_interleaving(
    steps: list[tuple[str, int]], max_batch: int, linger_s: float, away_at_the_end: bool, refused: set[int]
) -> None:
    async def run() -> None:
        store = MemoryStore()
        assembler = make_assembler(store)  # type: ignore[arg-type]
        pipeline = Pipeline(store, assembler, Bounds(max_batch, linger_s, max_in_flight=5))
        running = asyncio.create_task(pipeline.run())
        fates: list[Fate] = []
        for what, count in steps:
            if what == "offer":
                numbers = range(len(fates), len(fates) + count)
                fates += offer(pipeline, [numbered(n + 100 if n in refused else n % 100) for n in numbers])
            elif what == "drain" and not linger_s:
                await pipeline.drained()
                assert pipeline.in_flight == 0
            else:
                for _ in range(count):
                    await asyncio.sleep(0)
            assert pipeline.in_flight == sum(not fate.told for fate in fates)
            assert pipeline.has_room == (pipeline.in_flight < 5)
        store.fault = TransientError() if away_at_the_end else None
        pipeline.stop()
        async with asyncio.timeout(60):
            await running
            await pipeline.drained()
        assert pipeline.in_flight == 0
        assert all(len(fate.told) == 1 for fate in fates)
        committed = sum(fate.told == [Outcome.COMMITTED] for fate in fates)
        assert committed <= len(store.kept) + store.letters
        assert store.largest <= max_batch
        if not away_at_the_end:
            assert committed == len(fates) == len(store.kept) + store.letters
            assert store.kept == [n % 100 for n in range(len(fates)) if n not in refused]

    asyncio.run(run())


async def test_a_fault_of_our_own_ends_the_pipeline_and_leaves_nobody_waiting() -> None:
    store = MemoryStore()
    store.fault = ZeroDivisionError("a slip of ours")
    pipeline = Pipeline(store, make_assembler(store), Bounds(max_batch=2, linger_s=0.0))  # type: ignore[arg-type]
    fates = offer(pipeline, map(numbered, range(5)))
    with pytest.raises(ZeroDivisionError):
        await pipeline.run()
    assert told(fates) == {(Outcome.ABANDONED,): 5}
    assert pipeline.in_flight == 0
    async with asyncio.timeout(30):
        await pipeline.drained()
