"""The writer: one batch, one transaction.

The fast way copies straight into the tables. Where a row is there already, COPY fails as a whole and the batch is
written again the staging way: into temporary tables and from there with ON CONFLICT DO NOTHING, so that duplicates
are counted and nothing else. A batch with redelivered frames takes the staging way at once. What is newest moves
forward in the same transaction (:mod:`store.telemetry.newest`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import time_ns

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor

from devices import instants
from devices.metrics import Catalogue
from devices.vocabulary import Batch, Device, Echo, EchoWanted, Identity, ReceiptKey, Written
from store.connection import session_parameters, translated_errors
from store.influx import marks as influx_marks
from store.rollups import notes as rollups
from store.rollups import zone as rollup_zone
from store.schema import Mode, detect, enter_catalogue, migrate
from store.telemetry import devices_table, echoes, letter_entry, live, newest, presence, receipts
from store.telemetry.copying import EVENTS, FIXES, READINGS, Encoded, copy_in, encode
from store.telemetry.forgetting import Keeping, forget
from store.telemetry.partitions import ORIGIN, Partitions
from store.telemetry.retention import retain
from store.timescale import columnstore
from store.timescale.capability import Capability, capability
from store.timescale.columnstore import Columnstore

log = structlog.get_logger("store.writer")

_STAGES = """
CREATE TEMP TABLE stage_readings (LIKE readings) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_fixes (LIKE fixes) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_events (LIKE events) ON COMMIT DELETE ROWS;
"""


class PostgresStore:
    """The telemetry store of the pipeline. One connection, one user at a time; opened anew after every fault."""

    def __init__(
        self,
        dsn: str,
        *,
        catalogue: Catalogue | None = None,
        mode: str = "auto",
        partition_days: int = 7,
        columnstore: Columnstore | None = None,
        zone: str | None = None,
        now: Callable[[], int] = lambda: time_ns() // 1_000,
        patience_s: float = 60.0,
    ) -> None:
        self.mode: Mode | None = None
        self.capability: Capability | None = None
        self.timescaledb_version: str | None = None
        self._parameters = session_parameters(dsn)
        self._catalogue = catalogue or Catalogue()
        self._wanted_mode = mode
        self._wanted_columnstore = columnstore
        self._now = now
        self._patience_s = patience_s
        self._partitions = Partitions(partition_days)
        self._partition_days = partition_days
        self._zone = zone
        self._metric_keys: dict[str, int] = {}
        self._connection: AsyncConnection | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Connect, migrate, and make the partitions ahead. Raises TransientError, ConfigError."""
        async with self._session():
            await self._connect()

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def write(self, batch: Batch, also: Callable[[AsyncCursor], Awaitable[None]] | None = None) -> Written:
        """Commit a batch in one transaction (see :class:`ingest.ports.TelemetryStore`).

        ``also`` works in the same transaction, before the batch; what it raises undoes all. It may be called twice,
        for where a row is there already the transaction is begun anew.
        """
        async with self._session():
            connection = await self._connect()
            encoded = encode(batch, self._metric_keys, self._partitions.width, ORIGIN)
            if self.mode is Mode.PLAIN and self._partitions.missing(encoded.spans):
                await self._partitions.ensure(connection, encoded.spans, self._now())
            rows = batch.rows()
            if not batch.expect_duplicates:
                try:
                    await self._transact(connection, batch, encoded, also, staged=False)
                    return Written(rows, 0)
                except psycopg.errors.UniqueViolation:
                    pass  # some row is there already: the staging way tells which
            inserted = await self._transact(connection, batch, encoded, also, staged=True)
            return Written(inserted, rows - inserted)

    async def find_devices(self, identities: Iterable[Identity]) -> list[tuple[Identity, Device]]:
        """The registered devices among ``identities``."""
        async with self._session():
            return await devices_table.find(await self._connect(), list(identities))

    async def register(self, newcomers: Sequence[tuple[Identity, str]], limit: int) -> list[tuple[Identity, Device]]:
        """Register devices as pending, at most so many that ``limit`` are pending."""
        async with self._session():
            return await devices_table.register_pending(await self._connect(), newcomers, limit)

    async def changed_devices(self, since: int) -> list[tuple[Identity, Device]]:
        """Devices that were entered or changed at or after ``since`` (µs; 0 for all), with each of their identities."""
        async with self._session():
            return await devices_table.changed(await self._connect(), since)

    async def find_receipts(self, wanted: Iterable[ReceiptKey]) -> Mapping[ReceiptKey, int]:
        """Where messages without a usable time were filed: the key asked for → instant (µs), the newest of several."""
        async with self._session():
            return await receipts.find(await self._connect(), wanted)

    async def find_echoes(self, wanted: Iterable[EchoWanted]) -> list[Echo]:
        """The messages that each of ``wanted`` may be a copy of."""
        async with self._session():
            return await echoes.find(await self._connect(), wanted)

    async def newest_reception(self) -> int | None:
        """When the newest frame of any device was received (µs); None for an empty store."""
        async with self._session():
            cursor = await (await self._connect()).execute("SELECT max(received_at) FROM device_state")
            row = await cursor.fetchone()
            return None if row is None or row[0] is None else instants.from_datetime(row[0])

    async def maintain(self, keeping: Keeping) -> int:
        """Make partitions ahead, forget and drop what is too old; returns how many partitions were dropped.

        On TimescaleDB, which makes its chunks itself, they are chunks. Rollups stay
        (see :mod:`store.telemetry.retention`).
        """
        now = self._now()
        async with self._session():
            connection = await self._connect()
            await forget(connection, keeping, now)
            if self.mode is Mode.PLAIN:
                await self._partitions.ensure(connection, (), now)
            return await retain(connection, keeping, now, self._partitions if self.mode is Mode.PLAIN else None)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[None]:
        """One user of the connection at a time, errors translated, and a server that hangs given up in time."""
        async with self._lock:
            with translated_errors():
                try:
                    async with asyncio.timeout(self._patience_s):
                        yield
                except TimeoutError:
                    await self.close()  # whatever it was doing, it is not to be trusted any more
                    raise TimeoutError(f"no answer within {self._patience_s:g} s") from None

    async def _connect(self) -> AsyncConnection:
        """The connection, opened and prepared if it is not there or not sound."""
        connection = self._connection
        if connection is not None and not connection.closed and not connection.broken:
            return connection
        connection = await AsyncConnection.connect(**self._parameters, autocommit=True)  # type: ignore[arg-type]
        try:
            await presence.join(connection)
            await self._prepare(connection)
            self._metric_keys = await enter_catalogue(connection, self._catalogue)
            if self.mode is Mode.PLAIN:
                await self._partitions.ensure(connection, (), self._now())
            await connection.execute(_STAGES + newest.STAGES)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        return connection

    async def _prepare(self, connection: AsyncConnection) -> None:
        """Learn what the database is, which an upgrade may have changed while the connection was away."""
        mode = await detect(connection, self._wanted_mode)
        able, version = await capability(connection, mode)
        if (mode, able, version) != (self.mode, self.capability, self.timescaledb_version):
            applied = await migrate(connection, mode, self._partition_days)
            if able is Capability.FULL and self._wanted_columnstore is not None:
                await columnstore.keep(connection, self._wanted_columnstore, version)
            if self._zone is not None:
                await rollup_zone.settle(connection, self._zone)
            log.info("store_prepared", mode=mode.value, capability=able.value, migrations=applied)
            self._partitions = Partitions(self._partition_days)
            self.mode, self.capability, self.timescaledb_version = mode, able, version
        if able is Capability.FULL:
            await connection.execute(columnstore.UNBOUNDED)

    async def _transact(
        self,
        connection: AsyncConnection,
        batch: Batch,
        encoded: Encoded,
        also: Callable[[AsyncCursor], Awaitable[None]] | None,
        *,
        staged: bool,
    ) -> int:
        """One transaction; returns the rows of telemetry that were new (staged), or 0."""
        inserted = 0
        async with connection.transaction(), connection.cursor() as cursor:
            if also is not None:
                await also(cursor)
            for table, columns, data in (
                ("readings", READINGS, encoded.readings),
                ("fixes", FIXES, encoded.fixes),
                ("events", EVENTS, encoded.events),
            ):
                if not data:
                    continue
                await copy_in(cursor, f"stage_{table}" if staged else table, columns, data)
                if staged:
                    await cursor.execute(
                        f"INSERT INTO {table} {columns} SELECT {columns[1:-1]} FROM stage_{table}"  # noqa: S608
                        " ON CONFLICT DO NOTHING".encode()
                    )
                    inserted += cursor.rowcount
            await newest.advance(cursor, encoded, len(batch.seen))
            await self._enter_rest(cursor, batch)
            wishes = await live.announce(cursor, batch, encoded.least)
            await rollups.note(cursor, batch, wishes.threshold)
            if wishes.marks:
                await influx_marks.mark(cursor, batch)
        return inserted

    async def _enter_rest(self, cursor: AsyncCursor, batch: Batch) -> None:
        if batch.receipts:
            await receipts.enter(cursor, batch.receipts)
        if batch.echoes:
            await echoes.enter(cursor, batch.echoes)
        if batch.dead_letters:
            await letter_entry.enter(cursor, batch.dead_letters)
