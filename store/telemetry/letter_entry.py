"""Entering dead letters: once each, however often the message comes or its batch is written."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncCursor

from devices import instants
from devices.vocabulary import DeadLetter

_ENTER = """
INSERT INTO dead_letters
    (received_at, adapter, source, channel, code, reason, device_id, size, digest, payload, replayable)
SELECT %(received_at)s, %(adapter)s, %(source)s, %(channel)s, %(code)s, %(reason)s, %(device_id)s, %(size)s,
       %(digest)s, %(payload)s, %(replayable)s
 WHERE NOT EXISTS (SELECT FROM dead_letters d
                    WHERE d.digest = %(digest)s AND (%(again)s OR d.received_at = %(received_at)s))
"""


async def enter(cursor: AsyncCursor, letters: Sequence[DeadLetter]) -> None:
    """Enter letters; one that is there already, of the same reception or sent again, stays as it is."""
    await cursor.executemany(_ENTER, [_values(letter) for letter in letters])


def _values(letter: DeadLetter) -> dict[str, object]:
    frame = letter.frame
    return {
        "received_at": instants.to_datetime(frame.received_at),
        "adapter": frame.adapter,
        "source": frame.source,
        "channel": frame.channel,
        "code": letter.code,
        "reason": letter.reason,
        "device_id": letter.device_id,
        "size": letter.size,
        "digest": letter.digest,
        "payload": frame.payload if frame.payload or letter.replayable else None,
        "replayable": letter.replayable,
        "again": frame.redelivered or frame.retained,
    }
