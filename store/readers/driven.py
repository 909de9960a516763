"""What a device drove, read in bulk: its positions, readings and events over a span as columns.

A row a position would be a message a position: the driver's calls alone would cost more than all judging. So the server
gathers each column of a span into an array and sends it in its binary form (``array_send``; the layout is that of
src/backend/utils/adt/arrayfuncs.c: five 32-bit words of head, then for each element its length and its value), which
numpy reads as it stands. A span is asked for in pieces of ``PIECE_US``, so that memory is bounded on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from devices.clock import YEAR_2000
from devices.instants import from_datetime, to_datetime
from fleet.track import Column, Driven, Instants, Signal, Track, empty_track, in_order
from store.reading import ReadSession

PIECE_US = 7 * 24 * 3_600_000_000
TIMEOUT_S = 60.0
HEAD = 20

_TRACK = """
SELECT array_send(array_agg(f.observed_at)), array_send(array_agg(f.lat)), array_send(array_agg(f.lon)),
       array_send(array_agg(coalesce(f.speed_kmh, 'NaN'))), array_send(array_agg(coalesce(f.heading_deg, 'NaN')))
FROM fixes f
WHERE f.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND f.observed_at >= %(start)s AND f.observed_at < %(end)s AND f.valid
"""

# The same with what ranks fixes of one instant, asked only where there are such: two columns of seven cost a quarter.
_RANKED = """
SELECT array_send(array_agg(f.observed_at)), array_send(array_agg(f.lat)), array_send(array_agg(f.lon)),
       array_send(array_agg(coalesce(f.speed_kmh, 'NaN'))), array_send(array_agg(coalesce(f.heading_deg, 'NaN'))),
       array_send(array_agg(coalesce(f.seq, -9223372036854775808))), array_send(array_agg(f.variant::bigint))
FROM fixes f
WHERE f.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND f.observed_at >= %(start)s AND f.observed_at < %(end)s AND f.valid
"""

_SIGNALS = """
SELECT m.name, array_send(array_agg(r.observed_at)), array_send(array_agg(r.value))
FROM readings r JOIN metrics m ON m.key = r.metric_key
WHERE r.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND r.metric_key = ANY (ARRAY(SELECT key FROM metrics WHERE name = ANY (%(metrics)s)))
  AND r.observed_at >= %(start)s AND r.observed_at < %(end)s
GROUP BY m.name
"""

# Not from the beginning of all times: what was said before that says nothing about the span.
_BEFORE = """
SELECT m.name, b.observed_at, b.value
FROM metrics m
CROSS JOIN LATERAL (
    SELECT r.observed_at, r.value FROM readings r
    WHERE r.device_key = (SELECT key FROM devices WHERE id = %(device)s) AND r.metric_key = m.key
      AND r.observed_at < %(start)s AND r.observed_at >= %(start)s - interval '1 day'
    ORDER BY r.observed_at DESC, r.value DESC
    LIMIT 1) b
WHERE m.name = ANY (%(metrics)s)
"""

_EVENTS = """
SELECT e.kind, e.observed_at, e.attributes
FROM events e
WHERE e.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND e.observed_at >= %(start)s AND e.observed_at < %(end)s
ORDER BY e.observed_at, e.kind, e.variant
"""

_EMPTIED = """
SELECT d.id, ARRAY(
    SELECT e.observed_at FROM events e
    WHERE e.device_key = d.key AND e.kind = 'emptied' AND e.observed_at >= %(start)s AND e.observed_at < %(end)s
    ORDER BY e.observed_at)
FROM devices d
WHERE d.id = ANY (%(devices)s) AND EXISTS (
    SELECT FROM readings r
    WHERE r.device_key = d.key AND r.observed_at >= %(start)s AND r.observed_at < %(end)s
      AND r.metric_key = ANY (ARRAY(SELECT key FROM metrics WHERE name IN ('fill_pct', 'distance_mm', 'weight_kg'))))
ORDER BY d.id
"""


class DrivenReads:
    """What devices drove. Spans are ``[start, end)`` in µs."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def driven(self, device_id: str, *, start: int, end: int, metrics: Sequence[str]) -> Driven:
        """The track, the signals of the metrics that are asked for, and the events of a device.

        Of each signal the last value of the day before ``start`` is included. An unknown device drove nothing.
        """
        tracks: list[Track] = []
        pieces: dict[str, list[Signal]] = {}
        params: dict[str, object] = {"device": device_id, "metrics": list(metrics), "start": to_datetime(start)}
        for name, at, value in await self._session.rows(_BEFORE, params, timeout_s=TIMEOUT_S):
            pieces[name] = [Signal(np.array([from_datetime(at)], np.int64), np.array([value], float))]
        for begin, until in _cut(start, end):
            params |= {"start": to_datetime(begin), "end": to_datetime(until)}
            (columns,) = await self._session.rows(_TRACK, params, timeout_s=TIMEOUT_S, binary=True)
            if columns[0] is not None and _ties(_instants(columns[0])):
                (columns,) = await self._session.rows(_RANKED, params, timeout_s=TIMEOUT_S, binary=True)
            if columns[0] is not None:
                tracks.append(_track(columns))
            for name, at, value in await self._session.rows(_SIGNALS, params, timeout_s=TIMEOUT_S, binary=True):
                pieces.setdefault(name, []).append(in_order(Signal(_instants(at), _numbers(value))))
        params |= {"start": to_datetime(start)}
        events = [
            (kind, from_datetime(at), attributes)
            for kind, at, attributes in await self._session.rows(_EVENTS, params, timeout_s=TIMEOUT_S)
        ]
        signals = {
            name: Signal(*(np.concatenate(column) for column in zip(*some, strict=True)))
            for name, some in sorted(pieces.items())
        }
        return Driven(device_id, start, end, _joined(tracks), signals, tuple(events))

    async def emptied(self, device_ids: Iterable[str], *, start: int, end: int) -> Mapping[str, tuple[int, ...]]:
        """When bins were emptied, for those bins that told of their level at all in the span."""
        params = {"devices": sorted(set(device_ids)), "start": to_datetime(start), "end": to_datetime(end)}
        rows = await self._session.rows(_EMPTIED, params, timeout_s=TIMEOUT_S)
        return {device: tuple(from_datetime(at) for at in instants) for device, instants in rows}


def _cut(start: int, end: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, end, PIECE_US):
        yield begin, min(end, begin + PIECE_US)


def _track(columns: Sequence[bytes]) -> Track:
    """Columns of fixes in order; of one instant that with the greatest ``seq``, then the greatest variant."""
    at = _instants(columns[0])
    values = [_numbers(column) for column in columns[1:5]]
    if len(at) > 1 and not (np.diff(at) > 0).all():
        ranks = [_whole(column) for column in columns[5:]]
        order = np.lexsort((*ranks[::-1], at))
        order = order[np.concatenate((np.diff(at[order]) > 0, [True]))]
        at, values = at[order], [column[order] for column in values]
    return Track(at, *values)


def _ties(at: Instants) -> bool:
    """Whether there are several fixes of one instant."""
    return len(np.unique(at)) < len(at) if (np.diff(at) < 0).any() else bool((np.diff(at) == 0).any())


def _joined(tracks: Sequence[Track]) -> Track:
    if not tracks:
        return empty_track()
    return Track(*(np.concatenate(column) for column in zip(*tracks, strict=True)))


def _instants(data: bytes) -> Instants:
    return _whole(data) + YEAR_2000


def _whole(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(data, np.dtype([("length", ">i4"), ("value", ">i8")]), offset=HEAD)["value"].astype(np.int64)


def _numbers(data: bytes) -> Column:
    return np.frombuffer(data, np.dtype([("length", ">i4"), ("value", ">f8")]), offset=HEAD)["value"].astype(float)
