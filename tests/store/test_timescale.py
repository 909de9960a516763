"""TimescaleDB mode against TimescaleDB's own code: what the store promises holds there too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from devices.errors import ConfigError
from devices.instants import to_datetime
from devices.read_models import Page
from store.facts.diagnosis import examine
from store.readers.devices import Readers
from store.schema import Mode
from store.telemetry.forgetting import Keeping
from store.telemetry.writer import PostgresStore
from tests import promises
from tests.intake import NOW, clear, contents, frame, ingest, make_assembler, make_store
from tests.promises import MINUTE

DAY = 1440 * MINUTE
SPAN = {"start": NOW - 100 * DAY, "end": NOW + DAY}


@pytest.fixture(scope="module")
def dsn(timescale_module_dsn: str) -> Iterator[str]:
    async def prepare() -> None:
        store = make_store(timescale_module_dsn, "timescale")
        await store.open()
        await store.close()

    asyncio.run(prepare())
    yield timescale_module_dsn


def rows(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


async def test_a_server_that_offers_it_is_used_and_the_database_keeps_its_mode(timescale_dsn: str) -> None:
    for mode in ("auto", "timescale", "auto"):
        store = make_store(timescale_dsn, mode)
        await store.open()
        assert store.mode is Mode.TIMESCALE
        await store.close()
    made = rows(timescale_dsn, "SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1")
    assert made == [("events",), ("fixes",), ("readings",)]
    widths = rows(
        timescale_dsn,
        "SELECT DISTINCT time_interval FROM timescaledb_information.dimensions"
        " WHERE hypertable_name IN ('readings', 'fixes', 'events')",
    )
    assert widths == [(timedelta(days=7),)]
    facts = await examine(timescale_dsn)
    assert (facts.mode, facts.migrations_missing) == (Mode.TIMESCALE, ())
    with pytest.raises(ConfigError, match="made in timescale mode"):
        await make_store(timescale_dsn, "plain").open()


async def test_plain_mode_can_be_had_where_it_is_offered_and_is_kept(timescale_dsn: str) -> None:
    for mode in ("plain", "auto"):
        store = make_store(timescale_dsn, mode)
        await ingest(store, make_assembler(store), [frame({"ts": NOW, "readings": {"fill_pct": 1}})])
        assert store.mode is Mode.PLAIN
        await store.close()
    with pytest.raises(ConfigError, match="made in plain mode"):
        await make_store(timescale_dsn, "timescale").open()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=promises.HISTORY, data=st.data())
def test_order_repetition_and_batches_change_nothing(
    dsn: str, history: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    promises.order_repetition_and_batches_change_nothing(dsn, "timescale", history, data)


async def test_latest_never_moves_backwards(dsn: str) -> None:
    await promises.latest_never_moves_backwards(dsn, "timescale")


async def test_a_row_that_is_there_already_is_counted_and_the_rest_of_its_batch_is_kept(dsn: str) -> None:
    await promises.a_row_that_is_there_already_is_counted_and_the_rest_of_its_batch_is_kept(dsn, "timescale")


async def test_two_hubs_can_write_at_once(dsn: str) -> None:
    """Each has temporary tables of the same names."""
    clear(dsn)
    stores = [make_store(dsn, "timescale") for _ in range(2)]
    assemblers = [make_assembler(store) for store in stores]
    frames = [frame({"ts": NOW - n * MINUTE, "readings": {"fill_pct": n}}) for n in range(40)]
    await asyncio.gather(*(ingest(*hub, frames, 7) for hub in zip(stores, assemblers, strict=True)))
    assert len(contents(dsn)["readings"]) == 40
    for store in stores:
        await store.close()


async def test_retention_drops_whole_chunks_that_are_too_old(dsn: str) -> None:
    clear(dsn)
    store = make_store(dsn, "timescale")
    days = [0, 5, 40, 400, 3_000]
    record = {"readings": {"fill_pct": 1}, "fix": {"lat": 30, "lon": 114}, "events": [{"kind": "emptied"}]}
    await ingest(store, make_assembler(store), [frame({"ts": NOW - day * DAY} | record) for day in days])
    assert len(contents(dsn)["readings"]) == len(days)
    assert await store.maintain(Keeping()) == 0
    assert await store.maintain(Keeping(100)) == 6  # the weeks of the days 400 and 3,000, in three tables
    kept = [to_datetime(NOW - day * DAY) for day in (40, 5, 0)]
    assert [row[2] for row in contents(dsn)["readings"]] == kept
    assert [row[1] for row in contents(dsn)["fixes"]] == kept
    assert [row[2] for row in contents(dsn)["events"]] == kept
    assert await store.maintain(Keeping(100)) == 0
    await store.close()


# The readers.


@pytest.fixture
async def readers(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Readers, Readers]]:
    """Readers of the same telemetry in plain and in TimescaleDB mode."""
    opened = []
    for fixture, mode in (("postgres_dsn", "plain"), ("dsn", "timescale")):
        dsn = request.getfixturevalue(fixture)
        store = make_store(dsn, mode)
        await store.open()
        clear(dsn)
        await _fill(store)
        await store.close()
        rows(dsn, "ANALYZE readings, fixes, events")
        opened.append(AsyncConnectionPool(dsn, min_size=1, max_size=2, kwargs={"autocommit": True}, open=False))
    async with opened[0] as plain, opened[1] as timescale:
        yield Readers.over(plain), Readers.over(timescale)


async def _fill(store: PostgresStore) -> None:
    """Half a year of one vehicle, in spells of a minute's rhythm."""
    frames = []
    for day in (0, 1, 6, 7, 8, 30, 90, 180):
        for minute in range(0, 90, 7):
            at = NOW - day * DAY - minute * MINUTE
            fix = {"lat": 30 + minute / 1000, "lon": 114 + day / 1000, "valid": minute % 5 > 0}
            message = {"ts": at, "seq": minute, "readings": {"fill_pct": (day * 13 + minute) % 100}, "fix": fix}
            events = [{"kind": kind, "attributes": {"n": minute}} for kind in ("emptied", "sos")[: minute % 3]]
            frames.append(frame(message | {"events": events}, "truck-1"))
    await ingest(store, make_assembler(store), frames, 17)


async def _pages(ask: Any, **question: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page: Page[Any] = await ask("truck-1", **SPAN, cursor=cursor, limit=11, **question)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_readers_answer_as_in_plain_mode(readers: tuple[Readers, Readers]) -> None:
    async def answers(reads: Readers) -> dict[str, Any]:
        telemetry = reads.telemetry
        return {
            "series": await _pages(telemetry.series, metric="fill_pct"),
            "track": await _pages(telemetry.track, include_invalid=False),
            "whole track": await _pages(telemetry.track, include_invalid=True),
            "events": await _pages(telemetry.events),
            "some events": await _pages(telemetry.events, kinds=["sos"]),
            "buckets": await telemetry.buckets("truck-1", "fill_pct", **SPAN, width=60 * MINUTE),
            "state": await reads.devices.state("truck-1"),
            "states": await reads.devices.states(cursor=None, limit=10),
        }

    plain, timescale = [await answers(reads) for reads in readers]
    assert timescale == plain
    assert all(plain.values())
    assert len(plain["series"]) == len(plain["whole track"]) == 7 * 13  # without the day beyond the span


async def test_figures_count_the_rows_of_hypertables(readers: tuple[Readers, Readers], dsn: str) -> None:
    plain, timescale = [await reads.status.figures(reporting_since=0) for reads in readers]
    assert (timescale.readings_rows, timescale.fixes_rows) == (8 * 13, 8 * 13)
    assert timescale.events_rows == rows(dsn, "SELECT count(*) FROM events")[0][0] > 0
    assert plain.events_rows > 0  # what PostgreSQL has counted so far
    assert timescale.timescaledb_version is not None
    assert plain.timescaledb_version is None
    assert [count for count in timescale.kinds if count.reporting] == list(plain.kinds)  # its devices are a module's
    await readers[1].status.ping()


@pytest.mark.parametrize("minutes", [1, 15, 60, 1440, 7 * 1440, 14 * 1440])
async def test_buckets_are_those_of_time_bucket(readers: tuple[Readers, Readers], dsn: str, minutes: int) -> None:
    width = timedelta(minutes=minutes)
    expected = rows(
        dsn,
        """SELECT time_bucket(%s, observed_at) AS bucket, count(*), min(value), max(value), avg(value),
                  last(value, observed_at)
             FROM readings WHERE observed_at >= %s AND observed_at < %s GROUP BY bucket ORDER BY bucket""",
        width,
        to_datetime(SPAN["start"]),
        to_datetime(SPAN["end"]),
    )
    found = await readers[1].telemetry.buckets("truck-1", "fill_pct", **SPAN, width=minutes * MINUTE)
    assert [(to_datetime(b.start_at), b.count, b.minimum, b.maximum, b.mean, b.last) for b in found] == [
        (start.astimezone(UTC), *figures) for start, *figures in expected
    ]


# The test server itself: sessions that are apart, on one backend.


def test_sessions_on_the_server_of_the_tests_are_apart(dsn: str) -> None:
    with (
        psycopg.connect(dsn, autocommit=True, options="-c timezone=Asia/Shanghai") as one,
        psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as other,
    ):
        for number, connection in enumerate((one, other)):
            connection.execute("CREATE TEMP TABLE mine (a integer)")
            connection.execute(b"SET extra_float_digits = %d" % number)
            connection.execute("SELECT %s::integer + 1", (number,), prepare=True)
        for number, connection in enumerate((one, other)):
            assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)
            assert connection.execute("SHOW extra_float_digits").fetchone() == (str(number),)
            assert connection.execute("SELECT %s::integer + 1", (number,), prepare=True).fetchone() == (number + 1,)
            names = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
            assert names is not None and names[0] > 0
        assert one.execute("SHOW timezone").fetchone() == ("Asia/Shanghai",)
        with pytest.raises(psycopg.errors.UndefinedTable):
            other.execute("SELECT * FROM nowhere")
        with (
            other.cursor() as cursor,
            pytest.raises(psycopg.errors.UndefinedTable),
            cursor.copy("COPY nowhere FROM STDIN") as copy,
        ):
            copy.write("1\n")
        other.cancel_safe()
        with pytest.raises(ZeroDivisionError), other.transaction():
            other.execute("SET extra_float_digits = 3")
            raise ZeroDivisionError
        one.execute("SELECT 1")
        assert other.execute("SHOW extra_float_digits").fetchone() == ("1",)
