"""Records of workers on shift, as columns: what their badges said within the spans that may be read, and nothing else.

The spans travel into the statements, so that what lies outside of them never leaves the database. The first and last
instant of all of them stand beside: by these the planner leaves out partitions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np

from devices.instants import to_datetime
from fleet.evaluation.duty import LEAD_IN_US, Duty
from fleet.track import Driven, Signal, Track, empty_track
from store.reading import ReadSession, Row

_SPANS = """
unnest(%(devices)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY
    AS w (device, since, until, place) JOIN devices d ON d.id = w.device
"""
_ON_DUTY = f"""
SELECT w.place, array_agg((extract(epoch FROM r.observed_at) * 1000000)::bigint ORDER BY r.observed_at, r.value),
       array_agg(r.value ORDER BY r.observed_at, r.value)
  FROM {_SPANS}
 CROSS JOIN LATERAL (
    SELECT observed_at, value FROM readings
     WHERE device_key = d.key AND metric_key = (SELECT key FROM metrics WHERE name = 'on_duty')
       AND observed_at >= w.since AND observed_at < w.until
       AND observed_at >= %(first)s AND observed_at < %(last)s
     UNION ALL
    (SELECT observed_at, value FROM readings
      WHERE device_key = d.key AND metric_key = (SELECT key FROM metrics WHERE name = 'on_duty')
        AND observed_at < w.since AND observed_at >= w.since - %(lead)s
        AND observed_at >= %(first)s - %(lead)s AND observed_at < %(last)s
      ORDER BY observed_at DESC, value DESC LIMIT 1)) AS r
 GROUP BY w.place
"""  # noqa: S608 - constants only
_FIXES = f"""
SELECT f.place, array_agg((extract(epoch FROM f.observed_at) * 1000000)::bigint ORDER BY f.observed_at),
       array_agg(f.lat ORDER BY f.observed_at), array_agg(f.lon ORDER BY f.observed_at),
       array_agg(coalesce(f.speed_kmh, 'NaN') ORDER BY f.observed_at),
       array_agg(coalesce(f.heading_deg, 'NaN') ORDER BY f.observed_at)
  FROM (
    SELECT DISTINCT ON (w.place, t.observed_at)
           w.place, t.observed_at, t.lat, t.lon, t.speed_kmh, t.heading_deg
      FROM {_SPANS}
      JOIN fixes t ON t.device_key = d.key AND t.observed_at >= w.since AND t.observed_at < w.until AND t.valid
     WHERE t.observed_at >= %(first)s AND t.observed_at < %(last)s
     ORDER BY w.place, t.observed_at, t.seq DESC NULLS LAST, t.variant DESC) AS f
 GROUP BY f.place
"""  # noqa: S608 - constants only
_EVENTS = f"""
SELECT w.place, e.kind, (extract(epoch FROM e.observed_at) * 1000000)::bigint
  FROM {_SPANS}
  JOIN events e ON e.device_key = d.key AND e.observed_at >= w.since AND e.observed_at < w.until
 WHERE e.kind IN ('check_in', 'check_out') AND e.observed_at >= %(first)s AND e.observed_at < %(last)s
 ORDER BY w.place, e.observed_at, e.kind
"""  # noqa: S608 - constants only
PATIENCE_S = 60.0


class WorkerRecords:
    """Reads on behalf of evaluations. Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def of(self, duties: Iterable[Duty]) -> list[Driven | None]:
        """For each duty the records of its device within its span; None where it has no device.

        Besides, of ``on_duty`` the last value before the span (:data:`fleet.evaluation.duty.LEAD_IN_US`).
        """
        asked = list(duties)
        own = [duty for duty in asked if duty.device is not None]
        if not own:
            return [None] * len(asked)
        values = {
            "devices": [duty.device for duty in own],
            "starts": [to_datetime(duty.start) for duty in own],
            "ends": [to_datetime(duty.end) for duty in own],
            "first": to_datetime(min(duty.start for duty in own)),
            "last": to_datetime(max(duty.end for duty in own)),
            "lead": timedelta(microseconds=LEAD_IN_US),
        }
        signals = {row[0]: _signal(row) for row in await self._session.rows(_ON_DUTY, values, timeout_s=PATIENCE_S)}
        tracks = {row[0]: _track(row) for row in await self._session.rows(_FIXES, values, timeout_s=PATIENCE_S)}
        events: dict[int, list[tuple[str, int, dict[str, object]]]] = {}
        for place, kind, at in await self._session.rows(_EVENTS, values, timeout_s=PATIENCE_S):
            events.setdefault(place, []).append((kind, at, {}))
        found = iter(
            Driven(
                *(duty.device or "", duty.start, duty.end, tracks.get(place, empty_track())),
                {"on_duty": signals[place]} if place in signals else {},
                tuple(events.get(place, ())),
            )
            for place, duty in enumerate(own, 1)
        )
        return [None if duty.device is None else next(found) for duty in asked]


def _signal(row: Row) -> Signal:
    return Signal(np.array(row[1], np.int64), np.array(row[2], np.float64))


def _track(row: Row) -> Track:
    return Track(np.array(row[1], np.int64), *(np.array(column, np.float64) for column in row[2:]))
