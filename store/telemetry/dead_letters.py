"""Dead letters as a person works on them: choosing, listing, and closing them together with what a replay files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection, AsyncCursor

from devices import instants
from devices.read_models import DeadLetterEntry
from devices.vocabulary import Batch, DeadLetter, Frame, ReceiptKey, Written
from store.connection import session_parameters, translated_errors
from store.fleet.tracker_writes import note
from store.telemetry.writer import PostgresStore

RECEIPT_WINDOW_US = 1_000_000
"""A message without a usable time is filed at its reception, or a few microseconds later where that was taken."""

# A letter belongs to a device that it names, that its channel names, or that goes by the identity nobody knew then.
_CHOSEN = """
 (cardinality(%(codes)s::text[]) = 0 OR code = ANY (%(codes)s::text[]))
 AND (cardinality(%(ids)s::bigint[]) = 0 OR id = ANY (%(ids)s::bigint[]))
 AND (%(device)s::text IS NULL
      OR device_id = %(device)s::text
      OR strpos('/' || channel || '/', '/' || %(device)s::text || '/') > 0
      OR code = 'unknown_device' AND EXISTS (
            SELECT FROM identities i JOIN devices d ON d.key = i.device_key
             WHERE d.id = %(device)s::text AND starts_with(reason, i.scheme || ':' || i.value || ': ')))
"""
_WAITING = f"replayed_at IS NULL AND replayable AND payload IS NOT NULL AND {_CHOSEN}"
_COUNT = f"SELECT count(*) FROM dead_letters WHERE {_WAITING}"  # noqa: S608 - constants only
_OLDEST = f"""
SELECT id, received_at, adapter, source, channel, payload, reason, code, digest, device_id FROM dead_letters
 WHERE {_WAITING} AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""  # noqa: S608 - constants only
_NEWEST = f"""
SELECT id, received_at, adapter, source, channel, code, reason, device_id, size, replayable, replayed_at, outcome
  FROM dead_letters WHERE (%(closed)s OR replayed_at IS NULL) AND {_CHOSEN} ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608 - constants only

_FIND_RECEIPTS = """
SELECT r.device_key, r.digest, min(r.filed_at)
  FROM receipts r JOIN unnest(%s::integer[], %s::bytea[]) AS w (device_key, digest) USING (device_key, digest)
 WHERE r.filed_at >= %s AND r.filed_at < %s
 GROUP BY 1, 2
"""

_LOCK_OPEN = "SELECT id FROM dead_letters WHERE id = ANY (%s) AND replayed_at IS NULL ORDER BY id FOR UPDATE"
_CLOSE = """
UPDATE dead_letters l SET replayed_at = clock_timestamp(), outcome = n.outcome
  FROM unnest(%s::bigint[], %s::text[]) AS n (id, outcome) WHERE l.id = n.id
"""
_KEEP_OPEN = """
UPDATE dead_letters l SET code = n.code, reason = n.reason, device_id = coalesce(n.device_id, l.device_id)
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS n (id, code, reason, device_id)
 WHERE l.id = n.id AND (l.code, l.reason) <> (n.code, n.reason)
"""


class _TakenError(Exception):
    """Some of the letters were closed by somebody else."""

    def __init__(self, ids: frozenset[int]) -> None:
        super().__init__()
        self.ids = ids


class DeadLetterDesk:
    """The dead letters that a person chose (``ingest.replay.Desk``). One connection of its own, one user at a time.

    ``codes``, ``device`` and ``ids`` narrow the choice; empty ones do not.
    """

    def __init__(
        self,
        dsn: str,
        store: PostgresStore,
        *,
        codes: Sequence[str] = (),
        device: str | None = None,
        ids: Sequence[int] = (),
    ) -> None:
        self._parameters = session_parameters(dsn)
        self._store = store
        self._choice: dict[str, Any] = {"codes": list(codes), "device": device, "ids": list(ids)}
        self._connection: AsyncConnection | None = None

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def newest(self, limit: int, *, closed: bool = False) -> list[DeadLetterEntry]:
        """The newest letters of the choice: those that are open, or with ``closed`` all of them."""
        rows = await self._rows(_NEWEST, self._choice | {"limit": limit, "closed": closed})
        return [_entry(row) for row in rows]

    async def count(self) -> int:
        """How many open letters of the choice can be replayed."""
        return int((await self._rows(_COUNT, self._choice))[0][0])

    async def waiting(self, after: int, limit: int) -> list[tuple[int, DeadLetter]]:
        """Open letters of the choice that can be replayed, oldest first, with ids beyond ``after``."""
        rows = await self._rows(_OLDEST, self._choice | {"after": after, "limit": limit})
        return [(row[0], _letter(row)) for row in rows]

    async def find_receipts(self, wanted: Iterable[ReceiptKey], received_at: int) -> Mapping[ReceiptKey, int]:
        """Where a frame received at ``received_at`` (µs) was filed: the key asked for → instant.

        A letter does not keep the token of its delivery. The same bytes may have come many times, each with a receipt:
        the one that lies at or closely after the reception is this frame's own.
        """
        keys = list(wanted)
        span = (instants.to_datetime(received_at), instants.to_datetime(received_at + RECEIPT_WINDOW_US))
        rows = await self._rows(_FIND_RECEIPTS, ([key[0] for key in keys], [key[1] for key in keys], *span))
        found = {(row[0], bytes(row[1])): instants.from_datetime(row[2]) for row in rows}
        return {key: found[key[:2]] for key in keys if key[:2] in found}

    async def commit(
        self, batch: Batch, closed: Mapping[int, str], failed: Mapping[int, DeadLetter]
    ) -> tuple[Written, frozenset[int]]:
        """Store a batch and, in the same transaction, close letters with an outcome; those that failed stay open.

        When somebody else has closed some of the letters nothing is committed, and their ids are returned.
        """

        async def settle(cursor: AsyncCursor) -> None:
            await _settle(cursor, closed, failed)
            await note(cursor, batch)

        try:
            return await self._store.write(batch, settle), frozenset()
        except _TakenError as error:
            return Written(0, 0), error.ids

    async def _rows(self, query: str, params: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
        with translated_errors():
            if self._connection is None or self._connection.closed or self._connection.broken:
                self._connection = await AsyncConnection.connect(**self._parameters, autocommit=True)  # type: ignore[arg-type]
            cursor = await self._connection.execute(query.encode(), params)
            return await cursor.fetchall()


async def _settle(cursor: AsyncCursor, closed: Mapping[int, str], failed: Mapping[int, DeadLetter]) -> None:
    ids = sorted([*closed, *failed])
    await cursor.execute(_LOCK_OPEN, (ids,))
    still_open = {row[0] for row in await cursor.fetchall()}
    if len(still_open) < len(ids):
        raise _TakenError(frozenset(ids) - still_open)
    if closed:
        await cursor.execute(_CLOSE, (list(closed), list(closed.values())))
    if failed:
        letters = list(failed.values())
        columns = ([x.code for x in letters], [x.reason for x in letters], [x.device_id for x in letters])
        await cursor.execute(_KEEP_OPEN, (list(failed), *columns))


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    _, received_at, adapter, source, channel, payload, reason, code, digest, device_id = row
    frame = Frame(adapter, source, channel, bytes(payload), instants.from_datetime(received_at))
    return DeadLetter(frame, reason, code, bytes(digest), len(payload), device_id)


def _entry(row: tuple[Any, ...]) -> DeadLetterEntry:
    letter_id, received_at, adapter, source, channel, code, reason, device_id, size, replayable = row[:10]
    return DeadLetterEntry(
        id=letter_id,
        received_at=instants.from_datetime(received_at),
        adapter=adapter,
        source=source,
        channel=channel,
        code=code,
        reason=reason,
        device_id=device_id,
        size_bytes=size,
        replayable=replayable,
        replayed_at=None if row[10] is None else instants.from_datetime(row[10]),
        outcome=row[11],
    )
