"""Rollups on TimescaleDB: continuous aggregates behind the same views.

Both aggregate what is not summed up yet as it is read, and their policies reach over everything that is kept raw and
over nothing that retention has dropped: a refresh over dropped readings would take their rollups away.
"""

from __future__ import annotations

from importlib.resources import files
from time import perf_counter

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from devices.clock import DAY
from devices.errors import TransientError
from devices.instants import from_datetime, to_datetime
from store.rollups.notes import HOUR
from store.telemetry.forgetting import Keeping

log = structlog.get_logger("store.rollups")

HOURS, DAYS = "rollup_hours_ts", "rollup_days_ts"
PORTION = 7 * DAY  #: of what was there already, summed up in one transaction
REFRESHED_EVERY = "5 minutes"
END = "1 hour"  #: what is younger is always read as it is

_HOURS = """
CREATE MATERIALIZED VIEW rollup_hours_ts
  WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS
SELECT device_key, metric_key, time_bucket(interval '1 hour', observed_at) AS at, count(*) AS count,
       min(value) AS least, max(value) AS greatest, sum(value) AS total,
       (array_agg(value ORDER BY observed_at DESC, value DESC))[1] AS last, max(observed_at) AS last_at
  FROM readings GROUP BY 1, 2, 3 WITH NO DATA
"""
_DAYS = """
CREATE MATERIALIZED VIEW rollup_days_ts
  WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS
SELECT device_key, metric_key, time_bucket(interval '1 day', at, {zone}) AS at, sum(count)::bigint AS count,
       min(least) AS least, max(greatest) AS greatest, sum(total) AS total,
       (array_agg(last ORDER BY at DESC))[1] AS last, max(last_at) AS last_at
  FROM rollup_hours_ts GROUP BY 1, 2, 3 WITH NO DATA
"""
_INDEX = "CREATE INDEX ON {} (device_key, metric_key, at)"
_VIEW = """
CREATE OR REPLACE VIEW {view} (device_key, metric_key, at, count, least, greatest, total, last, last_at) AS
SELECT t.device_key, t.metric_key, t.at, t.count, t.least, t.greatest, t.total, t.last, t.last_at
  FROM {source} t WHERE t.at >= (SELECT s.adopted_until FROM rollup_state s)
UNION ALL
SELECT k.device_key, k.metric_key, k.at, k.count::bigint, k.least, k.greatest, k.total, k.last, k.last_at
  FROM {kept} k WHERE k.at < (SELECT s.adopted_until FROM rollup_state s)
"""
_ZONE = "SELECT zone FROM rollup_state"
# Where to begin with what is there already: at the oldest hour.
_TAKEN_ON = """
UPDATE rollup_state SET kind = 'timescale', filled = NOT EXISTS (SELECT FROM latest_readings), hours_until = (
    SELECT date_bin('1 hour', least(min(o.observed_at), now() - interval '1 hour'), '2000-01-03 00:00:00+00')
      FROM latest_readings l
     CROSS JOIN LATERAL (SELECT r.observed_at FROM readings r
                          WHERE r.device_key = l.device_key AND r.metric_key = l.metric_key
                          ORDER BY r.observed_at LIMIT 1) AS o)
"""
_ADOPT = """
UPDATE rollup_state
   SET adopted_until = CASE WHEN frozen_before = '-infinity' THEN '-infinity'::timestamptz
           ELSE date_trunc('day', frozen_before + interval '1 day' - interval '1 microsecond', zone) END
 WHERE frozen_before = '-infinity' OR days_until >= date_trunc('day', frozen_before + interval '1 day', zone)
RETURNING adopted_until > '-infinity'
"""
_ADOPTED = """
UPDATE rollup_state SET frozen_before = greatest(frozen_before, adopted_until)
"""
_LEAVE = "DELETE FROM {kept} k USING rollup_state s WHERE k.at >= s.adopted_until"

_STATE = "SELECT filled, hours_until FROM rollup_state WHERE kind = 'timescale'"
_FILLED = "UPDATE rollup_state SET hours_until = %s, filled = %s"
_REFRESH = "CALL refresh_continuous_aggregate({}, {}, {})"
_POLICY = """
SELECT (j.config ->> 'start_offset')::interval IS NOT DISTINCT FROM %s::interval
  FROM timescaledb_information.jobs j
  JOIN timescaledb_information.continuous_aggregates a
    ON (j.hypertable_schema, j.hypertable_name) IN (
        (a.materialization_hypertable_schema, a.materialization_hypertable_name), (a.view_schema, a.view_name))
 WHERE a.view_name = %s AND a.view_schema = current_schema()
   AND j.proc_name = 'policy_refresh_continuous_aggregate'
"""
_UNSET = "SELECT remove_continuous_aggregate_policy(%s::regclass, if_exists => true)"
_SET = """
SELECT add_continuous_aggregate_policy(%s::regclass, start_offset => %s::interval, end_offset => %s::interval,
                                       schedule_interval => %s::interval)
"""


async def create(connection: AsyncConnection) -> bool:
    """Put continuous aggregates behind ``rollup_hours`` and ``rollup_days``; whether the licence has them.

    ``readings`` is a hypertable. In one transaction, or within that of the caller. Where they are not to be had all
    stays as it was, and the hub keeps the rollups.
    """
    try:
        async with connection.transaction():
            await connection.execute(_HOURS)
            await connection.execute(sql.SQL(_INDEX).format(sql.Identifier(HOURS)))
            await connection.execute(_view("rollup_hours", HOURS, "rollup_hours_kept"))
            await _create_days(connection)
            await connection.execute(_TAKEN_ON)
    except psycopg.errors.FeatureNotSupported as error:
        log.warning("continuous_aggregates_not_to_be_had", reason=str(error).partition("\n")[0])
        return False
    return True


async def change_zone(connection: AsyncConnection) -> None:
    """Make the days anew for the zone that stands in ``rollup_state``, within a transaction. They come of the hours."""
    await connection.execute(kept_view("rollup_days").encode())
    await connection.execute(f"DROP MATERIALIZED VIEW {DAYS}".encode())
    await _create_days(connection)


async def adopt(connection: AsyncConnection) -> bool:
    """Take over what the hub kept of readings that retention has dropped, after :func:`create`; whether there was any.

    The hub has kept all up to then (:func:`store.rollups.steward.take_turn` has nothing left to do). What is of
    readings that are still there is left to the continuous aggregates, and taken out of the tables. In one
    transaction. Raises TransientError where something is left to do.
    """
    async with connection.transaction():
        row = await (await connection.execute(_ADOPT)).fetchone()
        if row is None:
            raise TransientError("store: the rollups are still being summed up")
        await connection.execute(_ADOPTED)
        for kept in ("rollup_hours_kept", "rollup_days_kept"):
            await connection.execute(sql.SQL(_LEAVE).format(kept=sql.Identifier(kept)))
        await connection.execute("DELETE FROM rollup_dirty")
    return bool(row[0])


def kept_view(name: str) -> str:
    """The statement that makes ``rollup_hours`` or ``rollup_days`` read what the hub keeps and today's ``readings``."""
    text = (files("store") / "migrations" / "0019_rollups.sql").read_text("utf-8")
    start = text.index(f"CREATE VIEW {name} ")
    return "CREATE OR REPLACE VIEW" + text[start + len("CREATE VIEW") : text.index(";\n", start)]


async def take_turn(connection: AsyncConnection, keeping: Keeping, now: int, budget_s: float) -> bool:
    """Sum up what was there already, oldest first and in portions, for about so many seconds; then see to the policies.

    Whether all is summed up. The connection is in autocommit.
    """
    deadline = perf_counter() + budget_s
    row = await (await connection.execute(_STATE)).fetchone()
    if row is None:
        return True
    filled, since = row[0], from_datetime(row[1])
    target = (now - HOUR) // HOUR * HOUR
    while not filled and perf_counter() < deadline:
        until = min(target, since + PORTION)
        if until > since:
            await refresh(connection, HOURS, since, until)
            await refresh(connection, DAYS, since - 2 * DAY, until)
        filled, since = until >= target, max(since, until)
        await connection.execute(_FILLED, (to_datetime(since), filled))
    if filled:
        await _set_policy(connection, HOURS, _days(keeping.telemetry_days, HOUR))
        await _set_policy(connection, DAYS, _days(keeping.hourly_days, 2 * DAY))
    return bool(filled)


async def refresh(connection: AsyncConnection, name: str, since: int | None, until: int) -> None:
    """Refresh what changed of an aggregate within instants (µs); None: from the beginning."""
    start = sql.SQL("NULL") if since is None else sql.Literal(to_datetime(since))
    statement = sql.SQL(_REFRESH).format(sql.Literal(name), start, sql.Literal(to_datetime(until)))
    await connection.execute(statement)


async def _create_days(connection: AsyncConnection) -> None:
    row = await (await connection.execute(_ZONE)).fetchone()
    assert row is not None
    await connection.execute(sql.SQL(_DAYS).format(zone=sql.Literal(row[0])))
    await connection.execute(sql.SQL(_INDEX).format(sql.Identifier(DAYS)))
    await connection.execute(_view("rollup_days", DAYS, "rollup_days_kept"))


def _view(view: str, source: str, kept: str) -> sql.Composed:
    names = {"view": view, "source": source, "kept": kept}
    return sql.SQL(_VIEW).format(**{key: sql.Identifier(name) for key, name in names.items()})


def _days(kept: int | None, less: int) -> str | None:
    """How far back a policy reaches (an interval): not quite to what is dropped. None: over all."""
    return None if kept is None else f"{(kept * DAY - less) // HOUR} hours"


async def _set_policy(connection: AsyncConnection, name: str, start: str | None) -> None:
    """Let a policy refresh from ``start`` before now on. One that reached elsewhere is ended, even while it works."""
    row = await (await connection.execute(_POLICY, (start, name))).fetchone()
    if row is not None and row[0]:
        return
    async with connection.transaction():
        await connection.execute(_UNSET, (name,))
        await connection.execute(_SET, (name, start, END, REFRESHED_EVERY))
    log.info("rollup_policy_set", aggregate=name, start=start or "all", every=REFRESHED_EVERY)
