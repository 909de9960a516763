"""Range partitions of plain PostgreSQL: made ahead of time, made on demand for a backfill, dropped when too old.

Partitions are weeks (or so many days as the setting says) counted from Monday 2000-01-03, as ``date_bin`` and
TimescaleDB's ``time_bucket`` count them. What is older than :data:`BACKFILL_DAYS` lies in the default partition, so
that invented dates cannot make thousands of tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import structlog
from psycopg import AsyncConnection, sql

from devices import instants
from devices.clock import DAY
from store.schema import TELEMETRY

log = structlog.get_logger("store.partitions")

ORIGIN = 946_857_600_000_000  #: 2000-01-03T00:00:00Z, a Monday, µs
BACKFILL_DAYS = 730
AHEAD = 2  #: how many spans are made ahead of now
_NAME = re.compile(r"(readings|fixes|events)_p(\d{8})\Z")
_LOCK = 0x5A_41_50_41
#: Making and dropping needs a lock that a back-up (pg_dump) holds up until its end, and whoever reads waits behind the
#: one that waits for it. So it is given up soon and tried again later.
_BRIEFLY = "SET LOCAL lock_timeout = '2s'"


class Partitions:
    """The partitions of one database. Knows which spans exist, so that the writer's check is a set look-up."""

    def __init__(self, days: int) -> None:
        self.width = days * DAY
        self._made: set[int] = set()
        self._old: set[int] = set()

    def span(self, instant: int) -> int:
        """The number of the span that holds an instant (µs)."""
        return (instant - ORIGIN) // self.width

    def missing(self, spans: Iterable[int]) -> set[int]:
        """Which of these spans must be made before their rows can be written."""
        return set(spans) - self._made - self._old

    async def ensure(self, connection: AsyncConnection, spans: Iterable[int], now: int) -> None:
        """Make partitions for spans (and for now and the time ahead), where they are missing.

        Commits on its own: the connection must not be in a transaction. While somebody holds the tables for longer than
        two seconds it fails with psycopg's LockNotAvailable.
        """
        first = self.span(now - BACKFILL_DAYS * DAY)
        today = self.span(now)
        wanted = set(spans) | set(range(today, today + AHEAD + 1))
        self._old |= {span for span in wanted if span < first}
        to_make = sorted(span for span in wanted - self._made if span >= first)
        if not to_make:
            return
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            await connection.execute(_BRIEFLY)
            existing = await self._existing(connection)
            for span in to_make:
                for table in TELEMETRY:
                    if (table, span) not in existing:
                        await self._make(connection, table, span)
        self._made.update(to_make)

    async def drop_older(self, connection: AsyncConnection, cutoff: int) -> int:
        """Drop partitions that end at or before ``cutoff`` (µs) and clear the default ones; returns those dropped."""
        dropped = 0
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            await connection.execute(_BRIEFLY)
            for table, span in sorted(await self._existing(connection)):
                if self._start(span + 1) <= cutoff:
                    await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(self._name(table, span))))
                    self._made.discard(span)
                    dropped += 1
            for table in TELEMETRY:
                statement = sql.SQL("DELETE FROM {} WHERE observed_at < %s").format(sql.Identifier(f"{table}_default"))
                await connection.execute(statement, (instants.to_datetime(cutoff),))
        return dropped

    async def _existing(self, connection: AsyncConnection) -> set[tuple[str, int]]:
        cursor = await connection.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent IN (to_regclass('readings'), to_regclass('fixes'), to_regclass('events'))"
        )
        found = set()
        for (name,) in await cursor.fetchall():
            match = _NAME.match(name)
            if match:
                day = instants.parse(f"{match[2][:4]}-{match[2][4:6]}-{match[2][6:]}T00:00:00Z")
                found.add((match[1], self.span(day)))
        return found

    async def _make(self, connection: AsyncConnection, table: str, span: int) -> None:
        statement = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
            sql.Identifier(self._name(table, span)),
            sql.Identifier(table),
            sql.Literal(instants.to_iso(self._start(span))),
            sql.Literal(instants.to_iso(self._start(span + 1))),
        )
        await connection.execute(statement)

    def _start(self, span: int) -> int:
        return ORIGIN + span * self.width

    def _name(self, table: str, span: int) -> str:
        return f"{table}_p{instants.to_datetime(self._start(span)):%Y%m%d}"
