"""Readers of bins: emptyings as they stand, and what is known of each bin beside its readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from fleet.bins.records import EmptyingEntry
from store import cursors
from store.bins.history import emptying_of
from store.cursors import EmptyingCursor
from store.reading import ReadSession, Row, micros_or_none

_EMPTYINGS: LiteralString = """
SELECT d.id, e.at, e.since, e.until, e.before_pct, e.after_pct, e.vehicle, e.proof, e.partial,
       e.found_at, e.revised_at, e.retracted
  FROM emptyings e JOIN devices d ON d.key = e.device_key
 WHERE e.at >= %(start)s AND e.at < %(end)s AND (e.at, e.device_key) < (%(at)s, %(key)s)
   AND (cardinality(%(devices)s::text[]) = 0 OR d.id = ANY (%(devices)s::text[]))
   AND (cardinality(%(vehicles)s::text[]) = 0 OR e.vehicle = ANY (%(vehicles)s::text[]))
   AND (%(retracted)s OR NOT e.retracted)
 ORDER BY e.at DESC, e.device_key DESC LIMIT %(limit)s
"""
_KEY = "SELECT key FROM devices WHERE id = %(id)s"
_BINS = """
SELECT d.key, d.id, d.attributes, d.registered_at,
       (SELECT max(e.at) FROM emptyings e WHERE e.device_key = d.key AND NOT e.retracted AND e.at <= %(at)s),
       ARRAY (SELECT a.rule FROM alerts a WHERE a.device_key = d.key AND a.rule = ANY (%(rules)s::text[])
                 AND a.cleared_at IS NULL AND a.closed_at IS NULL AND NOT a.retracted ORDER BY a.rule)
  FROM devices d
 WHERE d.kind = 'bin' AND d.status IN ('active', 'pending')
   AND (cardinality(%(devices)s::text[]) = 0 OR d.id = ANY (%(devices)s::text[]))
 ORDER BY d.id
"""


class BinRow(NamedTuple):
    """A bin in service: key, id, attributes, registration and last emptying (µs), and open alerts that ask for it."""

    key: int
    id: str
    attributes: Mapping[str, Any]
    registered_at: int
    emptied_at: int | None
    alerts: Sequence[str]


class BinReads:
    """Raises TransientError while the store is away, CursorError for a cursor that it did not make."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def emptyings(
        self,
        *,
        start: int,
        end: int,
        devices: Sequence[str] = (),
        vehicles: Sequence[str] = (),
        retracted: bool = False,
        cursor: str | None,
        limit: int,
    ) -> Page[EmptyingEntry]:
        """Emptyings in ``[start, end)`` (µs, the bins' time), newest first; empty filters let all in."""
        before = cursors.read(cursor, EmptyingCursor(end, -1))
        params = {
            "start": to_datetime(start),
            "end": to_datetime(end),
            "at": to_datetime(before.at),
            "key": before.key,
            "devices": list(devices),
            "vehicles": list(vehicles),
            "retracted": retracted,
            "limit": limit + 1,
        }
        rows = await self._session.rows(_EMPTYINGS, params)
        items = tuple(_entry(row) for row in rows[:limit])
        if len(rows) <= limit:
            return Page(items)
        ((key,),) = await self._session.rows(_KEY, {"id": items[-1].emptying.bin})
        return Page(items, cursors.write(EmptyingCursor(items[-1].emptying.at, key)))

    async def bins(self, at: int, rules: Sequence[str], devices: Sequence[str] = ()) -> list[BinRow]:
        """The bins in service, by id: all, or those of ``devices``; emptied up to ``at`` (µs)."""
        params = {"at": to_datetime(at), "rules": list(rules), "devices": list(devices)}
        rows = await self._session.rows(_BINS, params)
        return [
            BinRow(key, name, attributes, from_datetime(registered), micros_or_none(emptied), alerts)
            for key, name, attributes, registered, emptied, alerts in rows
        ]


def _entry(row: Row) -> EmptyingEntry:
    *emptying, found_at, revised_at, retracted = row
    return EmptyingEntry(emptying_of(tuple(emptying)), from_datetime(found_at), micros_or_none(revised_at), retracted)
