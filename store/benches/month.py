"""A month that is made of one day, for the bench that reads and judges it: the day is copied in, and multiplied."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from devices.metrics import Catalogue
from store.schema import Mode, enter_catalogue, migrate
from store.telemetry.partitions import Partitions

DAY_US = 86_400_000_000
DAYS_A_PART = 7

_FIXES = """
COPY day_fixes (device_key, variant, observed_at, lat, lon, speed_kmh, heading_deg, seq) FROM STDIN (FORMAT BINARY)
"""
_READINGS = "COPY day_readings (device_key, metric_key, observed_at, value) FROM STDIN (FORMAT BINARY)"
_DAY = """
CREATE UNLOGGED TABLE day_fixes (device_key integer, variant integer, observed_at timestamptz, lat float8, lon float8,
    speed_kmh float8, heading_deg float8, seq bigint);
CREATE UNLOGGED TABLE day_readings (device_key integer, metric_key smallint, observed_at timestamptz, value float8)
"""
_PARTS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN ('fixes'::regclass, 'readings'::regclass)"
_SHIFT_FIXES = """
INSERT INTO fixes (device_key, variant, observed_at, received_at, lat, lon, speed_kmh, heading_deg, hdop, seq,
    satellites, quality, valid)
SELECT device_key, variant, observed_at + %(by)s, observed_at + %(by)s, lat, lon, speed_kmh, heading_deg, 0.8, seq,
    18, 0, true
FROM day_fixes ORDER BY observed_at
"""
_SHIFT_READINGS = """
INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)
SELECT device_key, metric_key, 0, observed_at + %(by)s, value, observed_at + %(by)s
FROM day_readings ORDER BY observed_at
"""
_DEVICE = "INSERT INTO devices (id, kind, status) VALUES (%s, 'vehicle', 'active') RETURNING key"


class MadeMonth:
    """So many ``days`` from ``start`` (µs) on, in an empty database that is thrown away afterwards."""

    def __init__(self, connection: psycopg.AsyncConnection, start: int, days: int) -> None:
        self._connection, self._start, self._days = connection, start, days

    async def begin(self) -> dict[str, int]:
        """Make the tables and their parts; the keys of the metrics."""
        connection, start = self._connection, self._start
        await migrate(connection, Mode.PLAIN, DAYS_A_PART)
        metrics = await enter_catalogue(connection, Catalogue())
        partitions = Partitions(DAYS_A_PART)
        spans = {partitions.span(start + day * DAY_US) for day in range(-1, self._days + 1)}
        await partitions.ensure(connection, spans, start + self._days * DAY_US)
        for (name,) in await (await connection.execute(_PARTS)).fetchall():
            # Nothing of this outlives the bench; reading is the same.
            await connection.execute(sql.SQL("ALTER TABLE {} SET UNLOGGED").format(sql.Identifier(name)))
        for part in _DAY.split(";"):
            await connection.execute(part.encode())
        return metrics

    async def enter_vehicle(self, name: str) -> int:
        """Enter a vehicle; its key."""
        row = await (await self._connection.execute(_DEVICE, (name,))).fetchone()
        assert row is not None
        return int(row[0])

    async def copy_fixes(self, key: int, fixes: Iterable[tuple[object, ...]]) -> int:
        """Copy the positions of the day; how many there were."""
        types = ("int4", "int4", "timestamptz", "float8", "float8", "float8", "float8", "int8")
        return await self._copy(_FIXES, types, ((key, 0, *one) for one in fixes))

    async def copy_readings(self, key: int, readings: Iterable[tuple[object, ...]]) -> int:
        """Copy the readings of the day; how many there were."""
        return await self._copy(_READINGS, ("int4", "int2", "timestamptz", "float8"), ((key, *one) for one in readings))

    async def multiply(self) -> None:
        """Make every day of the first one."""
        for day in range(self._days):
            by = {"by": timedelta(days=day)}
            await self._connection.execute(_SHIFT_FIXES, by)
            await self._connection.execute(_SHIFT_READINGS, by)
        await self._connection.execute("VACUUM ANALYZE fixes")
        await self._connection.execute("VACUUM ANALYZE readings")
        await self._connection.execute("CHECKPOINT")

    async def _copy(self, statement: LiteralString, types: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> int:
        count = 0
        async with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                await copy.write_row(row)
                count += 1
        return count
