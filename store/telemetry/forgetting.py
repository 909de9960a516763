"""Forgetting what is kept for a while only: receipts, echoes, dead letters, and old checkpoints of trackers."""

from __future__ import annotations

import msgspec
import structlog
from psycopg import AsyncConnection

from devices import instants
from devices.clock import DAY
from store.telemetry import echoes

log = structlog.get_logger("store.forgetting")


class Keeping(msgspec.Struct, frozen=True):
    """How long things are kept, in days; None for ever.

    ``telemetry_days`` concerns readings, fixes and events; ``hourly_days`` and ``daily_days`` what readings are summed
    up to, each not less than the one before. Only the newest ``dead_letters`` are kept, so that a device
    with a lasting fault cannot fill the disk.
    """

    telemetry_days: int | None = None
    receipts_days: int = 90
    echoes_days: int = 30
    dead_letters_days: int = 90
    tracker_states_days: int = 35
    tracks_days: int = 35
    dead_letters: int = 1_000_000
    hourly_days: int | None = None
    daily_days: int | None = None


# Letters are numbered as they come, so the count is a range of the primary key; gaps in it leave a few fewer.
_LETTERS = """
DELETE FROM dead_letters
 WHERE received_at < %(before)s OR id <= (SELECT max(id) FROM dead_letters) - %(most)s
"""


# The newest of a device stays, however old: a device that was silent for long goes on from there.
_STATES = """
DELETE FROM tracker_states t
 WHERE t.at < %(before)s
   AND EXISTS (SELECT FROM tracker_states n WHERE n.device_key = t.device_key AND n.at > t.at)
"""


# The same of the alerts'. Device by device, for only so does their primary key lead to what is old.
_TRACKS = """
DELETE FROM tracks t
 USING (SELECT d.key, (SELECT max(n.at) FROM tracks n WHERE n.device_key = d.key) AS newest FROM devices d) AS w
 WHERE t.device_key = w.key AND t.at < least(w.newest, %(before)s)
"""


async def forget(connection: AsyncConnection, keeping: Keeping, now: int) -> int:
    """Delete old receipts, echoes, checkpoints and dead letters; returns how many letters, which is logged too."""
    receipts_before = instants.to_datetime(now - keeping.receipts_days * DAY)
    await connection.execute("DELETE FROM receipts WHERE filed_at < %s", (receipts_before,))
    await echoes.forget(connection, now - keeping.echoes_days * DAY)
    states_before = instants.to_datetime(now - keeping.tracker_states_days * DAY)
    await connection.execute(_STATES, {"before": states_before})
    await connection.execute(_TRACKS, {"before": instants.to_datetime(now - keeping.tracks_days * DAY)})
    values = {"before": instants.to_datetime(now - keeping.dead_letters_days * DAY), "most": keeping.dead_letters}
    cursor = await connection.execute(_LETTERS, values)
    if cursor.rowcount:
        log.warning("dead_letters_forgotten", count=cursor.rowcount)
    return cursor.rowcount
