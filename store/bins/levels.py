"""What the store knows of bins for planning: where they stand, what they held last, and how fast they fill."""

from __future__ import annotations

from typing import Any

from devices.instants import from_datetime, to_datetime
from fleet.planning.demands import HOUR_US, KG_PER_L, BinLevel
from store.reading import ReadSession, Row

DROP_PCT = 15.0  #: a fall by more than that is an emptying and not the sensor
LITRES = 240.0  #: of a bin that does not say

# The newest reading before the instant; the net rise without the drops over the days before it; the last emptying. An
# open alert counts unless it is about fullness, which planning judges by itself.
_LEVELS = """
WITH bins AS (
    SELECT d.key, d.id, d.attributes, s.lat, s.lon FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
     WHERE d.kind = 'bin' AND d.status = 'active'
), steps AS (
    SELECT r.device_key, r.observed_at, r.value,
           r.value - lag(r.value) OVER w AS rise, r.observed_at - lag(r.observed_at) OVER w AS took
      FROM readings r JOIN bins b ON b.key = r.device_key
     WHERE r.metric_key = (SELECT key FROM metrics WHERE name = 'fill_pct')
       AND r.observed_at > %(since)s AND r.observed_at <= %(at)s
    WINDOW w AS (PARTITION BY r.device_key ORDER BY r.observed_at, r.value)
), rates AS (
    SELECT device_key, max(observed_at) AS at, (array_agg(value ORDER BY observed_at DESC, value DESC))[1] AS fill,
           sum(rise) FILTER (WHERE rise > -%(drop)s) / nullif(extract(epoch FROM sum(took))::float8, 0) * 3600 AS rate
      FROM steps GROUP BY device_key
)
SELECT b.id, b.attributes, b.lat, b.lon, r.fill, r.at, r.rate,
       (SELECT max(e.observed_at) FROM events e
         WHERE e.device_key = b.key AND e.kind = 'emptied' AND e.observed_at <= %(at)s),
       EXISTS (SELECT FROM alerts a WHERE a.device_key = b.key AND a.cleared_at IS NULL AND a.closed_at IS NULL
                  AND NOT a.retracted AND a.severity = 'critical')
  FROM bins b LEFT JOIN rates r ON r.device_key = b.key
 ORDER BY b.id
"""


async def bin_levels(reads: ReadSession, at: int, *, days: int = 3) -> tuple[tuple[BinLevel, ...], tuple[str, ...]]:
    """Active bins as they are known at ``at`` (µs), by id; and the ids of those whose place nobody knows.

    Rates are of so many days before. A bin with an open critical alert is one to be seen to. Raises TransientError.
    """
    values = {"at": to_datetime(at), "since": to_datetime(at - days * 24 * HOUR_US), "drop": DROP_PCT}
    rows = await reads.rows(_LEVELS, values)
    levels = [(row[0], _level(row)) for row in rows]
    return (
        tuple(level for _, level in levels if level is not None),
        tuple(name for name, level in levels if level is None),
    )


def _level(row: Row) -> BinLevel | None:
    name, attributes, lat, lon, fill, at, rate, emptied, alert = row
    lat, lon = _number(attributes, "lat", lat), _number(attributes, "lon", lon)
    if lat is None or lon is None:
        return None
    return BinLevel(
        name,
        lon,
        lat,
        _number(attributes, "litres", LITRES) or LITRES,
        fill,
        0 if at is None else from_datetime(at),
        max(0.0, rate or 0.0),
        None if emptied is None else from_datetime(emptied),
        alert,
        _number(attributes, "kg_per_l", KG_PER_L) or KG_PER_L,
        _number(attributes, "service_s", 40.0) or 40.0,
    )


def _number(attributes: dict[str, Any], name: str, default: float | None) -> float | None:
    value = attributes.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
