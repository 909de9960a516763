"""What the trackers write, within the transaction of the telemetry that caused it.

All of it can be written again after a commit whose fate was unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

import msgspec
from psycopg import AsyncCursor

from devices.instants import to_datetime
from devices.vocabulary import Batch, Fix, Reading
from fleet.trackers.book import Outline
from fleet.trackers.tracker import KINDS, Live
from store import arrays
from store.alerts.history import EARLIEST
from store.fleet.tracker_rows import HaltRow, TripRow
from store.influx import marks as influx_marks
from store.rollups import notes as rollups

_TRIPS = """
INSERT INTO trips (device_key, started_at, ended_at, told_at, ended, origin_lat, origin_lon, goal_lat, goal_lon, origin,
                   goal, driven_m, work_m, work_s, transit_s, idle_s, off_s, no_data_s, revised_at)
SELECT g.*, CASE WHEN %(revising)s THEN now() END
  FROM unnest(%(key)s::integer[], %(started_at)s::timestamptz[], %(ended_at)s::timestamptz[],
              %(told_at)s::timestamptz[], %(ended)s::text[], %(origin_lat)s::float8[], %(origin_lon)s::float8[],
              %(goal_lat)s::float8[], %(goal_lon)s::float8[], %(origin)s::text[], %(goal)s::text[],
              %(driven_m)s::float8[], %(work_m)s::float8[], %(work_s)s::float8[], %(transit_s)s::float8[],
              %(idle_s)s::float8[], %(off_s)s::float8[], %(no_data_s)s::float8[]) AS g
ON CONFLICT (device_key, started_at) DO UPDATE
   SET (ended_at, told_at, ended, origin_lat, origin_lon, goal_lat, goal_lon, origin, goal, driven_m, work_m, work_s,
        transit_s, idle_s, off_s, no_data_s, revised_at)
     = (excluded.ended_at, excluded.told_at, excluded.ended, excluded.origin_lat, excluded.origin_lon,
        excluded.goal_lat, excluded.goal_lon, excluded.origin, excluded.goal, excluded.driven_m, excluded.work_m,
        excluded.work_s, excluded.transit_s, excluded.idle_s, excluded.off_s, excluded.no_data_s,
        coalesce(excluded.revised_at, trips.revised_at))
"""

_HALTS = """
INSERT INTO vehicle_stops (device_key, started_at, ended_at, told_at, lat, lon, place, role, idle_s, revised_at)
SELECT g.*, CASE WHEN %(revising)s THEN now() END
  FROM unnest(%(key)s::integer[], %(started_at)s::timestamptz[], %(ended_at)s::timestamptz[],
              %(told_at)s::timestamptz[], %(lat)s::float8[], %(lon)s::float8[], %(place)s::text[], %(role)s::text[],
              %(idle_s)s::float8[]) AS g
ON CONFLICT (device_key, started_at) DO UPDATE
   SET (ended_at, told_at, lat, lon, place, role, idle_s, revised_at)
     = (excluded.ended_at, excluded.told_at, excluded.lat, excluded.lon, excluded.place, excluded.role,
        excluded.idle_s, coalesce(excluded.revised_at, vehicle_stops.revised_at))
"""

_LIVE = """
INSERT INTO fleet_live AS l
SELECT * FROM unnest(%(key)s::integer[], %(at)s::timestamptz[], %(doing)s::smallint[], %(since)s::timestamptz[],
                     %(idle_s)s::float8[], %(trip)s::timestamptz[], %(trip_m)s::float8[], %(halt)s::timestamptz[],
                     %(plan)s::text[], %(route)s::text[], %(coverage_pct)s::float8[], %(progress_m)s::float8[],
                     %(length_m)s::float8[], %(stop)s::text[], %(distance_m)s::float8[], %(eta)s::timestamptz[])
ON CONFLICT (device_key) DO UPDATE
   SET (at, work_state, since, idle_s, trip_at, trip_m, stop_at, plan, route, coverage_pct, progress_m, length_m,
        next_stop, next_m, eta)
     = (excluded.at, excluded.work_state, excluded.since, excluded.idle_s, excluded.trip_at, excluded.trip_m,
        excluded.stop_at, excluded.plan, excluded.route, excluded.coverage_pct, excluded.progress_m, excluded.length_m,
        excluded.next_stop, excluded.next_m, excluded.eta)
"""

_DIRTY = """
INSERT INTO tracker_dirty (device_key, since, offsets_since)
SELECT key, since, CASE WHEN %s THEN since END FROM unnest(%s::integer[], %s::timestamptz[]) AS g (key, since)
ON CONFLICT (device_key) DO UPDATE
   SET since = least(tracker_dirty.since, excluded.since), marks = tracker_dirty.marks + 1,
       offsets_since = least(tracker_dirty.offsets_since, excluded.offsets_since)
"""

_KEEP_OUTLINES = """
INSERT INTO tracker_plans (device, tasks) SELECT * FROM unnest(%s::text[], %s::text[]::jsonb[])
ON CONFLICT (device) DO UPDATE SET tasks = excluded.tasks
"""
_DROP_OUTLINES = "DELETE FROM tracker_plans WHERE device = ANY (%s::text[])"

_STATES = """
INSERT INTO tracker_states (device_key, at, state) SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::bytea[])
ON CONFLICT (device_key, at) DO UPDATE SET state = excluded.state
"""

_REPAIRED = "DELETE FROM tracker_dirty WHERE device_key = %s AND since >= %s AND marks <= %s"
_FORGET_STATES = "DELETE FROM tracker_states WHERE device_key = %s AND at >= %s"

# Device, metrics and span are said as constants besides: TimescaleDB opens those batches of the columnstore that they
# do not exclude, before it looks at what is joined.
_METRICS = "SELECT name, key FROM metrics WHERE name = ANY (%s::text[])"
_DROP_READINGS = """
DELETE FROM readings r USING unnest(%(metrics)s::smallint[], %(ats)s::timestamptz[], %(values)s::float8[])
    AS g (metric, at, value)
 WHERE r.device_key = %(key)s AND r.metric_key = g.metric AND r.observed_at = g.at AND r.value = g.value
   AND r.metric_key = ANY (%(metrics)s::smallint[])
   AND r.observed_at >= %(first)s AND r.observed_at <= %(last)s
"""
# The newest of what is left; what comes with the batch advances it.
_DROP_LATEST = """
DELETE FROM latest_readings l USING metrics m
 WHERE l.device_key = %(key)s AND l.metric_key = m.key AND m.name = ANY (%(names)s::text[])
"""
_LATEST_AGAIN = """
INSERT INTO latest_readings (device_key, metric_key, observed_at, value, quality)
SELECT %(key)s, m.key, r.observed_at, r.value, r.quality
  FROM metrics m CROSS JOIN LATERAL (
    SELECT observed_at, value, quality FROM readings
     WHERE device_key = %(key)s AND metric_key = m.key ORDER BY observed_at DESC, value DESC LIMIT 1) AS r
 WHERE m.name = ANY (%(names)s::text[])
ON CONFLICT DO NOTHING
"""
_DROP_EVENTS = """
DELETE FROM events e USING unnest(%(kinds)s::text[], %(ats)s::timestamptz[], %(attributes)s::text[])
    AS g (kind, at, attributes)
 WHERE e.device_key = %(key)s AND e.kind = g.kind AND e.observed_at = g.at AND e.attributes = g.attributes::jsonb
   AND e.observed_at >= %(first)s AND e.observed_at <= %(last)s
"""
_DROP_TRIPS = "DELETE FROM trips WHERE device_key = %s AND started_at = ANY (%s::timestamptz[])"
_DROP_HALTS = "DELETE FROM vehicle_stops WHERE device_key = %s AND started_at = ANY (%s::timestamptz[])"


_SHOWN_NUMBERS = ("idle_s", "trip_m", "coverage_pct", "progress_m", "length_m")


_Pack = Callable[[Iterable[Any]], bytes]
_OF_TYPE: dict[type, _Pack] = {int: arrays.integers, float: arrays.floats, str: arrays.texts}


def _packing(row: type[msgspec.Struct]) -> dict[str, _Pack]:
    """By which function each field of a row becomes an array."""
    return {
        name: arrays.instants if name.endswith("_at") else _OF_TYPE[next(iter(get_args(kind)), kind)]
        for name, kind in get_type_hints(row).items()
    }


_PACKED = {row: _packing(row) for row in (TripRow, HaltRow)}


class Obsolete(msgspec.Struct):
    """Records of a device that its repaired history does not hold. Instants in µs.

    Readings are (metric, at, value), events (kind, at, attributes); trips and stops are named by their beginnings.
    """

    readings: Sequence[tuple[str, int, float]] = ()
    events: Sequence[tuple[str, int, Mapping[str, Any]]] = ()
    trips: Sequence[int] = ()
    halts: Sequence[int] = ()


async def record(
    cursor: AsyncCursor, trips: Sequence[TripRow], halts: Sequence[HaltRow], *, revising: bool = False
) -> None:
    """Enter trips and stops in their new form, each once. ``revising``: late data changed them."""
    if trips:
        await cursor.execute(_TRIPS, {**_columns(trips), "revising": revising})
    if halts:
        await cursor.execute(_HALTS, {**_columns(halts), "revising": revising})


async def show(cursor: AsyncCursor, live: Mapping[int, Live]) -> None:
    """Bring the boards up to date, by device key."""
    if not live:
        return
    keys = sorted(live)
    ones = [live[key] for key in keys]
    arrivals = [one.arrival for one in ones]
    await cursor.execute(
        _LIVE,
        {
            "key": arrays.integers(keys),
            "doing": arrays.integers(one.doing for one in ones),
            **{name: arrays.instants(getattr(one, name) for one in ones) for name in ("at", "since", "trip", "halt")},
            **{name: arrays.texts(getattr(one, name) for one in ones) for name in ("plan", "route")},
            **{name: arrays.floats(getattr(one, name) for one in ones) for name in _SHOWN_NUMBERS},
            "stop": arrays.texts(None if one is None else one.stop for one in arrivals),
            "distance_m": arrays.floats(None if one is None else one.distance_m for one in arrivals),
            "eta": arrays.instants(None if one is None else one.eta for one in arrivals),
        },
    )


async def mark_dirty(cursor: AsyncCursor, dirty: Mapping[int, int], *, offsets: bool = False) -> None:
    """Note from when on (µs) the history of devices must be folded again.

    ``offsets``: and their distances from the plan be derived anew.
    """
    if dirty:
        since = arrays.instants(max(at, EARLIEST) for at in dirty.values())
        await cursor.execute(_DIRTY, (offsets, arrays.integers(dirty), since))


async def keep_outlines(cursor: AsyncCursor, outlines: Mapping[str, Sequence[Outline]]) -> None:
    """Note what devices, by their ids, are tracked with from now on."""
    kept = {device: msgspec.json.encode(own).decode() for device, own in outlines.items() if own}
    if kept:
        await cursor.execute(_KEEP_OUTLINES, (list(kept), list(kept.values())))
    if dropped := sorted(outlines.keys() - kept):
        await cursor.execute(_DROP_OUTLINES, (dropped,))


async def note(cursor: AsyncCursor, batch: Batch) -> None:
    """Note that a batch is stored past the trackers (an import, a replay): a hub will track its devices again.

    Nobody has derived distances from the plan for its positions, either.
    """
    since: dict[int, int] = {}
    told: list[Reading | Fix] = [*batch.readings, *batch.fixes]
    for one in told:
        if one.device.kind in KINDS:
            key = one.device.key
            since[key] = min(one.observed_at, since.get(key, one.observed_at))
    await mark_dirty(cursor, since, offsets=True)


async def keep_states(cursor: AsyncCursor, states: Iterable[tuple[int, int, bytes]]) -> None:
    """Keep checkpoints: device keys, instants (µs) and bytes."""
    kept = list(states)
    if kept:
        keys, ats, data = zip(*kept, strict=True)
        await cursor.execute(_STATES, (arrays.integers(keys), arrays.instants(ats), arrays.blobs(data)))


async def repaired(cursor: AsyncCursor, key: int, since: int, marks: int) -> None:
    """The history of a device is sound again from ``since`` (µs) on; its checkpoints from there on are not.

    One that was marked more than ``marks`` times stays dirty: somebody stored more of it meanwhile.
    """
    at = to_datetime(max(since, EARLIEST))
    await cursor.execute(_REPAIRED, (key, at, marks))
    await cursor.execute(_FORGET_STATES, (key, at))


async def drop(cursor: AsyncCursor, key: int, obsolete: Obsolete) -> None:
    """Take away what a repaired history does not hold; the latest readings follow."""
    if obsolete.readings:
        names, ats, values = zip(*obsolete.readings, strict=True)
        await cursor.execute(_METRICS, (sorted(set(names)),))
        metrics: dict[str, int] = dict(await cursor.fetchall())
        found = {"metrics": [metrics.get(name) for name in names], "values": list(values), **_span(key, ats)}
        await cursor.execute(_DROP_READINGS, found, prepare=False)
        await rollups.note_changes(cursor, key, ats)
        touched = {"key": key, "names": sorted(set(names))}
        await cursor.execute(_DROP_LATEST, touched)
        await cursor.execute(_LATEST_AGAIN, touched)
        await influx_marks.withdraw(cursor, key, ats)
    if obsolete.events:
        kinds, ats, attributes = zip(*obsolete.events, strict=True)
        texts = [msgspec.json.encode(one).decode() for one in attributes]
        await cursor.execute(
            _DROP_EVENTS, {"kinds": list(kinds), "attributes": texts, **_span(key, ats)}, prepare=False
        )
    if obsolete.trips:
        await cursor.execute(_DROP_TRIPS, (key, [to_datetime(at) for at in obsolete.trips]))
    if obsolete.halts:
        await cursor.execute(_DROP_HALTS, (key, [to_datetime(at) for at in obsolete.halts]))


def _span(key: int, ats: Sequence[int]) -> dict[str, object]:
    """Instants of a device, and the span that they lie in. For statements that are not prepared: planned once for all
    values, they would know no constants."""  # noqa: D205, D209 - one thought
    moments = [to_datetime(at) for at in ats]
    return {"key": key, "ats": moments, "first": min(moments), "last": max(moments)}


def _columns(rows: Sequence[TripRow] | Sequence[HaltRow]) -> dict[str, bytes]:
    """The fields of rows as arrays, by their names."""
    return {name: pack(getattr(row, name) for row in rows) for name, pack in _PACKED[type(rows[0])].items()}
