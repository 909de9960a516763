"""The steward of the rollups that the hub keeps: sums up hours and days as they end, and again what came late.

Each step is a transaction of its own that leaves the views right, so a steward may die between any two. Several may
work at once: they take turns at the row of ``rollup_state``. See docs/adr/0033.
"""

from __future__ import annotations

from time import perf_counter

import msgspec
from psycopg import AsyncConnection

from devices.clock import DAY
from devices.instants import from_datetime, to_datetime
from devices.metrics import DERIVED
from store.rollups.notes import HOUR, LOCK

LAG = HOUR  #: an hour is summed up this long after it has ended, when most of what it has to hold has come
LONGEST = 7 * DAY  #: summed up in one transaction at most
QUICK_S, SLOW_S = 0.25, 1.0  #: a transaction that was quicker lets the next reach farther, a slower one less far
MENDED = 500  #: hours of devices that are summed up again in one transaction
DAYS_AT_ONCE = 32
PATIENCE_MS = 120_000

_PATIENCE = "SELECT set_config('statement_timeout', %s, true)"
_ALONE = "SELECT pg_advisory_xact_lock(%s)"
_BEHIND = "SELECT threshold < %s FROM rollup_state WHERE kind = 'kept'"
_MOVE = "UPDATE rollup_state SET threshold = greatest(threshold, %s)"
_STATE = "SELECT hours_until, threshold FROM rollup_state WHERE kind = 'kept' FOR UPDATE"
_HOURS_UNTIL = "UPDATE rollup_state SET hours_until = %s"

_COLUMNS = "(at, last_at, least, greatest, total, last, device_key, count, metric_key)"
_REPLACE = """
ON CONFLICT (device_key, metric_key, at) DO UPDATE
   SET (last_at, least, greatest, total, last, count)
     = (excluded.last_at, excluded.least, excluded.greatest, excluded.total, excluded.last, excluded.count)
"""
_SUMS = """
max(r.observed_at) AS last_at, min(r.value) AS least, max(r.value) AS greatest, sum(r.value) AS total,
(array_agg(r.value ORDER BY r.observed_at DESC, r.value DESC))[1] AS last, count(*) AS count
"""
_DAY_SUMS = """
max(h.last_at) AS last_at, min(h.least) AS least, max(h.greatest) AS greatest, sum(h.total) AS total,
(array_agg(h.last ORDER BY h.at DESC))[1] AS last, sum(h.count) AS count
"""
# Metric by metric of each device, for only so does the primary key of the readings lead to an hour.
_SUM_UP = f"""
INSERT INTO rollup_hours_kept {_COLUMNS}
SELECT f.at, f.last_at, f.least, f.greatest, f.total, f.last, l.device_key, f.count, l.metric_key
  FROM latest_readings l
 CROSS JOIN LATERAL (
    SELECT date_bin('1 hour', r.observed_at, '2000-01-03 00:00:00+00') AS at, {_SUMS}
      FROM readings r
     WHERE r.device_key = l.device_key AND r.metric_key = l.metric_key
       AND r.observed_at >= %(since)s AND r.observed_at < %(until)s
     GROUP BY 1) AS f
 WHERE l.observed_at >= %(since)s
{_REPLACE}"""  # noqa: S608 - built from the constants above

_TAKE = """
WITH chosen AS (
    SELECT DISTINCT c.device_key, c.hour
      FROM (SELECT device_key, hour FROM rollup_dirty WHERE hour < %(until)s ORDER BY 1, 2 LIMIT %(limit)s) AS c)
DELETE FROM rollup_dirty n USING chosen c, rollup_state s
 WHERE n.device_key = c.device_key AND n.hour = c.hour
RETURNING n.device_key, n.hour, n.day, n.hour < s.frozen_before, n.day < s.days_until
"""
# A reading that was derived may be gone with all of its metric, which then is not among the latest.
_TAKE_AWAY = """
DELETE FROM {kept} k
 USING unnest(%(keys)s::integer[], %(ats)s::timestamptz[]) AS g (device_key, at),
       (SELECT l.device_key, l.metric_key FROM latest_readings l WHERE l.device_key = ANY (%(keys)s::integer[])
         UNION
        SELECT g.key, m.key FROM unnest(%(keys)s::integer[]) AS g (key), metrics m
         WHERE m.name = ANY (%(derived)s)) AS p
 WHERE p.device_key = g.device_key
   AND k.device_key = g.device_key AND k.metric_key = p.metric_key AND k.at = g.at
"""
_HOURS_AWAY = _TAKE_AWAY.format(kept="rollup_hours_kept")
_DAYS_AWAY = _TAKE_AWAY.format(kept="rollup_days_kept")
_HOURS_AGAIN = f"""
INSERT INTO rollup_hours_kept {_COLUMNS}
SELECT g.at, f.last_at, f.least, f.greatest, f.total, f.last, l.device_key, f.count, l.metric_key
  FROM unnest(%(keys)s::integer[], %(ats)s::timestamptz[]) AS g (device_key, at)
  JOIN latest_readings l ON l.device_key = g.device_key
 CROSS JOIN LATERAL (
    SELECT {_SUMS}
      FROM readings r
     WHERE r.device_key = l.device_key AND r.metric_key = l.metric_key
       AND r.observed_at >= g.at AND r.observed_at < g.at + interval '1 hour') AS f
 WHERE f.count > 0
{_REPLACE}"""  # noqa: S608 - built from the constants above
_DAYS_AGAIN = f"""
INSERT INTO rollup_days_kept {_COLUMNS}
SELECT g.at, f.last_at, f.least, f.greatest, f.total, f.last, l.device_key, f.count, l.metric_key
  FROM unnest(%(keys)s::integer[], %(ats)s::timestamptz[]) AS g (device_key, at)
 CROSS JOIN rollup_state s
  JOIN latest_readings l ON l.device_key = g.device_key
 CROSS JOIN LATERAL (
    SELECT {_DAY_SUMS}
      FROM rollup_hours_kept h
     WHERE h.device_key = l.device_key AND h.metric_key = l.metric_key AND h.at >= g.at
       AND h.at < ((g.at AT TIME ZONE s.zone) + interval '1 day') AT TIME ZONE s.zone) AS f
 WHERE f.count > 0
{_REPLACE}"""  # noqa: S608 - built from the constants above

_DAY_STATE = """
SELECT days_until, least(date_trunc('day', hours_until, zone), date_trunc('day', days_until + %s::interval, zone))
  FROM rollup_state WHERE kind = 'kept' FOR UPDATE
"""
_SUM_UP_DAYS = f"""
INSERT INTO rollup_days_kept {_COLUMNS}
SELECT f.at, f.last_at, f.least, f.greatest, f.total, f.last, f.device_key, f.count, f.metric_key
  FROM (SELECT h.device_key, h.metric_key, date_trunc('day', h.at, s.zone) AS at, {_DAY_SUMS}
          FROM rollup_hours_kept h CROSS JOIN rollup_state s
         WHERE h.at >= %(since)s AND h.at < %(until)s
         GROUP BY h.device_key, h.metric_key, date_trunc('day', h.at, s.zone)) AS f
{_REPLACE}"""  # noqa: S608 - built from the constants above
_DAYS_UNTIL = "UPDATE rollup_state SET days_until = %s"


class Turn(msgspec.Struct):
    """What a turn did: hours passed over, device hours summed up again, and whether nothing is left to do."""

    hours: int = 0
    mended: int = 0
    done: bool = False


async def take_turn(connection: AsyncConnection, now: int, budget_s: float) -> Turn:
    """Sum up what has ended by ``now`` (µs) and what came late, for about so many seconds.

    The connection is in autocommit. Where TimescaleDB keeps the rollups there is nothing to do.
    """
    turn, step, deadline = Turn(), HOUR, perf_counter() + budget_s
    await move_threshold(connection, now)
    while perf_counter() < deadline:
        began = perf_counter()
        passed = await fill_hours(connection, step)
        turn.hours += passed // HOUR
        mended = await mend(connection)
        turn.mended += mended
        days = await fill_days(connection)
        if not (passed or mended or days):
            turn.done = True
            break
        took = perf_counter() - began
        step = min(LONGEST, 2 * step) if took < QUICK_S else max(HOUR, step // 2) if took > SLOW_S else step
    return turn


async def move_threshold(connection: AsyncConnection, now: int) -> None:
    """From now on who writes readings before ``now`` less the lag notes them; waits for those who did not know."""
    target = to_datetime((now - LAG) // HOUR * HOUR)
    row = await (await connection.execute(_BEHIND, (target,))).fetchone()
    if row is None or not row[0]:
        return
    async with connection.transaction():
        await connection.execute(_ALONE, (LOCK,))
        await connection.execute(_MOVE, (target,))


async def fill_hours(connection: AsyncConnection, step: int) -> int:
    """Sum up the next hours, at most ``step`` (µs) of them and none after the threshold; how far it went (µs)."""
    async with connection.transaction():
        await connection.execute(_PATIENCE, (str(PATIENCE_MS),))
        row = await (await connection.execute(_STATE)).fetchone()
        if row is None:
            return 0
        since, threshold = from_datetime(row[0]), from_datetime(row[1])
        until = min(threshold, since + step)
        if until <= since:
            return 0
        span = {"since": to_datetime(since), "until": to_datetime(until)}
        await connection.execute(_SUM_UP.encode(), span)
        await connection.execute(_HOURS_UNTIL, (span["until"],))
    return until - since


async def mend(connection: AsyncConnection) -> int:
    """Sum up again some of the hours that were noted, and their days; how many notes were taken away.

    Readings that came for hours before ``frozen_before`` change nothing: the others of their hour may be gone.
    """
    async with connection.transaction():
        await connection.execute(_PATIENCE, (str(PATIENCE_MS),))
        row = await (await connection.execute(_STATE)).fetchone()
        if row is None:
            return 0
        cursor = await connection.execute(_TAKE, {"until": row[0], "limit": MENDED})
        taken = await cursor.fetchall()
        hours = {(key, hour) for key, hour, _, frozen, _ in taken if not frozen}
        days = {(key, day) for key, _, day, frozen, ended in taken if ended and not frozen}
        for noted, away, again in ((hours, _HOURS_AWAY, _HOURS_AGAIN), (days, _DAYS_AWAY, _DAYS_AGAIN)):
            if noted:
                keys, ats = zip(*sorted(noted), strict=True)
                given = {"keys": list(keys), "ats": list(ats), "derived": [one.name for one in DERIVED]}
                await connection.execute(away.encode(), given)
                await connection.execute(again.encode(), given)
    return len(taken)


async def fill_days(connection: AsyncConnection) -> bool:
    """Sum up the next local days whose hours are all kept; whether there were any."""
    async with connection.transaction():
        await connection.execute(_PATIENCE, (str(PATIENCE_MS),))
        row = await (await connection.execute(_DAY_STATE, (f"{DAYS_AT_ONCE} days",))).fetchone()
        if row is None or row[1] <= row[0]:
            return False
        await connection.execute(_SUM_UP_DAYS.encode(), {"since": row[0], "until": row[1]})
        await connection.execute(_DAYS_UNTIL, (row[1],))
    return True
