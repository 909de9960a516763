"""What is stored, as points of InfluxDB: a point is a function of what is stored of a device at an instant.

Of several values of a metric at one instant the greatest wins, as for what is newest. Of several fixes the valid ones
come first, then the greater ``seq``, then the greater ``variant``, and each field is taken from the first that has it.
So it does not matter how often or in which order instants are sent, as long as the last time is after the last change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from devices.instants import from_datetime, to_datetime
from store.connection import translated_errors
from store.influx.lines import Point, Value

Moment = tuple[int, int]
"""The key of a device, and an instant (µs)."""

Tags = Mapping[int, tuple[str, tuple[tuple[str, str], ...]]]
"""Of devices by key: the id, and the tags beside it."""

_DEVICES = "SELECT key, id, kind, attributes FROM devices WHERE key = ANY (%(keys)s::integer[])"

# The metrics that a device ever had stand in latest_readings, written by the same transaction as their readings: with
# them each question is a place in the primary key.
_READINGS_AT = """
SELECT w.key, w.at, m.name, r.value, r.quality, r.received_at
  FROM unnest(%(keys)s::integer[], %(ats)s::timestamptz[]) AS w (key, at)
  JOIN latest_readings l ON l.device_key = w.key
  JOIN metrics m ON m.key = l.metric_key
 CROSS JOIN LATERAL (
    SELECT max(r.value) AS value, bit_or(r.quality) AS quality, max(r.received_at) AS received_at FROM readings r
     WHERE r.device_key = w.key AND r.metric_key = l.metric_key AND r.observed_at = w.at) AS r
 WHERE r.value IS NOT NULL
 ORDER BY w.key, w.at, m.name
"""
_FIX_COLUMNS = ("lat", "lon", "altitude_m", "speed_kmh", "heading_deg", "hdop", "satellites", "valid", "quality")
_BEST_FIRST = "ORDER BY f.valid DESC, coalesce(f.seq, -9223372036854775808) DESC, f.variant DESC"
_FIELDS = ", ".join(
    f"(array_agg(f.{name} {_BEST_FIRST}) FILTER (WHERE f.{name} IS NOT NULL))[1]" for name in _FIX_COLUMNS
)
_FIXES_AT = f"""
SELECT f.device_key, f.observed_at, max(f.received_at), {_FIELDS}
  FROM unnest(%(keys)s::integer[], %(ats)s::timestamptz[]) AS w (key, at)
  JOIN fixes f ON f.device_key = w.key AND f.observed_at = w.at
 GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - constants only

# The next instants of a device from one on: of each metric at most so many, so that the first of them all are whole.
_INSTANTS = """
SELECT DISTINCT i.at FROM (
    SELECT r.at FROM latest_readings l CROSS JOIN LATERAL (
        SELECT DISTINCT observed_at AS at FROM readings
         WHERE device_key = l.device_key AND metric_key = l.metric_key
           AND observed_at >= %(begin)s AND observed_at < %(end)s
         ORDER BY observed_at LIMIT %(limit)s) AS r
     WHERE l.device_key = %(key)s
    UNION ALL
    (SELECT DISTINCT observed_at FROM fixes
      WHERE device_key = %(key)s AND observed_at >= %(begin)s AND observed_at < %(end)s
      ORDER BY observed_at LIMIT %(limit)s)) AS i
 ORDER BY i.at LIMIT %(limit)s
"""
_KEYS = """
SELECT key, id FROM devices
 WHERE key >= %(after)s AND (%(device)s::text IS NULL OR id = %(device)s::text) ORDER BY key
"""


class Naming(msgspec.Struct, frozen=True):
    """How points are called: measurements, and which things of devices become tags.

    ``tags`` are ``kind``, or names of attributes whose values are text or numbers.
    """

    readings: str = "readings"
    fixes: str = "fixes"
    tags: tuple[str, ...] = ()


class StoredPoints:
    """Reads points over an open connection in autocommit. Raises TransientError."""

    def __init__(self, connection: AsyncConnection[TupleRow], naming: Naming) -> None:
        self._connection, self._naming = connection, naming

    async def at(self, moments: Sequence[Moment]) -> list[Point]:
        """The points of these devices and instants, as they are stored now; devices that are no more have none."""
        tags = await self._tags({key for key, _ in moments})
        known = [(key, to_datetime(at)) for key, at in moments if key in tags]
        given = {"keys": [key for key, _ in known], "ats": [at for _, at in known]}
        points = [*_of_readings(await self._rows(_READINGS_AT, given), tags, self._naming.readings)]
        points += _of_fixes(await self._rows(_FIXES_AT, given), tags, self._naming.fixes)
        return points

    async def instants(self, key: int, begin: int, end: int, limit: int) -> list[int]:
        """The first instants at which something of a device is stored in ``[begin, end)``, at most so many."""
        given = {"key": key, "begin": to_datetime(begin), "end": to_datetime(end), "limit": limit}
        return [from_datetime(at) for (at,) in await self._rows(_INSTANTS, given)]

    async def devices(self, device: str | None = None, after: int = 0) -> list[tuple[int, str]]:
        """Keys and ids of all devices from a key on, or of the one with an id."""
        return [(key, name) for key, name in await self._rows(_KEYS, {"after": after, "device": device})]

    async def name(self, key: int) -> str | None:
        """The id of a device; None when it is no more."""
        rows = await self._rows(_DEVICES, {"keys": [key]})
        return str(rows[0][1]) if rows else None

    async def _tags(self, keys: Iterable[int]) -> Tags:
        rows = await self._rows(_DEVICES, {"keys": sorted(keys)})
        return {key: (name, _tags(kind, more, self._naming.tags)) for key, name, kind, more in rows}

    async def _rows(self, statement: str, values: Mapping[str, object]) -> list[TupleRow]:
        with translated_errors():
            return await (await self._connection.execute(statement.encode(), values, binary=True)).fetchall()


def _tags(kind: str, attributes: object, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for name in names:
        value = kind if name == "kind" else attributes.get(name) if isinstance(attributes, dict) else None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            found.append((name, str(value)))
    return tuple(found)


def _of_readings(rows: Iterable[TupleRow], tags: Tags, measurement: str) -> Iterable[Point]:
    fields: dict[str, Value] = {}
    moment, quality, received = None, 0, 0
    for key, at, name, value, marks, received_at in rows:
        if moment != (key, at):
            if moment is not None:
                yield _point(measurement, moment, fields, quality, received, tags)
            moment, fields, quality, received = (key, at), {}, 0, 0
        fields[name] = float(value)
        quality, received = quality | marks, max(received, from_datetime(received_at))
    if moment is not None:
        yield _point(measurement, moment, fields, quality, received, tags)


def _of_fixes(rows: Iterable[TupleRow], tags: Tags, measurement: str) -> Iterable[Point]:
    for key, at, received_at, *values in rows:
        *figures, valid, quality = values
        named = zip(_FIX_COLUMNS, figures, strict=False)
        fields: dict[str, Value] = {name: float(value) for name, value in named if value is not None}
        fields["valid"] = bool(valid)
        yield _point(measurement, (key, at), fields, quality, from_datetime(received_at), tags)


def _point(
    measurement: str, moment: tuple[int, object], fields: dict[str, Value], quality: int, received: int, tags: Tags
) -> Point:
    key, at = moment
    device, own = tags[key]
    fields |= {"quality": int(quality), "received_us": received}
    return Point(measurement, device, from_datetime(at), fields, own)  # type: ignore[arg-type]
