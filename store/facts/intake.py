"""What came in of late and what was refused, for a person who wonders why a board stays empty."""

from __future__ import annotations

import msgspec
from psycopg import AsyncConnection

from devices import instants

WINDOW = "24 hours"  #: letters older than this say nothing of today

_HEARD = """
SELECT (SELECT count(*) FROM devices), (SELECT count(*) FROM device_state),
       (SELECT max(received_at) FROM device_state), clock_timestamp()
"""
# One reason for all devices: ids and numbers in it differ from letter to letter, its field and its kind do not.
_LETTERS = """
SELECT count(*), (array_agg(l.reason ORDER BY l.id DESC))[1],
       (array_agg(coalesce(nullif(l.device_id, ''), l.channel) ORDER BY l.id DESC))[1]
  FROM (SELECT id, reason, device_id, channel, code, split_part(reason, ':', 1) AS field FROM dead_letters
         WHERE replayed_at IS NULL AND received_at > clock_timestamp() - %(window)s::interval
         ORDER BY id DESC LIMIT 10000) AS l
 GROUP BY l.code, l.field
 ORDER BY 1 DESC LIMIT 1
"""
_ALL_LETTERS = """
SELECT count(*) FROM (SELECT FROM dead_letters
 WHERE replayed_at IS NULL AND received_at > clock_timestamp() - %(window)s::interval LIMIT 10000) AS l
"""


class Refusals(msgspec.Struct, frozen=True):
    """Open dead letters of the last day (counted up to 10,000), and of the most frequent kind of reason the newest."""

    count: int
    frequent: int
    reason: str
    sender: str


class IntakeFacts(msgspec.Struct, frozen=True):
    """How many devices there are and were heard, when the last message came (µs), and the server's time (µs)."""

    devices: int
    heard: int
    newest: int | None
    now: int
    refusals: Refusals | None = None


async def intake_facts(connection: AsyncConnection) -> IntakeFacts:
    """Look at a database that has the hub's tables."""
    row = await (await connection.execute(_HEARD)).fetchone()
    assert row is not None
    devices, heard, newest, now = row
    return IntakeFacts(
        devices=devices,
        heard=heard,
        newest=None if newest is None else instants.from_datetime(newest),
        now=instants.from_datetime(now),
        refusals=await _refusals(connection),
    )


async def _refusals(connection: AsyncConnection) -> Refusals | None:
    counted = await (await connection.execute(_ALL_LETTERS, {"window": WINDOW})).fetchone()
    most = await (await connection.execute(_LETTERS, {"window": WINDOW})).fetchone()
    if counted is None or most is None:
        return None
    frequent, reason, sender = most
    return Refusals(counted[0], frequent, reason, sender)
