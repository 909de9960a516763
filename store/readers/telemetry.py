"""Readers of a device's history: readings, bucketed readings, tracks and events."""

from __future__ import annotations

from collections.abc import Sequence

from devices.instants import from_datetime, to_datetime
from devices.read_models import EventRecord, Page, SeriesBucket, SeriesPoint, TrackPoint
from store import cursors
from store.cursors import LEAST_SEQ, LEAST_VARIANT, EventCursor, FixCursor, ReadingCursor
from store.readers import buckets as readers_buckets
from store.reading import ReadSession, Row, micros_or_none

# Each list goes on from a position in its sort order. Without a cursor that position is the instant just before the
# span (just behind it for lists that run backwards), so that one form of statement serves the first page and the rest.
_SERIES = """
SELECT r.observed_at, r.value, r.received_at, r.quality, r.claimed_at
FROM readings r
WHERE r.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND r.metric_key = (SELECT key FROM metrics WHERE name = %(metric)s)
  AND r.observed_at >= %(start)s AND r.observed_at < %(end)s
  AND (r.observed_at, r.value) > (%(at)s::timestamptz, %(value)s::float8)
ORDER BY r.observed_at, r.value
LIMIT %(limit)s
"""

# A fix without a sequence number sorts first in its instant; as the least number it can be compared in a row value.
_TRACK = """
SELECT f.observed_at, f.received_at, f.lat, f.lon, f.altitude_m, f.speed_kmh, f.heading_deg, f.hdop,
       f.satellites, f.constellations, f.seq, f.quality, f.valid, f.variant
FROM fixes f
WHERE f.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND f.observed_at >= %(start)s AND f.observed_at < %(end)s
  AND (f.valid OR %(include_invalid)s)
  AND (f.observed_at, coalesce(f.seq, -9223372036854775808), f.variant)
      > (%(at)s::timestamptz, %(seq)s::bigint, %(variant)s::integer)
ORDER BY f.observed_at, coalesce(f.seq, -9223372036854775808), f.variant
LIMIT %(limit)s
"""

_EVENTS = """
SELECT e.kind, e.observed_at, e.received_at, e.attributes, e.quality, e.claimed_at, e.variant
FROM events e
WHERE e.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND e.observed_at >= %(start)s AND e.observed_at < %(end)s AND e.observed_at <= %(at)s
  AND (cardinality(%(kinds)s::text[]) = 0 OR e.kind = ANY (%(kinds)s::text[]))
  AND (e.observed_at, e.kind, e.variant) < (%(at)s::timestamptz, %(kind)s::text, %(variant)s::integer)
ORDER BY e.observed_at DESC, e.kind DESC, e.variant DESC
LIMIT %(limit)s
"""


def _point(row: Row) -> SeriesPoint:
    observed_at, value, received_at, quality, claimed_at = row
    return SeriesPoint(
        from_datetime(observed_at), value, from_datetime(received_at), quality, micros_or_none(claimed_at)
    )


def _track_point(row: Row) -> TrackPoint:
    observed_at, received_at, lat, lon, altitude_m, speed_kmh, heading_deg, hdop = row[:8]
    satellites, constellations, seq, quality, valid = row[8:13]
    return TrackPoint(
        observed_at=from_datetime(observed_at),
        received_at=from_datetime(received_at),
        lat=lat,
        lon=lon,
        altitude_m=altitude_m,
        speed_kmh=speed_kmh,
        heading_deg=heading_deg,
        hdop=hdop,
        satellites=satellites,
        constellations=tuple(constellations.split(",")) if constellations else (),
        seq=seq,
        quality=quality,
        valid=valid,
    )


def _event(row: Row) -> EventRecord:
    kind, observed_at, received_at, attributes, quality, claimed_at, _ = row
    return EventRecord(
        kind, from_datetime(observed_at), from_datetime(received_at), attributes, quality, micros_or_none(claimed_at)
    )


class TelemetryReads:
    """The history of one device (``api.ports.telemetry.TelemetryReader``). Spans are ``[start, end)`` in µs."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def series(
        self, device_id: str, metric: str, *, start: int, end: int, cursor: str | None, limit: int
    ) -> Page[SeriesPoint]:
        """Readings as stored, oldest first; of one instant, smaller values first."""
        after = cursors.read(cursor, ReadingCursor(start - 1, 0.0))
        params = {
            "device": device_id,
            "metric": metric,
            "start": to_datetime(max(start, after.observed_at)),
            "end": to_datetime(end),
            "at": to_datetime(after.observed_at),
            "value": after.value,
            "limit": limit + 1,
        }
        rows = await self._session.rows(_SERIES, params)
        items = tuple(_point(row) for row in rows[:limit])
        more = cursors.write(ReadingCursor(items[-1].observed_at, items[-1].value)) if len(rows) > limit else None
        return Page(items, more)

    async def buckets(
        self, device_id: str, metric: str, *, start: int, end: int, width: int
    ) -> tuple[SeriesBucket, ...]:
        """Readings summed up by buckets of ``width`` µs (see :func:`store.readers.buckets.buckets`)."""
        return await readers_buckets.buckets(self._session, device_id, metric, start=start, end=end, width=width)

    async def track(
        self, device_id: str, *, start: int, end: int, include_invalid: bool, cursor: str | None, limit: int
    ) -> Page[TrackPoint]:
        """Positions, oldest first; of one instant by ``seq`` (those without one first), then by variant."""
        after = cursors.read(cursor, FixCursor(start - 1, 0, 0))
        params = {
            "device": device_id,
            "start": to_datetime(max(start, after.observed_at)),
            "end": to_datetime(end),
            "include_invalid": include_invalid,
            "at": to_datetime(after.observed_at),
            "seq": after.seq,
            "variant": after.variant,
            "limit": limit + 1,
        }
        rows = await self._session.rows(_TRACK, params)
        more = None
        if len(rows) > limit:
            observed_at, seq, variant = rows[limit - 1][0], rows[limit - 1][10], rows[limit - 1][13]
            more = cursors.write(FixCursor(from_datetime(observed_at), LEAST_SEQ if seq is None else seq, variant))
        return Page(tuple(_track_point(row) for row in rows[:limit]), more)

    async def events(
        self, device_id: str, *, start: int, end: int, kinds: Sequence[str] = (), cursor: str | None, limit: int
    ) -> Page[EventRecord]:
        """Events, newest first."""
        before = cursors.read(cursor, EventCursor(end, "", LEAST_VARIANT))
        params = {
            "device": device_id,
            "start": to_datetime(start),
            "end": to_datetime(end),
            "kinds": list(kinds),
            "at": to_datetime(before.observed_at),
            "kind": before.kind,
            "variant": before.variant,
            "limit": limit + 1,
        }
        rows = await self._session.rows(_EVENTS, params)
        more = None
        if len(rows) > limit:
            kind, observed_at, *_, variant = rows[limit - 1]
            more = cursors.write(EventCursor(from_datetime(observed_at), kind, variant))
        return Page(tuple(_event(row) for row in rows[:limit]), more)
