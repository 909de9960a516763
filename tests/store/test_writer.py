"""The store keeps each record once, whatever the order, the batches and the repetitions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.errors import ConfigError, TransientError
from devices.instants import to_datetime
from store.schema import Mode
from store.writer import PostgresStore
from tests.intake import NOW, clear, contents, dead_letters, frame, ingest, make_assembler, make_store
from tests.servers import PostgresServer

MINUTE = 60_000_000

MESSAGE = st.fixed_dictionaries(
    {"ts": st.integers(0, 12).map(lambda n: (NOW - n * MINUTE) // 1000)},
    optional={
        "seq": st.integers(0, 3),
        "readings": st.dictionaries(
            st.sampled_from(["fill_pct", "battery_v"]), st.integers(0, 3).map(float), min_size=1
        ),
        "fix": st.fixed_dictionaries(
            {"lat": st.integers(30, 31), "lon": st.just(114.0)},
            optional={"speed_kmh": st.integers(0, 2), "valid": st.booleans()},
        ),
        "events": st.lists(
            st.fixed_dictionaries({"kind": st.sampled_from(["emptied", "sos"]), "attributes": st.just({"by": 1})}),
            max_size=2,
        ),
    },
).filter(lambda m: m.get("readings") or m.get("fix") or m.get("events"))
HISTORY = st.lists(st.tuples(st.sampled_from(["bin-1", "truck-1"]), MESSAGE), min_size=1, max_size=25)


def numbered(history: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """A device numbers its messages: one content has one number."""
    numbers: dict[str, int | None] = {}
    found = []
    for device, message in history:
        content = repr((device, message["ts"], message.get("fix")))
        seq = numbers.setdefault(content, message.get("seq"))
        rest = {name: value for name, value in message.items() if name != "seq"}
        found.append((device, rest if seq is None else rest | {"seq": seq}))
    return found


@pytest.fixture(scope="module")
def dsn(postgres_module_dsn: str) -> Iterator[str]:
    asyncio.run(_open(postgres_module_dsn))
    yield postgres_module_dsn


async def _open(dsn: str) -> None:
    store = make_store(dsn)
    await store.open()
    await store.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY.map(numbered), data=st.data())
def test_order_repetition_and_batches_change_nothing(
    dsn: str, history: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    """Shuffled, doubled, redelivered and cut into other batches, the same history ends in the same tables."""
    frames = [frame(message, device) for device, message in history]
    again = data.draw(st.lists(st.sampled_from(frames), max_size=10))
    other = data.draw(st.permutations(frames + again))
    chunk = data.draw(st.integers(1, 10))
    marked = [
        frame(f.payload, f.channel.split("/")[2], redelivered=data.draw(st.booleans(), label="dup")) for f in other
    ]

    async def both() -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        store = make_store(dsn)
        clear(dsn)
        await ingest(store, make_assembler(store), frames)
        straight = contents(dsn)
        clear(dsn)
        await ingest(store, make_assembler(store), marked, chunk)
        shuffled = contents(dsn)
        await store.close()
        return straight, shuffled

    straight, shuffled = asyncio.run(both())
    assert shuffled == straight
    assert dead_letters(dsn) == []


async def test_several_fixes_of_one_second_are_all_kept(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    fixes = [{"ts": NOW, "fix": {"lat": 30 + n / 100, "lon": 114}} for n in range(3)]
    await ingest(store, make_assembler(store), [frame(m, "truck-9") for m in fixes + fixes])
    await store.close()
    assert sorted(row[2] for row in contents(dsn)["fixes"]) == [30 + n / 100 for n in range(3)]


async def test_latest_never_moves_backwards(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    assembler = make_assembler(store)
    minutes = list(range(60))
    random.Random(4).shuffle(minutes)
    for count, minute in enumerate(minutes, 1):
        fix = {"lat": 30 + minute / 1000, "lon": 114}
        await ingest(
            store, assembler, [frame({"ts": NOW - minute * MINUTE, "readings": {"fill_pct": minute}, "fix": fix})]
        )
        (latest,) = contents(dsn)["latest"]
        (state,) = contents(dsn)["state"]
        newest = min(minutes[:count])
        assert latest[3] == newest
        assert state[2] == 30 + newest / 1000
    await store.close()


async def test_no_time_is_filed_once_even_when_redelivered(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    message = {"readings": {"fill_pct": 40}}
    await ingest(store, make_assembler(store), [frame(message, at=NOW)])
    # The hub died between its commit and its acknowledgement: another process meets the same bytes, marked.
    await ingest(store, make_assembler(store), [frame(message, at=NOW + MINUTE, redelivered=True)])
    assert [row[2:5] for row in contents(dsn)["readings"]] == [(to_datetime(NOW), 40.0, 1)]
    # The same words an hour later are a new message.
    await ingest(store, make_assembler(store), [frame(message, at=NOW + 60 * MINUTE)])
    assert len(contents(dsn)["readings"]) == 2
    await store.close()


async def test_wrong_clock_keeps_its_claim_and_a_mark(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    messages = [
        {"ts": "1980-01-06T00:00:07Z", "readings": {"fill_pct": 1}},
        {"ts": "2030-01-01T00:00:00Z", "readings": {"fill_pct": 2}},
    ]
    await ingest(store, make_assembler(store), [frame(m) for m in messages])
    rows = contents(dsn)["readings"]
    assert [row[3] for row in rows] == [1.0, 2.0]
    assert {row[4] for row in rows} == {2}
    assert [row[5].year for row in rows] == [1980, 2030]
    assert len({row[2] for row in rows}) == 2  # two messages of one reception do not share an instant
    await store.close()


async def test_array_without_times_keeps_every_item(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    batch = [{"readings": {"fill_pct": 5}} for _ in range(20)]
    await ingest(store, make_assembler(store), [frame(batch), frame({"readings": {"fill_pct": 5}})])
    assert len(contents(dsn)["readings"]) == 21
    await store.close()


async def test_partitions_are_made_for_a_backfill_and_old_data_lies_in_the_default(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    days = [0, 5, 40, 400, 3_000]
    await ingest(
        store,
        make_assembler(store),
        [frame({"ts": NOW - d * 1440 * MINUTE, "readings": {"fill_pct": d % 100}}) for d in days],
    )
    assert len(contents(dsn)["readings"]) == len(days)
    with psycopg.connect(dsn) as connection:
        (in_default,) = connection.execute("SELECT count(*) FROM readings_default").fetchone() or (None,)
        assert in_default == 1
        ahead = connection.execute("SELECT 1 FROM pg_class WHERE relname = 'readings_p20261207'").fetchone()
        assert ahead is not None
    dropped = await store.maintain(retention_days=100)
    assert dropped == 3  # the week of day 400, in three tables
    assert [row[3] for row in contents(dsn)["readings"]] == [40.0, 5.0, 0.0]
    await store.close()


async def test_store_away_is_transient_and_comes_back(private_postgres: PostgresServer) -> None:
    store = make_store(private_postgres.dsn())
    assembler = make_assembler(store)
    await ingest(store, assembler, [frame({"ts": NOW, "readings": {"fill_pct": 1}})])
    private_postgres.stop()
    with pytest.raises(TransientError):
        await ingest(store, assembler, [frame({"ts": NOW, "readings": {"fill_pct": 2}})])
    private_postgres.start()
    await ingest(store, assembler, [frame({"ts": NOW, "readings": {"fill_pct": 2}})])
    assert [row[3] for row in contents(private_postgres.dsn())["readings"]] == [1.0, 2.0]
    await store.close()


async def test_opening_again_and_again_uses_up_no_metric_numbers(postgres_dsn: str) -> None:
    for _ in range(3):
        store = make_store(postgres_dsn)
        await store.open()
        await store.close()
    with psycopg.connect(postgres_dsn) as connection:
        row = connection.execute("SELECT count(*), (SELECT last_value FROM metrics_key_seq) FROM metrics").fetchone()
    assert row is not None and row[0] == row[1]


async def test_a_server_that_hangs_is_given_up(private_postgres: PostgresServer) -> None:
    """Its port accepts and nothing answers, as with a stuck disk: no acknowledgement, and no waiting for ever."""
    store = PostgresStore(private_postgres.dsn(), mode="plain", now=lambda: NOW, patience_s=0.5)
    assembler = make_assembler(store)
    await ingest(store, assembler, [frame({"ts": NOW, "readings": {"fill_pct": 1}})])
    server = psutil.Process(private_postgres.pid)
    everybody = [server, *server.children(recursive=True)]
    for process in everybody:
        process.suspend()
    with pytest.raises(TransientError, match="no answer"):
        await ingest(store, assembler, [frame({"ts": NOW, "readings": {"fill_pct": 2}})])
    for process in everybody:
        process.resume()
    patient = make_store(private_postgres.dsn())
    await ingest(patient, make_assembler(patient), [frame({"ts": NOW, "readings": {"fill_pct": 2}})])
    assert [row[3] for row in contents(private_postgres.dsn())["readings"]] == [1.0, 2.0]
    await patient.close()
    await store.close()


async def test_equal_messages_without_time_are_told_apart_by_their_delivery(dsn: str) -> None:
    """The hub dies before it has committed the second of two equal messages; it comes again, and is not the first."""
    clear(dsn)
    store = make_store(dsn)
    message = {"readings": {"fill_pct": 40}}
    await ingest(store, make_assembler(store), [frame(message, at=NOW, token=7)])
    again = frame(message, at=NOW + 60 * MINUTE, token=8, redelivered=True)
    await ingest(store, make_assembler(store), [again])
    assert len(contents(dsn)["readings"]) == 2
    await ingest(store, make_assembler(store), [again])
    assert len(contents(dsn)["readings"]) == 2
    await store.close()


async def test_dead_letters_are_entered_once_when_a_batch_is_written_twice(dsn: str) -> None:
    """The answer to a commit was lost, so the same batch comes again."""
    clear(dsn)
    store = make_store(dsn)
    assembler = make_assembler(store)
    batch = await assembler.assemble([assembler.decode(frame(b"nope")), assembler.decode(frame(b"nope", at=NOW + 1))])
    await store.write(batch)
    await store.write(batch)
    assert len(dead_letters(dsn)) == 2
    await store.close()


async def test_modes_are_detected_and_held(postgres_dsn: str) -> None:
    with pytest.raises(ConfigError, match="timescaledb"):
        await PostgresStore(postgres_dsn, mode="timescale").open()
    store = PostgresStore(postgres_dsn)
    await store.open()
    assert store.mode is Mode.PLAIN
    await store.close()
