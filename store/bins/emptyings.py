"""Entering and retracting emptyings, within the transaction of the events that tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import AsyncCursor

from devices.instants import to_datetime
from fleet.bins.emptying import Emptying

_ENTER = """
INSERT INTO emptyings AS e
       (device_key, at, since, until, before_pct, after_pct, vehicle, proof, partial)
SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::float8[],
                     %s::float8[], %s::text[], %s::text[], %s::boolean[])
ON CONFLICT (device_key, at) DO UPDATE
   SET since = excluded.since, until = excluded.until, before_pct = excluded.before_pct,
       after_pct = excluded.after_pct, vehicle = excluded.vehicle, proof = excluded.proof,
       partial = excluded.partial, retracted = false, revised_at = now()
 WHERE e.retracted OR (e.since, e.until, e.before_pct, e.after_pct, e.vehicle, e.proof, e.partial)
       IS DISTINCT FROM (excluded.since, excluded.until, excluded.before_pct, excluded.after_pct, excluded.vehicle,
                         excluded.proof, excluded.partial)
"""
_RETRACT = """
UPDATE emptyings e SET retracted = true, revised_at = now()
  FROM unnest(%s::integer[], %s::timestamptz[]) AS g (device_key, at)
 WHERE e.device_key = g.device_key AND e.at = g.at AND NOT e.retracted
"""
# Devices and span are said as constants besides, see tracker_writes.
_WITHDRAW = """
DELETE FROM events e USING unnest(%(keys)s::integer[], %(ats)s::timestamptz[]) AS g (device_key, at)
 WHERE e.device_key = g.device_key AND e.kind = 'emptied' AND e.observed_at = g.at
   AND e.attributes ->> 'derived' = 'true'
   AND e.device_key = ANY (%(keys)s::integer[]) AND e.observed_at >= %(first)s AND e.observed_at <= %(last)s
"""
_LOOK = """
INSERT INTO looks (name, received_at) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET received_at = excluded.received_at
"""


async def enter(cursor: AsyncCursor, appeared: Mapping[int, Sequence[Emptying]]) -> None:
    """Enter emptyings, by device key; one that stands already is brought up to date."""
    rows = [(key, one) for key, own in appeared.items() for one in own]
    if not rows:
        return
    columns = (
        [key for key, _ in rows],
        [to_datetime(one.at) for _, one in rows],
        [to_datetime(one.since) for _, one in rows],
        [to_datetime(one.until) for _, one in rows],
        [one.before_pct for _, one in rows],
        [one.after_pct for _, one in rows],
        [one.vehicle for _, one in rows],
        [one.proof for _, one in rows],
        [one.partial for _, one in rows],
    )
    await cursor.execute(_ENTER, columns)


async def retract(cursor: AsyncCursor, vanished: Mapping[int, Sequence[Emptying]]) -> None:
    """Retract emptyings that the history no longer shows, and take back the events that told of them."""
    rows = [(key, one) for key, own in vanished.items() for one in own]
    if not rows:
        return
    keys, ats = [key for key, _ in rows], [to_datetime(one.at) for _, one in rows]
    await cursor.execute(_RETRACT, (keys, ats))
    span = {"keys": keys, "ats": ats, "first": min(ats), "last": max(ats)}
    await cursor.execute(_WITHDRAW, span, prepare=False)


async def looked(cursor: AsyncCursor, name: str, received_at: int) -> None:
    """Note up to which reception (µs) was looked."""
    await cursor.execute(_LOOK, (name, to_datetime(received_at)))
