"""What the search for emptyings reads: what came since the last look, fills, the bins' own words, trucks' columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from devices.instants import from_datetime, to_datetime
from fleet.bins.emptying import Emptying, Told, series
from fleet.track import Driven, Signal, Track
from store.alerts.history import EARLIEST
from store.reading import ReadSession, Row, micros_or_none

PATIENCE_S = 60.0

_LOOKED = "SELECT received_at FROM looks WHERE name = %(name)s"
_NEWEST = "SELECT max(received_at) FROM device_state"

# Of bins: fills, and what they say of emptyings. What was entered by the hub itself is no news.
_CHANGED = """
SELECT device_key, min(observed_at), max(observed_at) FROM (
    SELECT r.device_key, r.observed_at FROM readings r
     WHERE r.received_at > %(since)s AND r.metric_key = (SELECT key FROM metrics WHERE name = 'fill_pct')
    UNION ALL
    SELECT e.device_key, e.observed_at FROM events e
     WHERE e.received_at > %(since)s AND e.kind = 'emptied' AND e.attributes ->> 'derived' IS DISTINCT FROM 'true'
) news GROUP BY device_key
"""
# Of trucks: lifts that came later than bins report, which may bear witness to what was no emptying without them.
_LATE_LIFTS = """
SELECT min(observed_at), max(observed_at) FROM readings
 WHERE received_at > %(since)s AND metric_key = (SELECT key FROM metrics WHERE name = 'lift')
   AND value >= 0.5 AND observed_at < received_at - make_interval(secs => %(late)s)
"""
_FILLS = """
SELECT device_key, observed_at, max(value) FROM readings
 WHERE device_key = ANY (%(keys)s::integer[]) AND metric_key = (SELECT key FROM metrics WHERE name = 'fill_pct')
   AND observed_at > %(begin)s AND observed_at <= %(end)s AND quality & 4 = 0
 GROUP BY device_key, observed_at
"""
_WORDS = """
SELECT device_key, observed_at, attributes FROM events
 WHERE device_key = ANY (%(keys)s::integer[]) AND kind = 'emptied' AND observed_at > %(begin)s
   AND observed_at <= %(end)s AND attributes ->> 'derived' IS DISTINCT FROM 'true'
"""
_KNOWN = """
SELECT e.device_key, d.id, e.at, e.since, e.until, e.before_pct, e.after_pct, e.vehicle, e.proof, e.partial
  FROM emptyings e JOIN devices d ON d.key = e.device_key
 WHERE e.device_key = ANY (%(keys)s::integer[]) AND NOT e.retracted AND e.until > %(begin)s AND e.until <= %(end)s
"""
# Only where the lift changes, and what it was before: a value holds until the next one.
_LIFTS = """
SELECT device_key, observed_at, value FROM (
    SELECT device_key, observed_at, value, lag(value) OVER w AS before, lead(observed_at) OVER w AS next
      FROM readings
     WHERE metric_key = (SELECT key FROM metrics WHERE name = 'lift')
       AND device_key = ANY (%(keys)s::integer[]) AND observed_at > %(begin)s AND observed_at <= %(end)s
    WINDOW w AS (PARTITION BY device_key ORDER BY observed_at, value)
) l WHERE value IS DISTINCT FROM before OR next IS NULL ORDER BY device_key, observed_at
"""
_TRACKS = """
SELECT DISTINCT ON (device_key, observed_at) device_key, observed_at, lat, lon, speed_kmh
  FROM fixes WHERE device_key = ANY (%(keys)s::integer[]) AND observed_at > %(begin)s AND observed_at <= %(end)s
   AND valid
 ORDER BY device_key, observed_at, seq DESC NULLS LAST, variant DESC
"""
# Whatever became of the devices since: reports of their time are still made of them.
_STANDING = """
SELECT d.id, d.key, d.attributes, d.registered_at,
       (SELECT max(e.at) FROM emptyings e WHERE e.device_key = d.key AND NOT e.retracted AND e.at <= %(at)s)
  FROM devices d WHERE d.id = ANY (%(ids)s::text[]) AND d.kind = 'bin' ORDER BY d.id
"""
_PLACES = (
    "SELECT device_key, lat, lon FROM device_state WHERE device_key = ANY (%(keys)s::integer[]) AND lat IS NOT NULL"
)


class BinNews(NamedTuple):
    """What is stored of a bin over a span."""

    fill: Signal
    told: list[Told]
    known: list[Emptying]


class BinStanding(NamedTuple):
    """A bin at an instant: its key and attributes, and when it was registered and emptied last before (µs)."""

    key: int
    attributes: Mapping[str, Any]
    registered_at: int
    emptied_at: int | None


class BinHistory:
    """Reads on behalf of the search for emptyings, and of who judges by them.

    Raises TransientError while the store is away.
    """

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def looked(self, name: str) -> int | None:
        """Up to which reception (µs) was looked; None: never."""
        rows = await self._session.rows(_LOOKED, {"name": name})
        return from_datetime(rows[0][0]) if rows else None

    async def newest_reception(self) -> int | None:
        """When the newest frame of any device was received (µs); None for an empty store."""
        rows = await self._session.rows(_NEWEST)
        return None if rows[0][0] is None else from_datetime(rows[0][0])

    async def changed(self, since: int) -> dict[int, tuple[int, int]]:
        """Devices of which fills or words were received after ``since`` (µs), with the span of their instants."""
        rows = await self._session.rows(_CHANGED, {"since": _moment(since)}, timeout_s=PATIENCE_S)
        return {key: (from_datetime(first), from_datetime(last)) for key, first, last in rows}

    async def late_lifts(self, since: int, late_s: float) -> tuple[int, int] | None:
        """The span of lifts that were received after ``since`` (µs) and more than ``late_s`` after they happened."""
        values = {"since": _moment(since), "late": late_s}
        ((first, last),) = await self._session.rows(_LATE_LIFTS, values, timeout_s=PATIENCE_S)
        return None if first is None else (from_datetime(first), from_datetime(last))

    async def places(self, keys: Sequence[int]) -> dict[int, tuple[float, float]]:
        """Where bins said last that they stand (WGS-84), by device key."""
        rows = await self._session.rows(_PLACES, {"keys": list(keys)})
        return {key: (lat, lon) for key, lat, lon in rows}

    async def standing(self, ids: Sequence[str], at: int) -> dict[str, BinStanding]:
        """The bins of these ids at an instant (µs), by id; one that is not known is left out."""
        rows = await self._session.rows(_STANDING, {"ids": list(ids), "at": _moment(at)})
        return {
            name: BinStanding(key, attributes, from_datetime(registered), micros_or_none(emptied))
            for name, key, attributes, registered, emptied in rows
        }

    async def news(self, keys: Sequence[int], begin: int, end: int) -> dict[int, BinNews]:
        """The fills, words and known emptyings of bins in ``(begin, end]`` (µs)."""
        span = {"keys": list(keys), "begin": _moment(begin), "end": _moment(end)}
        fills: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for key, at, value in await self._session.rows(_FILLS, span, timeout_s=PATIENCE_S):
            fills[key].append((from_datetime(at), value))
        words: dict[int, list[Told]] = defaultdict(list)
        for key, at, attributes in await self._session.rows(_WORDS, span, timeout_s=PATIENCE_S):
            words[key].append(_told(from_datetime(at), attributes))
        known: dict[int, list[Emptying]] = defaultdict(list)
        for row in await self._session.rows(_KNOWN, span, timeout_s=PATIENCE_S):
            known[row[0]].append(emptying_of(row[1:]))
        return {key: BinNews(series(fills[key]), words[key], known[key]) for key in keys}

    async def trucks(self, devices: Mapping[int, str], begin: int, end: int) -> list[Driven]:
        """What vehicles drove and lifted in ``(begin, end]`` (µs); those that never lifted there are left out."""
        span = {"keys": list(devices), "begin": _moment(begin), "end": _moment(end)}
        lifts: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for key, at, value in await self._session.rows(_LIFTS, span, timeout_s=PATIENCE_S):
            lifts[key].append((from_datetime(at), value))
        if not lifts:
            return []
        rows = await self._session.rows(_TRACKS, {**span, "keys": list(lifts)}, timeout_s=PATIENCE_S)
        tracks: dict[int, list[tuple[float, ...]]] = defaultdict(list)
        for key, at, *place in rows:
            tracks[key].append((from_datetime(at), *(np.nan if one is None else one for one in place)))
        return [Driven(devices[key], begin, end, _track(tracks[key]), {"lift": series(lifts[key])}) for key in tracks]


def emptying_of(row: Row) -> Emptying:
    """An emptying of its columns: id of the bin, at, since, until, before, after, vehicle, proof, partial."""
    name, at, since, until, *rest = row
    return Emptying(name, from_datetime(at), from_datetime(since), from_datetime(until), *rest)


def _track(rows: list[tuple[float, ...]]) -> Track:
    at = np.array([row[0] for row in rows], np.int64)
    lat, lon, speed = np.array([row[1:] for row in rows], np.float64).T
    return Track(at, lat, lon, speed, np.full(len(at), np.nan))


def _told(at: int, attributes: Mapping[str, object]) -> Told:
    levels = (attributes.get("fill_before_pct"), attributes.get("fill_after_pct"))
    before, after = (float(one) if isinstance(one, int | float) else None for one in levels)
    return Told(at, before, after)


def _moment(at: int) -> object:
    return to_datetime(max(at, EARLIEST))
