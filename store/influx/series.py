"""Series of InfluxDB by Flux: the readings of one metric of a device, and their sums by buckets.

The scripts are constant; what comes from outside travels as options that the client adds to them. They follow the Flux
documentation; no Flux can be run where this is tested, so the tests hold only requests and the reading of answers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from devices.instants import from_datetime, to_datetime
from devices.read_models import Page, SeriesBucket, SeriesPoint
from store import cursors
from store.cursors import ReadingCursor
from store.influx.client import InfluxClient
from store.influx.points import Naming
from store.telemetry.partitions import ORIGIN

_SERIES = """
from(bucket: _bucket)
  |> range(start: _begin, stop: _end)
  |> filter(fn: (r) => r._measurement == _readings and r.device == _device)
  |> filter(fn: (r) => r._field == _metric or r._field == "received_us" or r._field == "quality")
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> rename(fn: (column) => if column == _metric then "value" else column)
  |> filter(fn: (r) => exists r.value)
  |> keep(columns: ["_time", "value", "received_us", "quality"])
  |> group()
  |> sort(columns: ["_time"])
  |> limit(n: _limit)
"""

# One pass over each window; the window's own beginning may be cut off by the range, so its place is worked out here.
_BUCKETS = """
import "math"

from(bucket: _bucket)
  |> range(start: _begin, stop: _end)
  |> filter(fn: (r) => r._measurement == _readings and r.device == _device and r._field == _metric)
  |> keep(columns: ["_start", "_stop", "_time", "_value"])
  |> sort(columns: ["_time"])
  |> window(every: _width, offset: _offset)
  |> reduce(
      fn: (r, accumulator) => ({
          count: accumulator.count + 1,
          total: accumulator.total + r._value,
          minimum: if r._value < accumulator.minimum then r._value else accumulator.minimum,
          maximum: if r._value > accumulator.maximum then r._value else accumulator.maximum,
          last: r._value,
      }),
      identity: {count: 0, total: 0.0, minimum: math.maxfloat, maximum: -1.0 * math.maxfloat, last: 0.0},
  )
  |> group()
  |> sort(columns: ["_start"])
"""


class InfluxSeries:
    """Series over a bucket that the sink fills. Raises TransientError while InfluxDB is away."""

    def __init__(self, client: InfluxClient, naming: Naming) -> None:
        self._client, self._naming = client, naming

    async def series(
        self, device_id: str, metric: str, *, start: int, end: int, cursor: str | None, limit: int
    ) -> Page[SeriesPoint]:
        """Readings of ``[start, end)`` (µs), oldest first, one an instant: of several values InfluxDB has the greatest.

        Quality and time of reception are of all the device said at the instant; claims of wrong clocks are not there.
        """
        begin = max(start, cursors.read(cursor, ReadingCursor(start - 1, 0.0)).observed_at + 1)
        if begin >= end:  # an empty range is an error in Flux
            return Page((), None)
        rows = await self._rows(_SERIES, device_id, metric, begin, end, _limit=limit + 1)
        items = tuple(_point(row) for row in rows[:limit])
        more = cursors.write(ReadingCursor(items[-1].observed_at, items[-1].value)) if len(rows) > limit else None
        return Page(items, more)

    async def buckets(
        self, device_id: str, metric: str, *, start: int, end: int, width: int
    ) -> tuple[SeriesBucket, ...]:
        """Readings of ``[start, end)`` by buckets of ``width`` µs, counted from Monday 2000-01-03T00:00Z."""
        if start >= end:
            return ()
        grid = {"_width": timedelta(microseconds=width), "_offset": timedelta(microseconds=ORIGIN % width)}
        rows = await self._rows(_BUCKETS, device_id, metric, start, end, **grid)
        return tuple(_bucket(row, width) for row in rows)

    async def _rows(
        self, flux: str, device_id: str, metric: str, begin: int, end: int, **more: object
    ) -> list[dict[str, Any]]:
        params: dict[str, object] = {
            "_bucket": self._client.target.bucket,
            "_readings": self._naming.readings,
            "_device": device_id,
            "_metric": metric,
            "_begin": to_datetime(begin),
            "_end": to_datetime(end),
        }
        return await self._client.query(flux, params | more)


def _point(row: dict[str, Any]) -> SeriesPoint:
    at = _micros(row["_time"])
    return SeriesPoint(at, float(row["value"]), int(row.get("received_us") or at), int(row.get("quality") or 0))


def _bucket(row: dict[str, Any], width: int) -> SeriesBucket:
    begin = _micros(row["_start"])
    count = int(row["count"])
    figures = (float(row["minimum"]), float(row["maximum"]), float(row["total"]) / count, float(row["last"]))
    return SeriesBucket(begin - (begin - ORIGIN) % width, count, *figures)


def _micros(moment: datetime) -> int:
    return from_datetime(moment)
