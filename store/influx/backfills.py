"""How far backfills of InfluxDB came, so that one that was broken off goes on where it was."""

from __future__ import annotations

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from devices.instants import from_datetime, to_datetime
from store.connection import translated_errors

_FIND = """
SELECT device_key, reached, points FROM influx_backfills
 WHERE begin_at = %(begin)s AND end_at = %(end)s AND device = %(device)s
"""
_NOTE = """
INSERT INTO influx_backfills (begin_at, end_at, device, device_key, reached, points)
VALUES (%(begin)s, %(end)s, %(device)s, %(key)s, %(reached)s, %(points)s)
ON CONFLICT (begin_at, end_at, device) DO UPDATE
   SET device_key = excluded.device_key, reached = excluded.reached, points = excluded.points, changed_at = now()
"""
_FINISH = """
DELETE FROM influx_backfills
 WHERE begin_at = %(begin)s AND end_at = %(end)s AND device = %(device)s
    OR changed_at < now() - interval '90 days'
"""


class Reached(msgspec.Struct, frozen=True):
    """A place in a backfill: a device's key, up to which of its instants (µs, not included), and points so far."""

    key: int
    at: int
    points: int


class Backfills:
    """The places of the backfills of ``[begin, end)`` (µs) of a device or all, over an open connection."""

    def __init__(self, connection: AsyncConnection[TupleRow], begin: int, end: int, device: str | None) -> None:
        self._connection = connection
        self._names = {"begin": to_datetime(begin), "end": to_datetime(end), "device": device or ""}

    async def find(self) -> Reached | None:
        """Where the same backfill was broken off; None when it was not, or has come to its end."""
        with translated_errors():
            row = await (await self._connection.execute(_FIND, self._names)).fetchone()
        return None if row is None else Reached(row[0], from_datetime(row[1]), row[2])

    async def note(self, place: Reached) -> None:
        """InfluxDB has everything before this place."""
        given = {**self._names, "key": place.key, "reached": to_datetime(place.at), "points": place.points}
        with translated_errors():
            await self._connection.execute(_NOTE, given)

    async def finish(self) -> None:
        """It is done; the next one of the same span begins anew. Places of 90 days ago are forgotten too."""
        with translated_errors():
            await self._connection.execute(_FINISH, self._names)
