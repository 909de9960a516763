"""The table of receipts: where messages without a usable time were filed (ADR 0006)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from psycopg import AsyncConnection, AsyncCursor

from devices import instants
from devices.vocabulary import Receipt, ReceiptKey

_ENTER = """
INSERT INTO receipts (device_key, digest, token, filed_at)
SELECT * FROM unnest(%s::integer[], %s::bytea[], %s::integer[], %s::timestamptz[]) ON CONFLICT DO NOTHING
"""

_FIND = """
SELECT w.device_key, w.digest, w.token, max(r.filed_at)
  FROM receipts r JOIN unnest(%s::integer[], %s::bytea[], %s::integer[]) AS w (device_key, digest, token)
       ON r.device_key = w.device_key AND r.digest = w.digest AND (r.token = w.token OR w.token = -1)
 GROUP BY 1, 2, 3
"""


async def enter(cursor: AsyncCursor, receipts: Sequence[Receipt]) -> None:
    """Enter receipts; one that is there already stays as it is."""
    await cursor.execute(
        _ENTER,
        (
            [receipt.device.key for receipt in receipts],
            [receipt.digest for receipt in receipts],
            [receipt.token for receipt in receipts],
            [instants.to_datetime(receipt.filed_at) for receipt in receipts],
        ),
    )


async def find(connection: AsyncConnection, wanted: Iterable[ReceiptKey]) -> Mapping[ReceiptKey, int]:
    """The key asked for → instant (µs), the newest of several."""
    columns = [list(column) for column in zip(*wanted, strict=True)]
    rows = await (await connection.execute(_FIND, columns)).fetchall()
    return {(row[0], bytes(row[1]), row[2]): instants.from_datetime(row[3]) for row in rows}
