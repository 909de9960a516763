"""The store keeps each record once, whatever the order, the batches and the repetitions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import psutil
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.clock import DAY
from devices.errors import ConfigError, TransientError
from devices.instants import to_datetime
from devices.vocabulary import Frame
from store.schema import Mode
from store.telemetry.forgetting import Keeping
from store.telemetry.writer import PostgresStore
from tests import promises
from tests.intake import NOW, clear, contents, dead_letters, frame, ingest, make_assembler, make_store
from tests.promises import MINUTE
from tests.servers import PostgresServer


@pytest.fixture(scope="module")
def dsn(postgres_module_dsn: str) -> Iterator[str]:
    asyncio.run(_open(postgres_module_dsn))
    yield postgres_module_dsn


async def _open(dsn: str) -> None:
    store = make_store(dsn)
    await store.open()
    await store.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=promises.HISTORY, data=st.data())
def test_order_repetition_and_batches_change_nothing(
    dsn: str, history: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    promises.order_repetition_and_batches_change_nothing(dsn, "plain", history, data)


async def test_several_fixes_of_one_second_are_all_kept(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    fixes = [{"ts": NOW, "fix": {"lat": 30 + n / 100, "lon": 114}} for n in range(3)]
    await ingest(store, make_assembler(store), [frame(m, "truck-9") for m in fixes + fixes])
    await store.close()
    assert sorted(row[2] for row in contents(dsn)["fixes"]) == [30 + n / 100 for n in range(3)]


async def test_latest_never_moves_backwards(dsn: str) -> None:
    await promises.latest_never_moves_backwards(dsn, "plain")


async def test_one_batch_moves_what_is_newer_leaves_what_is_late_and_enters_what_is_new(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)

    def said(device: str, at: int, fill: int) -> Frame:
        return frame({"ts": at, "readings": {"fill_pct": fill}, "fix": {"lat": 30, "lon": fill}}, device, at=NOW)

    await ingest(store, make_assembler(store), [said(one, NOW - 5 * MINUTE, 10) for one in ("bin-1", "bin-2")])
    batch = [said("bin-1", NOW - MINUTE, 20), said("bin-2", NOW - 9 * MINUTE, 30), said("bin-3", NOW - 7 * MINUTE, 40)]
    batch.append(frame({"ts": NOW - 6 * MINUTE, "readings": {"battery_v": 3}}, "bin-2", at=NOW))
    await ingest(store, make_assembler(store), batch)
    await store.close()
    found = contents(dsn)
    newest = {(row[0], row[1]): (row[2], row[3]) for row in found["latest"]}
    assert newest == {
        ("bin-1", "fill_pct"): (to_datetime(NOW - MINUTE), 20),
        ("bin-2", "fill_pct"): (to_datetime(NOW - 5 * MINUTE), 10),
        ("bin-2", "battery_v"): (to_datetime(NOW - 6 * MINUTE), 3),
        ("bin-3", "fill_pct"): (to_datetime(NOW - 7 * MINUTE), 40),
    }
    assert {row[0]: row[3] for row in found["state"]} == {"bin-1": 20, "bin-2": 10, "bin-3": 40}


async def test_a_row_that_is_there_already_is_counted_and_the_rest_of_its_batch_is_kept(dsn: str) -> None:
    await promises.a_row_that_is_there_already_is_counted_and_the_rest_of_its_batch_is_kept(dsn, "plain")


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
    dropped = await store.maintain(Keeping(100))
    assert dropped == 3  # the week of day 400, in three tables
    assert [row[3] for row in contents(dsn)["readings"]] == [40.0, 5.0, 0.0]
    await store.close()


async def test_a_back_up_that_holds_the_tables_stops_no_reader(postgres_dsn: str) -> None:
    """pg_dump holds all tables to its end; a partition cannot be made meanwhile, and nobody may wait behind that."""
    store = make_store(postgres_dsn)
    await store.open()
    assembler = make_assembler(store)
    backfill = frame({"ts": (NOW - 300 * DAY) // 1000, "readings": {"fill_pct": 3}}, "bin-held")
    with psycopg.connect(postgres_dsn) as holder, psycopg.connect(postgres_dsn, autocommit=True) as reader:
        holder.execute("LOCK TABLE readings, readings_default IN ACCESS SHARE MODE")
        with pytest.raises(TransientError, match="lock"):
            await ingest(store, assembler, [backfill])
        await ingest(store, assembler, [frame({"ts": NOW // 1000, "readings": {"fill_pct": 4}}, "bin-held")])
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (1,)
    await ingest(store, assembler, [backfill])
    assert len(contents(postgres_dsn)["readings"]) == 2
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
    await _open(private_postgres.dsn())  # which may take its time
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


async def test_how_a_device_was_heard_last_never_moves_backwards(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    message = {"ts": NOW, "readings": {"fill_pct": 40}}
    for source, at in (("east", NOW + 2), ("west", NOW + 3), ("late", NOW + 1)):
        await ingest(store, make_assembler(store), [msgspec.structs.replace(frame(message, at=at), source=source)])
    with psycopg.connect(dsn) as connection:
        query = "SELECT protocol, source FROM device_state JOIN devices ON key = device_key WHERE id = 'bin-1'"
        assert connection.execute(query).fetchone() == ("mqtt-json", "west")
    await store.close()


async def test_dead_letters_are_kept_for_a_while_and_not_without_end(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    days = (200, 89, 3, 2, 1)
    old = [frame(f"nope {age}".encode(), at=NOW - age * DAY) for age in days]
    await ingest(store, make_assembler(store), old)

    async def kept(keeping: Keeping) -> list[int]:
        await store.maintain(keeping)
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("SELECT payload FROM dead_letters ORDER BY id").fetchall()
        return [int(row[0].split()[1]) for row in rows]

    assert await kept(Keeping()) == [89, 3, 2, 1]
    assert await kept(Keeping(dead_letters_days=30)) == [3, 2, 1]
    assert await kept(Keeping(dead_letters=2)) == [2, 1]
    await store.close()


async def test_modes_are_detected_and_held(postgres_dsn: str) -> None:
    with pytest.raises(ConfigError, match="timescaledb"):
        await PostgresStore(postgres_dsn, mode="timescale").open()
    store = PostgresStore(postgres_dsn)
    await store.open()
    assert store.mode is Mode.PLAIN
    await store.close()
