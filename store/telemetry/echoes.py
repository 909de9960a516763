"""The table of messages that may come by several ways, each with a time of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import AsyncConnection, AsyncCursor

from devices import instants
from devices.vocabulary import Echo, EchoWanted

_ENTER = """
INSERT INTO echoes (device_key, digest, session, told_at)
SELECT * FROM unnest(%s::integer[], %s::bytea[], %s::bigint[], %s::timestamptz[]) ON CONFLICT DO NOTHING
"""

_FIND = """
SELECT DISTINCT e.device_key, e.digest, e.session, e.told_at
  FROM unnest(%s::integer[], %s::bytea[], %s::timestamptz[], %s::timestamptz[]) AS w (device_key, digest, low, high)
  JOIN echoes e ON e.device_key = w.device_key AND e.digest = w.digest AND e.told_at BETWEEN w.low AND w.high
"""

_FORGET = "DELETE FROM echoes WHERE told_at < %s"


async def enter(cursor: AsyncCursor, echoes: Sequence[Echo]) -> None:
    """Enter messages; one that is there already stays as it is."""
    await cursor.execute(
        _ENTER,
        (
            [echo.device_key for echo in echoes],
            [echo.digest for echo in echoes],
            [echo.session for echo in echoes],
            [instants.to_datetime(echo.told_at) for echo in echoes],
        ),
    )


async def find(connection: AsyncConnection, wanted: Iterable[EchoWanted]) -> list[Echo]:
    """The entries that each of ``wanted`` may be a copy of."""
    asked = list(wanted)
    cursor = await connection.execute(
        _FIND,
        (
            [one.device_key for one in asked],
            [one.digest for one in asked],
            [instants.to_datetime(one.low) for one in asked],
            [instants.to_datetime(one.high) for one in asked],
        ),
    )
    rows = await cursor.fetchall()
    return [Echo(row[0], bytes(row[1]), row[2], instants.from_datetime(row[3])) for row in rows]


async def forget(connection: AsyncConnection, before: int) -> None:
    """Forget the messages from before an instant (µs)."""
    await connection.execute(_FORGET, (instants.to_datetime(before),))
