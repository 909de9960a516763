"""Readers of dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from devices.instants import from_datetime
from devices.read_models import DeadLetterContent, DeadLetterEntry, Page
from store import cursors
from store.cursors import LetterCursor
from store.reading import ReadSession, Row, micros_or_none

_LETTERS = """
SELECT id, received_at, adapter, source, channel, code, reason, device_id, size, replayable, replayed_at, outcome
FROM dead_letters
WHERE id < %(before)s
  AND (cardinality(%(codes)s::text[]) = 0 OR code = ANY (%(codes)s::text[]))
  AND (cardinality(%(devices)s::text[]) = 0 OR device_id = ANY (%(devices)s::text[]))
  AND (%(device)s::text IS NULL OR device_id = %(device)s::text)
  AND (%(is_open)s::boolean IS NULL OR (replayed_at IS NULL) = %(is_open)s::boolean)
ORDER BY id DESC
LIMIT %(limit)s
"""

_LETTER = """
SELECT id, received_at, adapter, source, channel, code, reason, device_id, size, replayable, replayed_at, outcome,
       payload
FROM dead_letters
WHERE id = %(id)s
"""


def _entry(row: Row) -> DeadLetterEntry:
    letter_id, received_at, adapter, source, channel, code, reason, device_id, size, replayable = row[:10]
    return DeadLetterEntry(
        id=letter_id,
        received_at=from_datetime(received_at),
        adapter=adapter,
        source=source,
        channel=channel,
        code=code,
        reason=reason,
        device_id=device_id,
        size_bytes=size,
        replayable=replayable,
        replayed_at=micros_or_none(row[10]),
        outcome=row[11],
    )


class DeadLetterReads:
    """Frames that could not be filed (``api.ports.telemetry.DeadLetterReader``)."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def letters(
        self,
        *,
        codes: Sequence[str] = (),
        device_id: str | None,
        device_ids: Sequence[str] = (),
        is_open: bool | None,
        cursor: str | None,
        limit: int,
    ) -> Page[DeadLetterEntry]:
        """Dead letters, newest first; ``is_open`` picks those not replayed yet (True) or replayed (False).

        ``device_ids`` picks those of any of these devices.
        """
        before = cursors.read(cursor, LetterCursor(2**63 - 1))
        params = {
            "before": before.id,
            "codes": list(codes),
            "device": device_id,
            "devices": list(device_ids),
            "is_open": is_open,
            "limit": limit + 1,
        }
        rows = await self._session.rows(_LETTERS, params)
        return cursors.page(rows, limit, _entry, lambda last: LetterCursor(last.id))

    async def letter(self, letter_id: int) -> DeadLetterContent | None:
        """One dead letter with its bytes, or None."""
        rows = await self._session.rows(_LETTER, {"id": letter_id})
        if not rows:
            return None
        payload = rows[0][12]
        return DeadLetterContent(_entry(rows[0]), None if payload is None else bytes(payload))
