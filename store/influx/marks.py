"""Marks of what InfluxDB is to be told: made in the transaction that wrote it, taken away when InfluxDB has it.

A mark names devices and instants, not values: what is sent is read when it is sent, so that a mark costs little and the
newest state of an instant is what arrives. The set of marks is the sink's position. It has no order that could be
wrong: a transaction that commits late shows its mark when it commits, and it stays until it is done (docs/adr/0035).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import msgspec
import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from devices.instants import from_datetime, to_datetime
from devices.vocabulary import Batch
from store.connection import PatientConnection, session_parameters, translated_errors

LEASE_DAYS = 7  #: marks are made for so long after a sink was last there
WANTED = "EXISTS (SELECT FROM influx_sink WHERE marks_until > now())"
MARKS_AT_ONCE = 500
_TURN = 0x5A_41_49_4E  # advisory lock: whoever reads and sends
_LOCK_WAIT = "5s"
_BOUND = "SET statement_timeout = '60s'"

_MARK = """
INSERT INTO influx_marks (records, device_keys, instants) VALUES (%s, %s::integer[], %s::timestamptz[])
"""
_WITHDRAW = f"""
INSERT INTO influx_marks (records, withdrawn, device_keys, instants)
SELECT %s, true, %s::integer[], %s::timestamptz[] WHERE {WANTED}
"""
_PREPARED = "SELECT to_regclass('influx_marks') IS NOT NULL"
_RENEW = """
UPDATE influx_sink SET marks_until = now() + make_interval(days => %s) WHERE marks_until > now()
"""
# ACCESS EXCLUSIVE waits for every transaction that has asked whether to mark, and lets none ask until this one is over.
_LOCK_SINK = "LOCK TABLE influx_sink IN ACCESS EXCLUSIVE MODE"
_BEGIN = """
INSERT INTO influx_sink (marks_until) VALUES (now() + make_interval(days => %(days)s))
ON CONFLICT (sole) DO UPDATE SET marks_until = excluded.marks_until
"""
_ENDED = "SELECT marks_until FROM influx_sink WHERE marks_until <= now()"
_OLDEST = """
SELECT id, made_at, records, withdrawn, device_keys, instants
  FROM (SELECT m.*, sum(records) OVER (ORDER BY id) AS so_far
          FROM (SELECT * FROM influx_marks ORDER BY id LIMIT %(marks)s) AS m) AS s
 WHERE so_far - records < %(records)s ORDER BY id
"""
_DONE = "DELETE FROM influx_marks WHERE id = ANY (%s::bigint[])"
_GIVE_UP = """
WITH gone AS (DELETE FROM influx_marks WHERE made_at < now() - make_interval(days => %s) RETURNING records, made_at)
SELECT coalesce(sum(records), 0)::bigint, min(made_at), max(made_at) FROM gone
"""
_WAITING = """
SELECT count(*), coalesce(sum(records), 0)::bigint, coalesce(extract(epoch FROM now() - min(made_at)), 0)::float8
  FROM influx_marks
"""


class Mark(msgspec.Struct, frozen=True):
    """What one transaction wrote, or took away: pairs of device keys and instants (µs)."""

    id: int
    records: int
    withdrawn: bool
    moments: tuple[tuple[int, int], ...]


class Waiting(msgspec.Struct, frozen=True):
    """What is not yet in InfluxDB: transactions, readings and fixes, and the age of the oldest in seconds."""

    marks: int = 0
    records: int = 0
    age_s: float = 0.0


async def mark(cursor: AsyncCursor, batch: Batch) -> None:
    """Mark the readings and fixes of a batch, in the cursor's transaction."""
    moments = {(one.device.key, one.observed_at) for one in batch.readings}
    moments |= {(one.device.key, one.observed_at) for one in batch.fixes}
    if moments:
        records = len(batch.readings) + len(batch.fixes)
        keys, instants = zip(*sorted(moments), strict=True)
        await cursor.execute(_MARK, (records, list(keys), [to_datetime(at) for at in instants]))


async def withdraw(cursor: AsyncCursor, key: int, instants: Iterable[int]) -> None:
    """Mark in the cursor's transaction that readings of a device were taken away, if a sink wants to know."""
    ats = [to_datetime(at) for at in sorted(set(instants))]
    if ats:
        await cursor.execute(_WITHDRAW.encode(), (len(ats), [key] * len(ats), ats))


class MarkQueue:
    """The marks of a database, over a connection of its own. Raises TransientError when the store is away."""

    def __init__(self, dsn: str) -> None:
        self._parameters = {**session_parameters(dsn), "application_name": "sanihub influx"}
        self._connection: AsyncConnection[TupleRow] | None = None

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def connection(self) -> AsyncConnection[TupleRow]:
        """The connection, in autocommit; opened anew when it has broken."""
        found = self._connection
        if found is None or found.closed or found.broken:
            with translated_errors():
                found = await PatientConnection.connect(**self._parameters, autocommit=True)  # type: ignore[arg-type]
                await found.execute(_BOUND)
            self._connection = found
        return found

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One at a time reads what is stored and sends it, of all hubs and commands: the first come is served first.

        Otherwise one could read, another read what is newer and send it, and the first then send what is older.
        """
        connection = await self.connection()
        with translated_errors():
            await connection.execute("SELECT pg_advisory_lock(%s)", (_TURN,))
        try:
            yield
        except asyncio.CancelledError:
            await self.close()  # cut off in the middle: the lock goes with the connection
            raise
        finally:
            await self._release(connection)

    async def _release(self, connection: AsyncConnection[TupleRow]) -> None:
        try:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_TURN,))
        except psycopg.Error:
            await self.close()

    async def prepared(self) -> bool:
        """Whether the tables are there."""
        return bool((await self._row(_PREPARED))[0])

    async def keep_on(self) -> tuple[bool, int | None]:
        """Have marks made from now on, for a week; called again within it, without a gap.

        Returns whether this began it, and when an earlier time of marks had ended (µs; None when there was none). What
        is committed after a beginning is marked; all else is committed before, for a backfill to find.
        """
        connection = await self.connection()
        with translated_errors():
            if (await connection.execute(_RENEW, (LEASE_DAYS,))).rowcount:
                return False, None
            async with connection.transaction():
                await connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_WAIT,))
                await connection.execute(_LOCK_SINK)
                row = await (await connection.execute(_ENDED)).fetchone()
                await connection.execute(_BEGIN, {"days": LEASE_DAYS})
        return True, None if row is None else from_datetime(row[0])

    async def oldest(self, records: int) -> list[Mark]:
        """The oldest marks of so many records together, at least one if there is any."""
        connection = await self.connection()
        with translated_errors():
            cursor = await connection.execute(_OLDEST, {"marks": MARKS_AT_ONCE, "records": records})
            rows = await cursor.fetchall()
        return [
            Mark(number, of_it, gone, tuple(zip(keys, map(from_datetime, instants), strict=True)))
            for number, _, of_it, gone, keys, instants in rows
        ]

    async def done(self, marks: Sequence[Mark]) -> None:
        """InfluxDB has what these name."""
        connection = await self.connection()
        with translated_errors():
            await connection.execute(_DONE, ([one.id for one in marks],))

    async def give_up(self, days: int) -> tuple[int, int, int] | None:
        """Forget marks older than so many days: how many records, and when the first and last were made (µs)."""
        records, first, last = await self._row(_GIVE_UP, (days,))
        return (records, from_datetime(first), from_datetime(last)) if first is not None else None

    async def waiting(self) -> Waiting:
        """How much is not yet in InfluxDB."""
        return Waiting(*await self._row(_WAITING))

    async def _row(self, statement: str, values: Sequence[object] = ()) -> TupleRow:
        connection = await self.connection()
        with translated_errors():
            row = await (await connection.execute(statement.encode(), values)).fetchone()
        assert row is not None
        return row
