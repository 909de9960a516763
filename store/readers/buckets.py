"""Readings summed up by buckets: of whole hours from the rollups, all else from the readings themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import LiteralString

from devices.instants import from_datetime, to_datetime
from devices.read_models import SeriesBucket
from store.reading import ReadSession
from store.rollups.notes import HOUR

# The origin is the Monday from which TimescaleDB's time_bucket counts, so both give the same buckets. Ties of the last
# instant go to the greatest value: an order that does not depend on which copy arrived first.
_RAW = """
SELECT date_bin(%(width)s, r.observed_at, '2000-01-03 00:00:00+00') AS start_at,
       count(*), min(r.value), max(r.value), avg(r.value),
       (array_agg(r.value ORDER BY r.observed_at DESC, r.value DESC))[1]
FROM readings r
WHERE r.device_key = (SELECT key FROM devices WHERE id = %(device)s)
  AND r.metric_key = (SELECT key FROM metrics WHERE name = %(metric)s)
  AND r.observed_at >= %(start)s AND r.observed_at < %(end)s
GROUP BY start_at
ORDER BY start_at
"""

_SUMS: LiteralString = """
SELECT date_bin(%(width)s, p.at, '2000-01-03 00:00:00+00') AS start_at,
       sum(p.count)::bigint, min(p.least), max(p.greatest), sum(p.total) / sum(p.count)::bigint,
       (array_agg(p.last ORDER BY p.at DESC, p.last DESC))[1]
FROM (
    SELECT h.at, h.count, h.least, h.greatest, h.total, h.last
      FROM rollup_hours h
     WHERE h.device_key = (SELECT key FROM devices WHERE id = %(device)s)
       AND h.metric_key = (SELECT key FROM metrics WHERE name = %(metric)s)
       AND h.at >= %(first)s AND h.at < %(last)s
"""
_ENDS: LiteralString = """
    UNION ALL
    SELECT r.observed_at, 1, r.value, r.value, r.value, r.value
      FROM readings r
     WHERE r.device_key = (SELECT key FROM devices WHERE id = %(device)s)
       AND r.metric_key = (SELECT key FROM metrics WHERE name = %(metric)s)
       AND r.observed_at >= %(start)s AND r.observed_at < %(first)s
    UNION ALL
    SELECT r.observed_at, 1, r.value, r.value, r.value, r.value
      FROM readings r
     WHERE r.device_key = (SELECT key FROM devices WHERE id = %(device)s)
       AND r.metric_key = (SELECT key FROM metrics WHERE name = %(metric)s)
       AND r.observed_at >= %(last)s AND r.observed_at < %(end)s
"""
_GROUPED: LiteralString = ") AS p GROUP BY start_at ORDER BY start_at"
# Whole hours from the rollups, which outlive the readings; what is left of an hour at either end from the readings.
_HOURS: LiteralString = _SUMS + _GROUPED
_HOURS_AND_ENDS: LiteralString = _SUMS + _ENDS + _GROUPED


async def buckets(
    session: ReadSession, device_id: str, metric: str, *, start: int, end: int, width: int
) -> tuple[SeriesBucket, ...]:
    """The buckets of ``width`` within ``[start, end)`` that hold readings, counted from Monday 2000-01-03T00:00Z (µs).

    A bucket that reaches beyond the span is given in part. The mean may differ in its last digits by how it is summed.
    """
    first, last = -(-start // HOUR) * HOUR, end // HOUR * HOUR
    if width % HOUR or first >= last:
        return await buckets_of_readings(session, device_id, metric, start=start, end=end, width=width)
    params = _params(device_id, metric, start, end, width)
    params |= {"first": to_datetime(first), "last": to_datetime(last)}
    rows = await session.rows(_HOURS if (first, last) == (start, end) else _HOURS_AND_ENDS, params)
    return tuple(SeriesBucket(from_datetime(start_at), *figures) for start_at, *figures in rows)


async def buckets_of_readings(
    session: ReadSession, device_id: str, metric: str, *, start: int, end: int, width: int
) -> tuple[SeriesBucket, ...]:
    """The same of the readings that are still there, whatever the width."""
    rows = await session.rows(_RAW, _params(device_id, metric, start, end, width))
    return tuple(SeriesBucket(from_datetime(start_at), *figures) for start_at, *figures in rows)


def _params(device_id: str, metric: str, start: int, end: int, width: int) -> dict[str, object]:
    return {
        "device": device_id,
        "metric": metric,
        "start": to_datetime(start),
        "end": to_datetime(end),
        "width": timedelta(microseconds=width),
    }
