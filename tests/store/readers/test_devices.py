"""The readers by themselves: bounds, cursors and order. What users see of them is held in tests/api."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from devices.errors import TransientError
from devices.instants import from_datetime
from devices.metrics import Catalogue
from devices.read_models import CursorError, QueryTimeoutError, TrackPoint
from store import cursors
from store.cursors import DeviceCursor, EventCursor, FixCursor, LetterCursor, ReadingCursor
from store.readers.devices import Readers
from store.reading import Pool
from store.schema import Mode, enter_catalogue, migrate

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SPAN = {"start": from_datetime(NOON - timedelta(days=30)), "end": from_datetime(NOON + timedelta(days=30))}

_FIX = """
INSERT INTO fixes (device_key, variant, observed_at, received_at, lat, lon, seq, quality, valid)
VALUES (%s, %s, %s, now(), %s, 121.5, %s, 0, true)
"""


@pytest.fixture
async def writer(postgres_dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await migrate(connection, Mode.PLAIN, 7)
        await enter_catalogue(connection, Catalogue())
        for table in ("readings", "fixes"):
            span = "FOR VALUES FROM ('2026-11-01Z') TO ('2026-11-08Z')"
            await connection.execute(f"CREATE TABLE {table}_week PARTITION OF {table} {span}")
        await connection.execute("INSERT INTO devices (id, kind, status) VALUES ('v', 'vehicle', 'active')")
        yield connection


@pytest.fixture(params=[False, True], ids=["transactions", "autocommit"])
async def pool(
    request: pytest.FixtureRequest, writer: psycopg.AsyncConnection, postgres_dsn: str
) -> AsyncIterator[Pool]:
    settings = {"autocommit": request.param, "options": "-c timezone=Asia/Kolkata"}
    async with AsyncConnectionPool(postgres_dsn, min_size=1, max_size=1, kwargs=settings, open=False) as opened:
        yield opened


async def _walk(readers: Readers, limit: int) -> list[TrackPoint]:
    points: list[TrackPoint] = []
    cursor = None
    while True:
        page = await readers.telemetry.track("v", **SPAN, include_invalid=False, cursor=cursor, limit=limit)
        points += page.items
        if page.next_cursor is None:
            return points
        cursor = page.next_cursor


async def test_a_track_is_ordered_by_instant_then_sequence_then_variant(
    writer: psycopg.AsyncConnection, pool: Pool
) -> None:
    draw = random.Random(11)
    rows = []
    for number in range(300):
        at = NOON + timedelta(days=draw.choice([-20, -1, 0, 1, 20]), seconds=draw.randrange(4))
        seq = draw.choice([None, None, 0, 3, -(2**63), 2**63 - 1])
        rows.append((at, seq, draw.choice([number, -number]), number / 10))
    draw.shuffle(rows)
    for at, seq, variant, lat in rows:
        await writer.execute(_FIX, (1, variant, at, lat, seq))
    least = -(2**63)
    expected = [row[3] for row in sorted(rows, key=lambda row: (row[0], least if row[1] is None else row[1], row[2]))]
    readers = Readers.over(pool)
    for limit in (1, 7, 299, 300, 301):
        assert [point.lat for point in await _walk(readers, limit)] == expected


async def test_a_slow_question_is_given_up_and_the_connection_is_good_again(
    writer: psycopg.AsyncConnection, pool: Pool
) -> None:
    readers = Readers.over(pool, statement_timeout_s=0.1)
    async with writer.transaction():
        await writer.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(QueryTimeoutError):
            await readers.devices.device("v")
    assert (await readers.devices.device("v")) is not None


async def test_a_read_leaves_no_settings_behind(writer: psycopg.AsyncConnection, pool: Pool) -> None:
    await Readers.over(pool, statement_timeout_s=1.0).devices.device("v")
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT current_setting('statement_timeout'), txid_current_if_assigned()")
        assert await cursor.fetchone() == ("0", None)
        await connection.execute("UPDATE devices SET name = 'still writable'")


async def test_no_connection_to_be_had(writer: psycopg.AsyncConnection, pool: Pool) -> None:
    readers = Readers.over(pool, acquire_timeout_s=0.1)
    async with pool.connection():
        with pytest.raises(TransientError) as caught:
            await readers.status.figures(reporting_since=0)
    assert not isinstance(caught.value, QueryTimeoutError)


async def test_unknown_devices_and_metrics_have_empty_histories(writer: psycopg.AsyncConnection, pool: Pool) -> None:
    readers = Readers.over(pool)
    assert await readers.devices.device("x") is None
    assert await readers.devices.state("x") is None
    assert (await readers.telemetry.series("x", "fill_pct", **SPAN, cursor=None, limit=9)).items == ()
    assert (await readers.telemetry.series("v", "nothing", **SPAN, cursor=None, limit=9)).items == ()
    assert await readers.telemetry.buckets("v", "nothing", **SPAN, width=60_000_000) == ()


_MICROS = st.integers(-1, 253_402_300_799_000_000)
_INT64, _INT32 = st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1)
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
_CURSORS = st.one_of(
    st.builds(DeviceCursor, _TEXT),
    st.builds(ReadingCursor, _MICROS, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(FixCursor, _MICROS, _INT64, _INT32),
    st.builds(EventCursor, _MICROS, _TEXT, _INT32),
    st.builds(LetterCursor, _INT64),
)


@given(_CURSORS)
def test_a_cursor_comes_back_as_it_was(cursor: cursors.DeviceCursor) -> None:
    text = cursors.write(cursor)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert cursors.read(text, cursor) == cursor


@given(st.text(), st.one_of(st.just(DeviceCursor("")), st.just(FixCursor(0, 0, 0)), st.just(LetterCursor(1))))
def test_any_other_text_is_no_cursor(text: str, start: cursors.DeviceCursor) -> None:
    with pytest.raises(CursorError):
        cursors.read(text, start)


@given(_CURSORS, _CURSORS)
def test_a_cursor_of_another_list_is_refused(one: cursors.DeviceCursor, other: cursors.DeviceCursor) -> None:
    if type(one) is not type(other):
        with pytest.raises(CursorError):
            cursors.read(cursors.write(one), other)
