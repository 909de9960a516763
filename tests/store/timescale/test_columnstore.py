"""The columnstore, by TimescaleDB's own code: rows that come late are kept once, and readers see what they saw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncCursor
from psycopg_pool import AsyncConnectionPool

from devices.instants import to_datetime
from devices.vocabulary import Batch, Written
from store.bins.history import BinHistory
from store.fleet.tracker_writes import Obsolete, drop
from store.readers import buckets as readers_buckets
from store.readers import telemetry as readers_telemetry
from store.readers.devices import Readers
from store.reading import ReadSession
from store.schema import Mode
from store.telemetry.forgetting import Keeping
from store.telemetry.writer import PostgresStore
from store.timescale.capability import Capability, columnstore_fits, of_licence
from store.timescale.columnstore import Columnstore
from tests import promises
from tests.intake import NOW, contents, frame, ingest, make_assembler
from tests.intake import clear as clear_rows
from tests.promises import MINUTE

DAY = 1440 * MINUTE
OLD = NOW - 60 * DAY
AFTER = Columnstore(30)


def make_store(dsn: str, wanted: Columnstore | None = AFTER, mode: str = "timescale") -> PostgresStore:
    return PostgresStore(dsn, mode=mode, columnstore=wanted, now=lambda: NOW)


@pytest.fixture(scope="module")
def dsn(timescale_module_dsn: str) -> Iterator[str]:
    async def prepare() -> None:
        store = make_store(timescale_module_dsn)
        await store.open()
        assert store.capability is Capability.FULL
        await store.close()

    asyncio.run(prepare())
    yield timescale_module_dsn


def rows(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def clear(dsn: str) -> None:
    """No rows, and no chunks of theirs: a chunk that was converted once stays one that is."""
    clear_rows(dsn)
    for table in ("readings", "fixes", "events"):
        rows(dsn, "SELECT drop_chunks(%s::regclass, older_than => now() + interval '1 year')", table)
    refresh(dsn)


def refresh(dsn: str) -> None:
    """Bring the rollups up to date, as their policies do."""
    for name in ("rollup_hours_ts", "rollup_days_ts"):
        rows(dsn, f"CALL refresh_continuous_aggregate('{name}', NULL, NULL)")


def convert(dsn: str) -> None:
    """Convert every chunk that is old enough, and again those to which rows came since, as the policies do."""
    for (job,) in rows(dsn, "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"):
        rows(dsn, f"CALL run_job({job})")


def converted(dsn: str) -> dict[str, int]:
    """How many chunks of each table are converted."""
    query = """SELECT hypertable_name::text, count(*) FILTER (WHERE is_compressed)
                 FROM timescaledb_information.chunks GROUP BY 1"""
    return dict(rows(dsn, query))


def old_rows(dsn: str) -> list[int]:
    """Rows of the old chunks that lie outside the columnstore."""
    query = "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks WHERE is_compressed"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET timescaledb.enable_transparent_decompression = off")
        names = [name for (name,) in connection.execute(query.encode()).fetchall()]
        found = [connection.execute(f"SELECT count(*) FROM ONLY {name}".encode()).fetchone() for name in names]
    return [row[0] for row in found if row is not None]


def message(minute: int, **more: Any) -> dict[str, Any]:
    """A reading, a fix and an event of one instant."""
    content = {"readings": {"fill_pct": minute % 100}, "fix": {"lat": 30, "lon": 114}, "events": [{"kind": "emptied"}]}
    return {"ts": OLD + minute * MINUTE, "seq": minute} | content | more


async def fill(dsn: str, minutes: Sequence[int], chunk: int = 1_000) -> None:
    store = make_store(dsn)
    await ingest(store, make_assembler(store), [frame(message(minute), "truck-1") for minute in minutes], chunk)
    await store.close()


# The settings.


async def test_layout_and_policy_follow_the_setting(timescale_dsn: str) -> None:
    policies = (
        "SELECT job_id, config ->> 'compress_after' FROM timescaledb_information.jobs WHERE proc_name = %s ORDER BY 1"
    )
    seen = []
    for wanted in (AFTER, AFTER, None, Columnstore(14), Columnstore(None), Columnstore(None)):
        store = make_store(timescale_dsn, wanted)
        await store.open()
        await store.close()
        seen.append(rows(timescale_dsn, policies, "policy_compression"))
    first, again, left, changed, none, still_none = seen
    assert [after for _, after in first] == ["30 days"] * 3
    assert first == again == left, "jobs that are right are not made anew, and without a wish they are left"
    assert [after for _, after in changed] == ["14 days"] * 3
    assert none == still_none == []
    layout = """SELECT hypertable::text, segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings
                 WHERE hypertable IN ('readings'::regclass, 'fixes'::regclass, 'events'::regclass)"""
    assert sorted(rows(timescale_dsn, layout)) == [
        ("events", "device_key", "observed_at,kind,variant"),
        ("fixes", "device_key", "observed_at,variant"),
        ("readings", "device_key,metric_key", "observed_at,value"),
    ]


def test_what_a_licence_lets_be_used() -> None:
    found = [of_licence(Mode.TIMESCALE, licence) for licence in ("timescale", "apache", None)]
    assert found == [Capability.FULL, Capability.APACHE, Capability.APACHE]
    assert of_licence(Mode.PLAIN, "timescale") is of_licence(None, None) is Capability.PLAIN


def test_versions_that_lose_rows_are_not_trusted() -> None:
    good = ("2.20.2", "2.20.10", "2.21.0", "2.23.0-dev", "2.28.3", "3.0")
    bad = (None, "", "unknown", "1.7.5", "2.9.3", "2.17.2", "2.19.0", "2.20.1")
    assert [columnstore_fits(version) for version in good] == [True] * len(good)
    assert [columnstore_fits(version) for version in bad] == [False] * len(bad)


# Late rows.


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=promises.HISTORY, data=st.data())
def test_conversions_between_batches_change_nothing(
    dsn: str, history: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    """The same history, in any order and with repetitions, over chunks that are converted again and again meanwhile."""
    old = [(device, told | {"ts": told["ts"] - 60 * DAY}) for device, told in history]
    frames = [frame(told, device) for device, told in old]
    other = data.draw(st.permutations(frames + frames[: data.draw(st.integers(0, 10))]))
    width = data.draw(st.integers(1, 10))
    pieces = [other[start : start + width] for start in range(0, len(other), width)]
    turns = [data.draw(st.booleans(), label="convert") for _ in pieces]

    async def both() -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        store = make_store(dsn)
        clear(dsn)
        await ingest(store, make_assembler(store), frames)
        straight = contents(dsn)
        clear(dsn)
        assembler = make_assembler(store)
        for piece, turn in zip(pieces, turns, strict=True):
            await ingest(store, assembler, piece)
            if turn:
                convert(dsn)
        ended = contents(dsn)
        await store.close()
        return straight, ended

    straight, ended = asyncio.run(both())
    assert ended == straight


async def test_a_row_of_the_columnstore_is_counted_and_the_rest_of_its_batch_is_kept(dsn: str) -> None:
    """COPY meets it and fails as a whole; the staging way leaves it out, and nothing behind it."""
    clear(dsn)
    store = make_store(dsn)
    assembler = make_assembler(store)

    async def written(minutes: range, *, again: bool = False) -> Written:
        claims = [assembler.decode(frame(message(minute), "truck-1", redelivered=again)) for minute in minutes]
        return await store.write(await assembler.assemble(claims))

    assert await written(range(0, 400, 2)) == Written(600, 0)
    convert(dsn)
    assert converted(dsn) == {"readings": 1, "fixes": 1, "events": 1}
    assert old_rows(dsn) == [0, 0, 0]
    assert await written(range(0, 400)) == Written(600, 600)  # by COPY first, and then staged
    assert await written(range(0, 400)) == Written(0, 1200)
    assert await written(range(0, 400), again=True) == Written(0, 1200)
    assert await written(range(400, 410)) == Written(30, 0)  # by COPY alone
    assert [len(contents(dsn)[table]) for table in ("readings", "fixes", "events")] == [410, 410, 410]
    assert old_rows(dsn) == [210, 210, 210], "no batch of the columnstore was opened for it"
    convert(dsn)
    assert old_rows(dsn) == [0, 0, 0]
    assert await written(range(0, 420)) == Written(30, 1230)
    assert [len(contents(dsn)[table]) for table in ("readings", "fixes", "events")] == [420, 420, 420]
    await store.close()


async def test_two_values_of_one_instant_are_both_kept(dsn: str) -> None:
    """The content is part of the key, and zero is zero whatever its sign."""
    clear(dsn)
    store = make_store(dsn)
    assembler = make_assembler(store)
    for value in (0.0, -0.0, 1.0, 0.0, 1e-300):
        await ingest(store, assembler, [frame({"ts": OLD, "readings": {"fill_pct": value}}, "bin-1")])
        convert(dsn)
    assert [row[3] for row in contents(dsn)["readings"]] == [0.0, 1e-300, 1.0]
    await store.close()


async def test_a_repair_opens_only_the_batches_that_may_hold_what_it_takes_away(dsn: str) -> None:
    """A batch of the columnstore holds up to 1,000 rows; of five, two are opened."""
    clear(dsn)
    store = make_store(dsn)
    assembler = make_assembler(store)
    told = [
        frame({"ts": OLD + n * MINUTE, "readings": {"battery_v": n % 9, "fill_pct": 1}}, "truck-1")
        for n in range(5_000)
    ]
    await ingest(store, assembler, told, 2_500)
    convert(dsn)
    ((key,),) = rows(dsn, "SELECT key FROM devices WHERE id = 'truck-1'")
    obsolete = Obsolete(readings=[("fill_pct", OLD + n * MINUTE, 1.0) for n in (1_500, 2_500)])

    async def take_away(cursor: AsyncCursor) -> None:
        await cursor.execute("SHOW timescaledb.max_tuples_decompressed_per_dml_transaction")
        assert await cursor.fetchone() == ("0",), "a batch that is refused for its size would be tried for ever"
        await cursor.execute("SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 2000")
        await drop(cursor, key, obsolete)

    await store.write(Batch(), take_away)
    left = rows(dsn, "SELECT count(*) FROM readings r JOIN metrics m ON m.key = r.metric_key WHERE m.name = 'fill_pct'")
    assert left == [(4_998,)]
    await store.close()


# Retention and readers.


async def test_retention_drops_converted_chunks(dsn: str) -> None:
    clear(dsn)
    await fill(dsn, range(0, 100))
    await fill(dsn, [60 * 1440])
    convert(dsn)
    store = make_store(dsn)
    assert await store.maintain(Keeping(30)) == 3
    assert len(contents(dsn)["readings"]) == 1
    await store.close()


@pytest.fixture
async def readers(dsn: str, postgres_dsn: str) -> AsyncIterator[tuple[Readers, Readers]]:
    """Readers of the same telemetry: in plain mode, and partly in the columnstore."""
    minutes = [day * 1440 + minute for day in (0, 1, 9, 25, 59) for minute in range(0, 120, 7)]
    clear(dsn)
    await fill(dsn, minutes[::2])
    convert(dsn)
    await fill(dsn, minutes, 17)
    refresh(dsn)
    plain = make_store(postgres_dsn, None, "plain")
    await ingest(plain, make_assembler(plain), [frame(message(minute), "truck-1") for minute in minutes])
    await plain.close()
    opened = [
        AsyncConnectionPool(one, min_size=1, max_size=2, kwargs={"autocommit": True}, open=False)
        for one in (postgres_dsn, dsn)
    ]
    async with opened[0] as first, opened[1] as second:
        yield Readers.over(first), Readers.over(second)


async def test_readers_answer_as_in_plain_mode(dsn: str, readers: tuple[Readers, Readers]) -> None:
    span = {"start": OLD - DAY, "end": NOW + DAY}

    async def answers(reads: Readers) -> dict[str, Any]:
        telemetry, found = reads.telemetry, {}
        for name, ask, more in (
            ("series", telemetry.series, {"metric": "fill_pct"}),
            ("track", telemetry.track, {"include_invalid": True}),
            ("events", telemetry.events, {}),
        ):
            items: list[Any] = []
            cursor = None
            while not items or cursor:
                page: Any = await ask("truck-1", **span, **more, cursor=cursor, limit=11)
                items, cursor = items + list(page.items), page.next_cursor
            found[name] = items
        found["buckets"] = await telemetry.buckets("truck-1", "fill_pct", **span, width=60 * MINUTE)
        return found

    expected = await answers(readers[0])
    assert len(expected["series"]) == len(expected["track"]) == 5 * 18
    assert sum(converted(dsn).values()) > 0
    assert sum(old_rows(dsn)) > 0, "late rows lie beside the columnstore"
    assert await answers(readers[1]) == expected
    convert(dsn)
    assert sum(old_rows(dsn)) == 0
    assert await answers(readers[1]) == expected


async def test_figures_count_the_rows_of_the_columnstore(dsn: str) -> None:
    clear(dsn)
    await fill(dsn, range(90))
    convert(dsn)
    await fill(dsn, range(90, 100))
    rows(dsn, "ANALYZE readings, fixes, events")
    pool = AsyncConnectionPool(dsn, min_size=1, max_size=1, kwargs={"autocommit": True}, open=False)
    async with pool:
        figures = await Readers.over(pool).status.figures(reporting_since=0)
    assert (figures.readings_rows, figures.fixes_rows, figures.events_rows) == (100, 100, 100)


async def test_what_was_received_lately_is_found_in_the_columnstore_too(dsn: str) -> None:
    """Those who follow receptions do not notice that a chunk is converted before they looked."""
    clear(dsn)
    await fill(dsn, range(0, 50))
    convert(dsn)
    pool = AsyncConnectionPool(dsn, min_size=1, max_size=1, kwargs={"autocommit": True}, open=False)
    async with pool:
        history = BinHistory(ReadSession(pool))
        ((first, last),) = (await history.changed(NOW - 1)).values()
        assert (first, last) == (OLD, OLD + 49 * MINUTE)
        assert await history.changed(NOW) == {}


def explained(dsn: str, statement: LiteralString, **values: object) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}".encode(), values).fetchall()
    return "\n".join(line for (line,) in found)


async def test_a_page_of_a_device_is_read_by_the_index_of_the_columnstore(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn)
    told = [
        frame(message(minute), f"truck-{number}")
        for number in range(5) for minute in range(0, 1_500, 5)
    ]  # fmt: skip
    await ingest(store, make_assembler(store), told)
    await store.close()
    convert(dsn)
    rows(dsn, "ANALYZE readings, fixes, events")
    span = {"device": "truck-1", "metric": "fill_pct", "start": to_datetime(OLD), "end": to_datetime(NOW), "limit": 100}
    series = explained(dsn, readers_telemetry._SERIES, **span, at=to_datetime(OLD + 600 * MINUTE), value=1.0)
    events = explained(dsn, readers_telemetry._EVENTS, **span, at=to_datetime(NOW), kinds=[], kind="", variant=0)
    buckets = explained(dsn, readers_buckets._RAW, **span, width=timedelta(hours=1))
    track = explained(
        dsn, readers_telemetry._TRACK, **span, at=to_datetime(OLD), include_invalid=True, seq=0, variant=0
    )
    for plan in (series, events, buckets, track):
        assert "Seq Scan" not in plan, plan
        assert "compress_hyper" in plan, plan
    for plan in (series, events):
        assert "Sort" not in plan, plan  # the order of the columnstore is that of the pages
