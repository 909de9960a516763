"""Retention: dropping old telemetry without touching its rollups, and the rollups when they are too old themselves."""

from __future__ import annotations

from psycopg import AsyncConnection

from devices.clock import DAY
from devices.instants import from_datetime, to_datetime
from store.rollups import timescale as rollups_timescale
from store.rollups.notes import HOUR
from store.rollups.steward import take_turn
from store.telemetry.forgetting import Keeping
from store.telemetry.partitions import Partitions
from store.timescale import chunks

BUDGET_S = 2.0  #: for what is not summed up yet; a steward of its own does that elsewhere
AT_ONCE = 50_000

_KIND = "SELECT kind FROM rollup_state"
_SUMMED_UP = """
SELECT least(s.hours_until, (SELECT min(n.hour) FROM rollup_dirty n
                              WHERE n.hour >= s.frozen_before AND n.hour < %s))
  FROM rollup_state s FOR UPDATE
"""
_FREEZE = "UPDATE rollup_state SET frozen_before = greatest(frozen_before, %s)"
_FROZEN = "SELECT CASE WHEN frozen_before > '-infinity' THEN frozen_before END FROM rollup_state"
_HOURS_FROM = """
UPDATE rollup_state
   SET hours_from = greatest(hours_from, least(days_until, date_trunc('day', %(cutoff)s, zone))),
       frozen_before = greatest(frozen_before, least(days_until, date_trunc('day', %(cutoff)s, zone)))
"""
_HOURS_FROM_THERE = """
UPDATE rollup_state SET hours_from = greatest(hours_from, date_trunc('day', %(cutoff)s, zone))
"""
_FORGET_HOURS = """
DELETE FROM rollup_hours_kept WHERE ctid = ANY (ARRAY(
    SELECT k.ctid FROM rollup_hours_kept k WHERE k.at < (SELECT s.hours_from FROM rollup_state s) LIMIT %(limit)s))
"""
_FORGET_DAYS = """
DELETE FROM rollup_days_kept WHERE ctid = ANY (ARRAY(
    SELECT k.ctid FROM rollup_days_kept k WHERE k.at < %(cutoff)s LIMIT %(limit)s))
"""
_DROP_CHUNKS = "SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)"


async def retain(connection: AsyncConnection, keeping: Keeping, now: int, partitions: Partitions | None) -> int:
    """Drop telemetry that is too old, in whole partitions (or chunks, without ``partitions``); returns how many.

    Nothing is dropped before it is summed up. The connection is in autocommit; instants are µs.
    """
    row = await (await connection.execute(_KIND)).fetchone()
    by_timescale = row is not None and row[0] == "timescale"
    cutoff = None if keeping.telemetry_days is None else now - keeping.telemetry_days * DAY
    if by_timescale:
        if not await rollups_timescale.take_turn(connection, keeping, now, BUDGET_S):
            return 0  # what was there already is still being summed up
        dropped = 0 if cutoff is None else await _drop_chunks(connection, cutoff)
        await _forget_aggregates(connection, keeping, now)
        return dropped
    await take_turn(connection, now, BUDGET_S)
    dropped = 0 if cutoff is None else await _drop_kept(connection, cutoff, partitions)
    await _forget_kept(connection, keeping, now)
    return dropped


async def _drop_kept(connection: AsyncConnection, cutoff: int, partitions: Partitions | None) -> int:
    """Drop what is older than ``cutoff`` and summed up, and let no reading change the hours of it from now on."""
    async with connection.transaction():
        row = await (await connection.execute(_SUMMED_UP, (to_datetime(_next_hour(cutoff)),))).fetchone()
        assert row is not None
        cutoff = min(cutoff, from_datetime(row[0]))
        await connection.execute(_FREEZE, (to_datetime(_next_hour(cutoff)),))
        if partitions is not None:
            return await partitions.drop_older(connection, cutoff)
        return await chunks.drop_older(connection, cutoff)


async def _drop_chunks(connection: AsyncConnection, cutoff: int) -> int:
    until = _next_hour(cutoff)
    row = await (await connection.execute(_FROZEN)).fetchone()
    since = None if row is None or row[0] is None else from_datetime(row[0])
    if since is None or since < until:
        await rollups_timescale.refresh(connection, rollups_timescale.HOURS, since, until)
    await connection.execute(_FREEZE, (to_datetime(until),))
    return await chunks.drop_older(connection, cutoff)


async def _forget_kept(connection: AsyncConnection, keeping: Keeping, now: int) -> None:
    if keeping.hourly_days is not None:
        await connection.execute(_HOURS_FROM, {"cutoff": to_datetime(now - keeping.hourly_days * DAY)})
        while (await connection.execute(_FORGET_HOURS, {"limit": AT_ONCE})).rowcount == AT_ONCE:
            pass
    if keeping.daily_days is not None:
        given = {"cutoff": to_datetime(now - keeping.daily_days * DAY), "limit": AT_ONCE}
        while (await connection.execute(_FORGET_DAYS, given)).rowcount == AT_ONCE:
            pass


async def _forget_aggregates(connection: AsyncConnection, keeping: Keeping, now: int) -> None:
    """In whole chunks of the aggregates. What the hub kept before they were there goes by the row."""
    if keeping.hourly_days is not None:
        cutoff = now - keeping.hourly_days * DAY
        await connection.execute(_HOURS_FROM_THERE, {"cutoff": to_datetime(cutoff)})
        await rollups_timescale.refresh(connection, rollups_timescale.DAYS, cutoff - 32 * DAY, cutoff + 2 * DAY)
        await connection.execute(_DROP_CHUNKS, (rollups_timescale.HOURS, to_datetime(cutoff)))
        await connection.execute(_FORGET_HOURS, {"limit": AT_ONCE})
    if keeping.daily_days is not None:
        cutoff = now - keeping.daily_days * DAY
        await connection.execute(_DROP_CHUNKS, (rollups_timescale.DAYS, to_datetime(cutoff)))
        await connection.execute(_FORGET_DAYS, {"cutoff": to_datetime(cutoff), "limit": AT_ONCE})


def _next_hour(instant: int) -> int:
    return -(-instant // HOUR) * HOUR
