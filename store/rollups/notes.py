"""What rollups ask of who writes: to note which hours that are summed up already they change.

A reading before the threshold belongs to an hour that is summed up, or soon will be. Its transaction enters the hour in
``rollup_dirty`` and holds the threshold where it is until it ends, so that whoever moves the threshold afterwards sees
its rows. Live readings lie behind the threshold and cost one look at it (docs/adr/0033).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import AsyncCursor

from devices.clock import SECOND
from devices.instants import to_datetime
from devices.vocabulary import Batch
from store import arrays

HOUR = 3_600 * SECOND
LOCK = 0x5A_41_52_4F  #: shared by who writes, alone for who moves the threshold; also in 0019_rollups.sql

_THRESHOLD = "SELECT rollup_threshold(%s)"
_NOTE = """
INSERT INTO rollup_dirty (device_key, hour, day)
SELECT g.device_key, g.hour, date_trunc('day', g.hour, s.zone)
  FROM unnest(%s::integer[], %s::timestamptz[]) AS g (device_key, hour) CROSS JOIN rollup_state s
 WHERE g.hour >= s.frozen_before
"""


async def note(cursor: AsyncCursor[Any], batch: Batch, threshold: int | None) -> None:
    """Note what a batch adds before the threshold (µs); None where its readings all lie behind it.

    In the transaction of the readings and after ``rollup_threshold`` has told the threshold in it, best at its end: it
    holds up who moves the threshold.
    """
    if threshold is not None:
        await _note(cursor, threshold, ((one.device.key, one.observed_at) for one in batch.readings))


async def note_changes(cursor: AsyncCursor[Any], key: int, instants: Iterable[int]) -> None:
    """Note that readings of a device at these instants (µs) came or went, in the transaction that changes them."""
    changed = [(key, at) for at in instants]
    if not changed:
        return
    await cursor.execute(_THRESHOLD, (to_datetime(min(at for _, at in changed)),))
    row = await cursor.fetchone()
    if row is not None and row[0] is not None:
        await _note(cursor, row[0], changed)


async def _note(cursor: AsyncCursor[Any], threshold: int, changed: Iterable[tuple[int, int]]) -> None:
    hours = sorted({(key, at // HOUR) for key, at in changed if at < threshold})
    keys, begins = arrays.integers(key for key, _ in hours), arrays.instants(hour * HOUR for _, hour in hours)
    await cursor.execute(_NOTE, (keys, begins))
