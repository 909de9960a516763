"""A database with rollups, in one of the modes, and what they ought to be: computed here, from the raw readings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import AsyncConnection

from devices.instants import from_datetime
from store.rollups import timescale as rollups_timescale
from store.rollups.notes import HOUR
from store.rollups.steward import Turn, take_turn
from store.telemetry.forgetting import Keeping
from tests.intake import frame, ingest, make_assembler, make_store

SECOND, MINUTE, DAY = 1_000_000, 60_000_000, 86_400_000_000
BEGIN = from_datetime(datetime(2025, 1, 6, tzinfo=UTC))  #: a Monday: where partitions begin
Figures = tuple[int, float, float, float, float]  #: count, least, greatest, mean, last
Sums = dict[tuple[str, str, datetime], Figures]

RAW = """SELECT d.id, m.name, r.observed_at, r.value FROM readings r
           JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key"""


class World:
    """See the module. ``mode`` is plain or timescale."""

    def __init__(self, dsn: str, mode: str) -> None:
        self.dsn, self.mode = dsn, mode

    async def prepare(self) -> None:
        """Make the tables as they would be in a database that is used since :data:`BEGIN`."""
        store = make_store(self.dsn, self.mode)
        await store.open()
        await store.close()
        self.run(
            "UPDATE rollup_state SET threshold = %(at)s, hours_until = %(at)s,"
            " days_until = date_trunc('day', %(at)s::timestamptz, zone)",
            at=datetime(2025, 1, 6, tzinfo=UTC),
        )

    async def write(self, readings: Sequence[tuple[str, str, int, float]], received: int, chunk: int = 1_000) -> None:
        """Take in readings as (device, metric, instant, value), received at an instant (µs), in batches."""
        frames = [
            frame({"ts": at // 1000, "readings": {metric: value}}, device, at=received)
            for device, metric, at, value in readings
        ]
        store = make_store(self.dsn, self.mode)
        await ingest(store, make_assembler(store), frames, chunk)
        await store.close()

    async def turn(self, now: int) -> Turn | None:
        """What the hub's steward and TimescaleDB's policies do by ``now`` (µs)."""
        async with await self.connect() as connection:
            if self.mode == "plain":
                return await take_turn(connection, now, 60)
            await rollups_timescale.take_turn(connection, Keeping(), now, 60)
            oldest = await (
                await connection.execute("SELECT frozen_before FROM rollup_state WHERE frozen_before > '-infinity'")
            ).fetchone()
            since = None if oldest is None else from_datetime(oldest[0])
            for name in (rollups_timescale.HOURS, rollups_timescale.DAYS):
                await rollups_timescale.refresh(connection, name, since, (now - HOUR) // HOUR * HOUR)
            return None

    async def maintain(self, keeping: Keeping, now: int) -> int:
        """The hub's maintenance at an instant (µs); how many partitions or chunks were dropped."""
        store = make_store(self.dsn, self.mode)
        store._now = lambda: now
        dropped = await store.maintain(keeping)
        await store.close()
        return dropped

    async def connect(self) -> AsyncConnection:
        return await AsyncConnection.connect(self.dsn, autocommit=True, options="-c timezone=UTC")

    def run(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True, options="-c timezone=UTC") as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def hours(self, device: str = "%") -> Sums:
        return self._view("readings_hourly", device)

    def days(self, device: str = "%") -> Sums:
        return self._view("readings_daily", device)

    def expected(self, device: str = "%", zone: str | None = None) -> Sums:
        """Hours of what is stored raw, or with a zone its local days."""
        found: dict[tuple[str, str, datetime], list[tuple[datetime, float]]] = {}
        for name, metric, at, value in self.run(f"{RAW} WHERE d.id LIKE %(device)s", device=device):
            start = at.astimezone(ZoneInfo(zone) if zone else UTC).replace(minute=0, second=0, microsecond=0)
            start = start.replace(hour=0) if zone else start
            found.setdefault((name, metric, start.astimezone(UTC)), []).append((at, value))
        return {key: _figures(rows) for key, rows in found.items()}

    def _view(self, name: str, device: str) -> Sums:
        rows = self.run(
            f"SELECT device, metric, at, count, least, greatest, mean, last FROM boards.{name}"
            " WHERE device LIKE %(like)s",
            like=device,
        )
        sums = {(row[0], row[1], row[2].astimezone(UTC)): row[3:] for row in rows}
        assert len(sums) == len(rows)  # each bucket once
        return sums


def _figures(rows: list[tuple[datetime, float]]) -> Figures:
    values = [value for _, value in rows]
    return len(values), min(values), max(values), sum(values) / len(values), max(rows)[1]


def same(found: Sums, expected: Sums) -> None:
    """Fails unless both hold the same buckets; means may differ in their last digits, by the order of adding."""
    assert found.keys() == expected.keys()
    for key, figures in found.items():
        other = expected[key]
        assert (*figures[:3], figures[4]) == (*other[:3], other[4]), key
        assert abs(figures[3] - other[3]) <= 1e-9 * max(1.0, abs(other[3])), key


def day(number: int, hour: float = 0.0) -> int:
    """An instant so many days after :data:`BEGIN` (µs)."""
    return BEGIN + number * DAY + int(hour * HOUR)


def moment(number: int, hour: float = 0.0) -> datetime:
    """The same as a datetime."""
    return datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=number, hours=hour)
