"""Whose days the rollups sum up: one time zone for the whole store, a whole number of hours away from UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
import structlog
from psycopg import AsyncConnection

from devices.errors import ConfigError
from store.rollups import timescale as rollups_timescale
from store.rollups.notes import LOCK

log = structlog.get_logger("store.rollups")

DEFAULT = "Asia/Shanghai"
_FIRST, _LAST, _STEP = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC), timedelta(days=7)

_CURRENT = "SELECT zone FROM rollup_state"
_ALONE = "SELECT pg_advisory_xact_lock(%s)"
_BOUND = """
SELECT kind, hours_from > '-infinity' OR adopted_until > '-infinity', zone FROM rollup_state FOR UPDATE
"""
_CHANGE = """
UPDATE rollup_state SET zone = %(zone)s, days_until = date_trunc('day',
    least(hours_until, (SELECT min(at) FROM rollup_hours_kept)), %(zone)s)
"""
_NO_DAYS = "DELETE FROM rollup_days_kept"
_NOTES = "UPDATE rollup_dirty SET day = date_trunc('day', hour, %s)"


def check_zone(name: str) -> str | None:
    """Why ``name`` is no zone whose days can be made of hours of UTC; None when it is one. Looked at from 2000 on."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name!r} is no time zone; expected one of IANA's names such as {DEFAULT}"
    at = _FIRST
    while at < _LAST:
        offset = at.astimezone(zone).utcoffset()
        if offset is None or offset % timedelta(hours=1):
            return f"{name} is not a whole number of hours from UTC; days are summed up of hours, expected such a zone"
        at += _STEP
    return None


async def settle(connection: AsyncConnection, zone: str) -> None:
    """Let the days be those of ``zone``. Where they were another one's, all that are kept are made anew of the hours.

    Until that is done they are read from the hours. Raises ConfigError where hours of days are forgotten already.
    """
    if await _one(connection, _CURRENT) == zone:
        return
    if (fault := check_zone(zone)) is not None:
        raise ConfigError(f"store.zone: {fault}")
    try:
        async with connection.transaction():
            await connection.execute(_ALONE, (LOCK,))
            row = await (await connection.execute(_BOUND)).fetchone()
            assert row is not None
            kind, bound, before = row
            if bound:
                raise ConfigError(
                    f"store.zone: {zone} is wanted, but days of {before} are kept whose hours are forgotten; "
                    f"expected {before}"
                )
            await connection.execute(_NO_DAYS)
            await connection.execute(_CHANGE, {"zone": zone})
            await connection.execute(_NOTES, (zone,))
            if kind == "timescale":
                await rollups_timescale.change_zone(connection)
    except psycopg.errors.InvalidParameterValue:
        raise ConfigError(f"store.zone: the database server does not know {zone}") from None
    log.info("rollup_zone_changed", zone=zone, before=before)


async def _one(connection: AsyncConnection, statement: str) -> object:
    row = await (await connection.execute(statement.encode())).fetchone()
    return None if row is None else row[0]
