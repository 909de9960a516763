"""What a device said over a span, as columns: its track, its signals, its events (``fleet.track.Driven``)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from devices.instants import from_datetime, to_datetime
from fleet.track import Driven, Signal, Track, empty_track
from store.readers_session import ReadSession, Row

PATIENCE_S = 60.0

_DEVICES = """
SELECT d.id, d.key, d.name, d.attributes, s.lat, s.lon
  FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
 WHERE d.kind = %(kind)s AND (%(id)s::text IS NULL OR d.id = %(id)s::text) AND d.status = 'active' ORDER BY d.id
"""
_TRACK = """
SELECT DISTINCT ON (observed_at) (extract(epoch FROM observed_at) * 1000000)::bigint, lat, lon, speed_kmh, heading_deg
  FROM fixes
 WHERE device_key = %(key)s AND observed_at >= %(start)s AND observed_at < %(end)s AND valid
 ORDER BY observed_at, seq DESC NULLS LAST, variant DESC
"""
# Of one instant the greater value wins, as it does for what is newest; doubted ones (quality 4) count for nothing.
_SIGNAL = """
SELECT (extract(epoch FROM observed_at) * 1000000)::bigint, max(value) FROM readings
 WHERE device_key = %(key)s AND metric_key = (SELECT key FROM metrics WHERE name = %(metric)s)
   AND observed_at >= %(start)s AND observed_at < %(end)s AND quality & 4 = 0
 GROUP BY observed_at ORDER BY observed_at
"""
_BEFORE = """
SELECT (extract(epoch FROM observed_at) * 1000000)::bigint, value FROM readings
 WHERE device_key = %(key)s AND metric_key = (SELECT key FROM metrics WHERE name = %(metric)s)
   AND observed_at < %(start)s AND observed_at >= %(start)s - interval '7 days' AND quality & 4 = 0
 ORDER BY observed_at DESC, value DESC LIMIT 1
"""
_EVENTS = """
SELECT kind, observed_at, attributes FROM events
 WHERE device_key = %(key)s AND observed_at >= %(start)s AND observed_at < %(end)s ORDER BY observed_at, kind, variant
"""


class Known(msgspec.Struct, frozen=True):
    """A device with what is known of it; ``place`` is its newest position, (longitude, latitude)."""

    id: str
    key: int
    name: str
    attributes: dict[str, object]
    place: tuple[float, float] | None


class DrivenHistory:
    """Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def devices(self, kind: str, device: str | None = None) -> list[Known]:
        """The devices in service of a kind, by id; or only the one that is named."""
        rows = await self._session.rows(_DEVICES, {"kind": kind, "id": device})
        return [_known(row) for row in rows]

    async def driven(
        self, device: Known, start: int, end: int, *, metrics: Sequence[str] = (), track: bool = True,
        events: bool = True,
    ) -> Driven:  # fmt: skip
        """All that a device said over ``[start, end)`` (µs) of these metrics; only signals with a value are there."""
        span = {"key": device.key, "start": to_datetime(start), "end": to_datetime(end)}
        signals = {}
        for metric in metrics:
            signal = await self._signal(metric, span)
            if len(signal.at):
                signals[metric] = signal
        places = await self._session.rows(_TRACK, span, timeout_s=PATIENCE_S) if track else []
        told = await self._session.rows(_EVENTS, span, timeout_s=PATIENCE_S) if events else []
        return Driven(
            device.id, start, end, _track(places), signals,
            tuple((kind, from_datetime(at), attributes) for kind, at, attributes in told),
        )  # fmt: skip

    async def _signal(self, metric: str, span: dict[str, object]) -> Signal:
        values = {**span, "metric": metric}
        before = await self._session.rows(_BEFORE, values, timeout_s=PATIENCE_S)
        rows = before + await self._session.rows(_SIGNAL, values, timeout_s=PATIENCE_S)
        return Signal(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float64))


def _known(row: Row) -> Known:
    name, key, title, attributes, lat, lon = row
    return Known(name, key, title or "", attributes or {}, None if lat is None or lon is None else (lon, lat))


def _track(rows: Sequence[Row]) -> Track:
    if not rows:
        return empty_track()
    columns = list(zip(*rows, strict=True))
    at = np.array(columns[0], np.int64)
    lat, lon, speed, heading = (np.array(column, np.float64) for column in columns[1:])  # None becomes NaN
    return Track(at, lat, lon, speed, heading)
