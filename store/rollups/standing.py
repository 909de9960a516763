"""How far the rollups have come: for ``/metrics`` and ``sanihub doctor``."""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

import msgspec
from psycopg import AsyncConnection

from devices.instants import from_datetime
from store.connection import PatientConnection, session_parameters, translated_errors
from store.rollups import steward as rollup_steward
from store.rollups import timescale as rollups_timescale
from store.telemetry import presence
from store.telemetry.forgetting import Keeping

_STANDING = """
SELECT s.kind, s.zone, s.hours_until, s.filled,
       (SELECT count(*) FROM (SELECT DISTINCT n.device_key, n.hour FROM rollup_dirty n LIMIT 100000) AS noted)
  FROM rollup_state s
"""
_REFRESHED = """
SELECT min(s.last_successful_finish)
  FROM timescaledb_information.jobs j JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
 WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND s.last_successful_finish > '-infinity'
   AND j.hypertable_name IN (SELECT unnest(ARRAY[a.view_name, a.materialization_hypertable_name])
                               FROM timescaledb_information.continuous_aggregates a
                              WHERE a.view_name IN ('rollup_hours_ts', 'rollup_days_ts'))
"""


class RollupStanding(msgspec.Struct, frozen=True):
    """``kind`` is kept (by the hub) or timescale. Instants in µs.

    ``hours_until``: hours before it are summed up (kept; on TimescaleDB only while what was there already is taken
    on). ``dirty``: hours of devices that are to be summed up again, at most 100,000 are counted. ``refreshed_at``: the
    last refresh of whichever aggregate was refreshed longer ago; None before the first.
    """

    kind: str
    zone: str
    hours_until: int
    filled: bool
    dirty: int
    refreshed_at: int | None

    def lag_s(self, now: int) -> float:
        """Seconds from the end of what is summed up to ``now`` (µs); 0 where TimescaleDB sees to it."""
        if self.kind == "timescale" and self.filled:
            return 0.0
        return max(0.0, (now - self.hours_until) / 1e6)


async def standing(connection: AsyncConnection) -> RollupStanding:
    """Look at a database that has rollups; the connection is in autocommit."""
    row = await (await connection.execute(_STANDING)).fetchone()
    assert row is not None
    kind, zone, hours_until, filled, dirty = row
    refreshed = None
    if kind == "timescale":
        found = await (await connection.execute(_REFRESHED)).fetchone()
        refreshed = None if found is None or found[0] is None else from_datetime(found[0])
    return RollupStanding(kind, zone, from_datetime(hours_until), filled, dirty, refreshed)


class RollupKeeper:
    """The steward's turns over a connection of its own, so that no batch waits for one.

    A statement may take ``patience_s``: TimescaleDB's refresh of a portion has no bound of its own.
    """

    def __init__(
        self, dsn: str, now: Callable[[], int] = lambda: time_ns() // 1_000, *, patience_s: float = 600.0
    ) -> None:
        self._parameters = session_parameters(dsn)
        self._now, self._patience_s = now, patience_s
        self.standing: RollupStanding | None = None

    async def turn(self, keeping: Keeping, budget_s: float) -> bool:
        """One turn of about so many seconds at most; whether nothing is left to do. Raises TransientError."""
        now = self._now()
        with translated_errors():
            connection = await PatientConnection.connect(**self._parameters, autocommit=True)  # type: ignore[arg-type]
            connection.patience_s = self._patience_s
            async with connection:
                await presence.join(connection)  # not while an upgrade moves the readings
                if await rollups_timescale.take_turn(connection, keeping, now, budget_s):
                    done = (await rollup_steward.take_turn(connection, now, budget_s)).done
                else:
                    done = False
                self.standing = await standing(connection)
        return done
