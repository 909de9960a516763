"""Nothing that is committed is missed, whoever commits late, dies, or loses an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from devices.errors import TransientError
from devices.instants import to_datetime
from devices.vocabulary import Batch, Device, Fix, Position, Reading
from hub.access import patiently
from hub.influx.backfill import Backfill, Wanted
from hub.influx.pump import Pump
from store.influx import marks as influx_marks
from store.influx.client import InfluxClient
from store.influx.marks import MarkQueue
from store.influx.points import Naming
from store.telemetry import live
from tests.influx_server import InfluxServer, influx_server
from tests.influx_stored import expected, section
from tests.intake import NOW, clear, frame, ingest, make_assembler, make_store
from tests.servers import wait_until

DEVICES = ("bin-1", "bin-2")
METRICS = ("fill_pct", "battery_v")
SECOND = 1_000_000
LATEST = """
INSERT INTO latest_readings SELECT d.key, m.key, '2026-01-01', 0, 0 FROM devices d, metrics m WHERE m.name = ANY (%s)
ON CONFLICT DO NOTHING
"""
READING = "INSERT INTO readings SELECT %s, key, 0, %s, %s, %s FROM metrics WHERE name = %s"
FIX = """
INSERT INTO fixes (device_key, variant, observed_at, received_at, lat, lon, altitude_m, seq, quality, valid)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, %s)
"""


@pytest.fixture(scope="module")
def dsn(postgres_module_dsn: str) -> Iterator[str]:
    asyncio.run(_prepare(postgres_module_dsn))
    yield postgres_module_dsn


async def _prepare(dsn: str) -> None:
    store = make_store(dsn)
    await store.open()
    assembler = make_assembler(store)
    await ingest(store, assembler, [frame({"readings": {"fill_pct": 1}}, device) for device in DEVICES])
    await store.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[InfluxServer]:
    with influx_server() as server:
        yield server


def keys(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute("SELECT id, key FROM devices").fetchall())


def empty(dsn: str, server: InfluxServer) -> None:
    """No telemetry, no marks, no points; the metrics that a device ever had stay known."""
    clear(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in ("influx_marks", "influx_refused", "influx_backfills", "influx_sink"):
            connection.execute(f"DELETE FROM {table}".encode())
        connection.execute(LATEST, (list(METRICS),))
    server.points.clear()
    server.types.clear()
    server.decide = lambda number: None
    server.gate.set()


class Transaction:
    """A writer that leaves its transaction open: rows, and what the store's writer adds to each."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection

    @classmethod
    async def begin(cls, dsn: str, key: int, records: list[tuple[int, int]], serial: int) -> Transaction:
        """``records`` are (kind, second); ``serial`` makes their values unlike all others."""
        connection = await AsyncConnection.connect(dsn)
        device = Device(key, "", "bin", "active")  # type: ignore[arg-type]
        batch = Batch()
        async with connection.cursor() as cursor:
            for number, (kind, second) in enumerate(records):
                at, value = NOW + second * SECOND, float((serial * 7919 + number * 104_729) % 10_007)
                if kind < len(METRICS):
                    await cursor.execute(
                        READING, (key, to_datetime(at), value, to_datetime(at + serial), METRICS[kind])
                    )
                    batch.readings.append(Reading(device, METRICS[kind], value, at, at + serial))
                else:
                    altitude = value if number % 2 else None
                    place = (key, serial * 100 + number, to_datetime(at), to_datetime(at + serial), value / 1e3, 114.0)
                    await cursor.execute(FIX, (*place, altitude, serial % 3 or None, serial % 4 > 0))
                    batch.fixes.append(Fix(device, at, at + serial, Position(value / 1e3, 114.0)))
            if (await live.announce(cursor, batch, None)).marks:
                await influx_marks.mark(cursor, batch)
        return cls(connection)

    async def end(self, *, commit: bool) -> None:
        await (self.connection.commit() if commit else self.connection.rollback())
        await self.connection.close()


RECORDS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=5)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from(DEVICES), RECORDS),
        st.tuples(st.just("end"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("write"), st.sampled_from(DEVICES), st.integers(0, 4)),
        st.tuples(st.just("pump"), st.sampled_from(["well", "well", "cut", "cut after", "killed", "busy"]), st.none()),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS, batch=st.sampled_from([1, 3, 1_000]))
async def test_nothing_is_missed(
    dsn: str, shared: InfluxServer, operations: list[tuple[str, Any, Any]], batch: int
) -> None:
    empty(dsn, shared)
    device_keys, opened = keys(dsn), []
    store = make_store(dsn)
    await store.open()
    assembler = make_assembler(store)
    queue, client = MarkQueue(dsn), InfluxClient(section(shared).target())
    await queue.keep_on()
    pump = Pump(client, queue, Naming(), batch)
    for serial, (kind, first, second) in enumerate(operations, 1):
        if kind == "begin":
            opened.append(await Transaction.begin(dsn, device_keys[first], second, serial))
        elif kind == "end" and opened:
            await opened.pop(first % len(opened)).end(commit=second)
        elif kind == "write":
            message = {"ts": NOW + second * SECOND, "readings": {"mileage_km": serial}}
            await ingest(store, assembler, [frame(message, first)])
        elif kind == "pump":
            await _pump(pump, queue, shared, first)
    for one in opened:
        await one.end(commit=True)
    shared.decide = lambda number: None
    while await patiently(pump.step):
        pass
    assert shared.points == expected(dsn)
    assert (await queue.waiting()).marks == 0
    await queue.close()
    await store.close()
    client.close()


async def _pump(pump: Pump, queue: MarkQueue, server: InfluxServer, how: str) -> None:
    """One step, in which the answer is lost, or the sink dies after InfluxDB has taken the points."""
    victim = (await queue.connection()).info.backend_pid

    def decide(_: int) -> Any:
        if how == "killed":
            with psycopg.connect(dsn_of(queue), autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(%s)", (victim,))
            return None
        return {"well": None, "busy": (503, {"Retry-After": "1"}, "busy")}.get(how, how)

    server.decide = decide
    with suppress(TransientError):
        await pump.step()
    server.decide = lambda number: None


def dsn_of(queue: MarkQueue) -> str:
    from psycopg.conninfo import make_conninfo

    return make_conninfo(**queue._parameters)


async def test_a_transaction_that_began_before_the_sink_is_waited_for(dsn: str, shared: InfluxServer) -> None:
    empty(dsn, shared)
    key = keys(dsn)["bin-1"]
    before = await Transaction.begin(dsn, key, [(0, 1)], 1)
    queue, client = MarkQueue(dsn), InfluxClient(section(shared).target())
    turning_on = asyncio.create_task(queue.keep_on())
    await asyncio.to_thread(wait_until, lambda: _waits_for_lock(dsn), "the sink waits for the open transaction")
    assert not turning_on.done()
    await before.end(commit=True)
    assert await turning_on == (True, None)
    after = await Transaction.begin(dsn, key, [(0, 2)], 2)
    await after.end(commit=True)
    pump = Pump(client, queue, Naming(), 100)
    while await pump.step():
        pass
    assert {at for _, _, at in shared.points} == {NOW + 2 * SECOND}
    # What was committed before is for a backfill.
    work = Backfill(pump, Wanted(NOW, NOW + 10 * SECOND))
    await work.open()
    while await work.step():
        pass
    assert shared.points == expected(dsn)
    assert await queue.keep_on() == (False, None)
    await queue.close()
    client.close()


def _waits_for_lock(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        query = "SELECT count(*) FROM pg_locks WHERE relation = 'influx_sink'::regclass AND NOT granted"
        row = connection.execute(query).fetchone()
        return row is not None and row[0] > 0


async def test_without_a_sink_nothing_is_marked(dsn: str, shared: InfluxServer) -> None:
    empty(dsn, shared)
    one = await Transaction.begin(dsn, keys(dsn)["bin-1"], [(0, 1), (2, 1)], 1)
    await one.end(commit=True)
    queue = MarkQueue(dsn)
    assert (await queue.waiting()).marks == 0
    await queue.keep_on()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE influx_sink SET marks_until = now() - interval '1 hour'")
    other = await Transaction.begin(dsn, keys(dsn)["bin-1"], [(0, 2)], 2)
    await other.end(commit=True)
    assert (await queue.waiting()).marks == 0
    began, since = await queue.keep_on()
    assert began
    assert since is not None  # from then on there is a gap, which is told
    await queue.close()


async def test_marks_that_wait_for_too_long_are_given_up_and_counted(dsn: str, shared: InfluxServer) -> None:
    empty(dsn, shared)
    queue = MarkQueue(dsn)
    await queue.keep_on()
    one = await Transaction.begin(dsn, keys(dsn)["bin-1"], [(0, 1), (1, 1)], 1)
    await one.end(commit=True)
    assert await queue.give_up(1) is None
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE influx_marks SET made_at = now() - interval '2 days'")
    waiting = await queue.waiting()
    assert (waiting.marks, waiting.records) == (1, 2)
    assert waiting.age_s > 86_400
    gone = await queue.give_up(1)
    assert gone is not None
    assert gone[0] == 2
    assert (await queue.waiting()).marks == 0
    await queue.close()


async def test_hypertables_are_marked_and_read_as_plain_tables_are(timescale_dsn: str) -> None:
    store = make_store(timescale_dsn, "timescale")
    await store.open()
    queue = MarkQueue(timescale_dsn)
    assert await queue.prepared()
    await queue.keep_on()
    begin = NOW - 3_600 * SECOND
    messages = [
        {"ts": begin + n * SECOND, "readings": {"fill_pct": n}, "fix": {"lat": 30, "lon": 114}} for n in range(60)
    ]
    await ingest(store, make_assembler(store), [frame(one) for one in messages], chunk=7)
    with influx_server() as server:
        client = InfluxClient(section(server).target())
        pump = Pump(client, queue, Naming(), 10)
        while await pump.step():
            pass
        assert server.points == expected(timescale_dsn)
        assert len(server.points) == 120
        client.close()
    await queue.close()
    await store.close()
