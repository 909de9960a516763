"""A week of a city for the boards: rows of the real tables' shape, made by the server itself in a second or two.

Everything follows from the keys of the devices and the hour, so that one week is as the other. A bin fills within 20
to 43 hours and is emptied when it is full; its alerts are raised and cleared where the curve crosses their limits.
"""

from __future__ import annotations

import psycopg

from devices.instants import to_datetime
from store.rollups import steward as rollup_steward
from store.rollups import timescale as rollups_timescale
from store.schema import TELEMETRY, Mode
from store.telemetry.partitions import Partitions

HOUR = 3_600_000_000
DAY = 24 * HOUR
DAYS = 7

# kind, metric, one reading in so many seconds, its value. `e` is the instant in seconds, `k` the device's key.
_METRICS: tuple[tuple[str, str, int, str], ...] = (
    ("bin", "fill_pct", 1800, "100 * mod((e / 3600 + k * 7) / (20 + k % 24), 1)"),
    ("bin", "temperature_c", 3600, "18 + 9 * sin(e / 13751) + k % 5"),
    ("bin", "battery_pct", 7200, "100 - mod(k * 13, 90) - e %% 600000 / 100000"),
    (
        "toilet",
        "nh3_ppm",
        600,
        "0.4 + 0.4 * sin(e / 13751 + k) + CASE WHEN mod(e / 3600 + k, 29) < 1 THEN 1.2 ELSE 0 END",
    ),
    ("toilet", "h2s_ppm", 600, "0.003 + 0.0025 * sin(e / 9000 + k)"),
    ("toilet", "people_in", 600, "mod(k * 1000, 5000) + floor(e / 60 - 28000000)"),
    ("toilet", "stalls_occupied", 600, "floor(2.5 + 2.5 * sin(e / 7000 + k))"),
    ("toilet", "water_m3", 900, "floor(e / 200 - 8500000) / 100"),
    ("toilet", "paper_pct", 3600, "100 * (1 - mod(e / 3600 / 60 + k * 0.37, 1))"),
    ("toilet", "soap_pct", 3600, "100 * (1 - mod(e / 3600 / 90 + k * 0.21, 1))"),
    ("vehicle", "work_state", 900, "floor(mod(e / 900 * 7 + k * 3, 5))"),
    ("vehicle", "coverage_pct", 900, "100 * mod(e / 3600, 8) / 8"),
    ("vehicle", "idle_s", 1800, "60 * mod(e / 1800 + k, 20)"),
    ("vehicle", "fuel_pct", 1800, "90 - 70 * mod(e / 3600 / 30 + k * 0.1, 1)"),
    ("vehicle", "speed_kmh", 600, "greatest(0, 14 + 16 * sin(e / 1300 + k))"),
    ("worker", "battery_pct", 3600, "100 - mod(e / 3600 * 4 + k * 17, 90)"),
    ("worker", "heart_rate_bpm", 3600, "80 + 20 * sin(e / 3000 + k)"),
)
_READINGS = """
INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)
SELECT k, (SELECT key FROM metrics WHERE name = %(metric)s), 0, to_timestamp(e), round(({value})::numeric, 4)::float8,
       to_timestamp(e) + interval '400 ms'
  FROM (SELECT d.key AS k, e::numeric AS e FROM devices d
         CROSS JOIN generate_series(%(first)s::bigint, %(last)s::bigint, %(every)s::bigint) AS e
         WHERE d.kind = %(kind)s) AS given
"""
_FIXES = """
INSERT INTO fixes (device_key, variant, observed_at, received_at, lat, lon, speed_kmh, heading_deg, hdop, satellites,
                   quality, valid)
SELECT d.key, 0, to_timestamp(e), to_timestamp(e) + interval '300 ms',
       30.58 + 0.02 * sin(e / 3000.0 + d.key), 114.30 + 0.02 * cos(e / 2000.0 + d.key),
       greatest(0, 14 + 16 * sin(e / 1300.0 + d.key)), mod(e / 10, 360), 0.9, 12, 0, true
  FROM devices d CROSS JOIN generate_series(%(last)s::bigint - 86400 * 2, %(last)s::bigint, 120) AS e
 WHERE d.kind IN ('vehicle', 'worker')
"""
_STATE = """
INSERT INTO device_state (device_key, received_at, online, online_at, fix_at, lat, lon, speed_kmh, heading_deg,
                          protocol, source)
SELECT d.key, %(end)s::timestamptz - CASE WHEN d.key %% 9 = 0 THEN interval '5 hours' ELSE interval '20 s' END,
       d.key %% 9 <> 0, %(end)s, f.observed_at, f.lat, f.lon, f.speed_kmh, f.heading_deg,
       (ARRAY['mqtt-json', 'jt808', 'chirpstack'])[1 + d.key %% 3], 'week'
  FROM devices d
  LEFT JOIN LATERAL (SELECT * FROM fixes WHERE device_key = d.key ORDER BY observed_at DESC LIMIT 1) AS f ON true
"""
_LATEST = """
INSERT INTO latest_readings (device_key, metric_key, observed_at, value, quality)
SELECT DISTINCT ON (device_key, metric_key) device_key, metric_key, observed_at, value, quality
  FROM readings WHERE observed_at > %(end)s::timestamptz - interval '4 hours'
 ORDER BY device_key, metric_key, observed_at DESC
"""
# Fillings of bins: from `begun` on, `hours` long.
_FILLINGS = """
WITH fillings AS MATERIALIZED (
    SELECT d.key, d.id, 20 + d.key %% 24 AS hours, row_number() OVER (ORDER BY n, d.key) AS number,
           to_timestamp((n * (20 + d.key %% 24) - d.key * 7) * 3600.0) AS begun
      FROM devices d
     CROSS JOIN LATERAL generate_series((%(first)s / 3600 + d.key * 7) / (20 + d.key %% 24),
                                        (%(last)s / 3600 + d.key * 7) / (20 + d.key %% 24)) AS n
     WHERE d.kind = 'bin')
"""
_BIN_ALERTS = (
    _FILLINGS
    + """
INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at, cleared_at, raised_value, told_at, settled_at,
                    acknowledged_at, acknowledged_by)
SELECT key, rule, severity, 1, at, CASE WHEN over < %(end)s THEN over END, least, at + interval '1 s',
       CASE WHEN over < %(end)s THEN over END,
       CASE WHEN number %% 3 > 0 AND at < %(end)s::timestamptz - interval '3 hours'
            THEN at + make_interval(mins => (5 + number %% 40)::integer) END,
       CASE WHEN number %% 3 > 0 AND at < %(end)s::timestamptz - interval '3 hours' THEN 'dispatcher' END
  FROM fillings
 CROSS JOIN (VALUES ('bin-full', 'warning', 85.0), ('bin-overflow', 'critical', 95.0)) AS r (rule, severity, least)
 CROSS JOIN LATERAL (SELECT begun + hours * least / 100 * interval '1 hour' AS at,
                            begun + hours * interval '1 hour' AS over) AS t
 WHERE at BETWEEN to_timestamp(%(first)s) AND %(end)s
"""
)
_EMPTYINGS = (
    _FILLINGS  # noqa: S608 - constants only
    + """
INSERT INTO emptyings (device_key, at, since, until, before_pct, after_pct, vehicle, proof, partial)
SELECT key, begun, begun - interval '30 min', begun, 97, 1,
       (SELECT id FROM devices WHERE kind = 'vehicle' ORDER BY key LIMIT 1),
       (ARRAY['lift', 'device', 'fill'])[1 + key %% 3], false
  FROM fillings WHERE begun BETWEEN to_timestamp(%(first)s) AND %(end)s
"""
)
_OTHER_ALERTS = """
INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at, cleared_at, raised_value, told_at, settled_at)
SELECT d.key, r.rule, r.severity, 1, at,
       CASE WHEN n > 0 OR d.key %% 3 > 0 THEN least(at + interval '40 min', %(end)s) END, r.value, at, NULL
  FROM (VALUES ('vehicle', 'vehicle-idle', 'warning', 420.0, 9), ('vehicle', 'vehicle-off-route', 'warning', 83.0, 31),
               ('toilet', 'toilet-ammonia', 'warning', 1.6, 13),
               ('toilet', 'toilet-hydrogen-sulphide', 'warning', 0.009, 17),
               ('worker', 'worker-sos', 'critical', NULL, 70), ('bin', 'bin-fire', 'critical', 64.0, 150))
           AS r (kind, rule, severity, value, hours)
  JOIN devices d ON d.kind = r.kind
 CROSS JOIN LATERAL generate_series(0, 168 / r.hours) AS n
 CROSS JOIN LATERAL (
    SELECT %(end)s::timestamptz - make_interval(hours => n * r.hours, mins => 45 + d.key %% 60) AS at) AS t
"""
_TRIPS = """
INSERT INTO trips (device_key, started_at, ended_at, told_at, ended, origin_lat, origin_lon, goal_lat, goal_lon, origin,
                   goal, driven_m, work_m, work_s, transit_s, idle_s, off_s, no_data_s)
SELECT d.key, at, CASE WHEN at < %(end)s::timestamptz - interval '3 hours' THEN at + interval '150 min' END,
       CASE WHEN at < %(end)s::timestamptz - interval '3 hours' THEN at + interval '155 min' END,
       CASE WHEN at < %(end)s::timestamptz - interval '3 hours' THEN 'off' END, 30.58, 114.3, 30.59, 114.31, 'Depot',
       'Transfer station', 21000 + 300 * (d.key %% 20), 12000 + 200 * (d.key %% 20), 5400, 2400,
       300 + 60 * (d.key %% 9), 900, 0
  FROM devices d
 CROSS JOIN generate_series(to_timestamp(%(first)s), %(end)s, interval '6 hours') AS at WHERE d.kind = 'vehicle'
"""
_STOPS = """
INSERT INTO vehicle_stops (device_key, started_at, ended_at, told_at, lat, lon, place, role, idle_s)
SELECT device_key, started_at + interval '1 hour', started_at + make_interval(mins => 62 + device_key %% 30),
       started_at + interval '65 min', 30.585, 114.305, 'Stop', (ARRAY['stop', 'tip', 'fuel', ''])[1 + device_key %% 4],
       60 * (device_key %% 12)
  FROM trips WHERE started_at < %(end)s::timestamptz - interval '3 hours'
"""
_LIVE = """
INSERT INTO fleet_live (device_key, at, work_state, since, idle_s, trip_at, trip_m, plan, route, coverage_pct,
                        progress_m, length_m, next_stop, next_m, eta)
SELECT key, %(end)s, key %% 5, %(end)s::timestamptz - interval '12 min', 60 * (key %% 11),
       %(end)s::timestamptz - interval '2 hours', 9000, 'plan', 'route-' || right(id, 4), mod(key * 17, 100),
       4000, 9000, 'stop-3', 420, %(end)s::timestamptz + interval '9 min'
  FROM devices WHERE kind = 'vehicle'
"""
_ORDERS = """
INSERT INTO work_orders (id, kind, state, on_date, vehicle, device, place, sequence, planned_start, planned_end, reason,
                         lat, lon, changed_by, title, origin, entered_at, sent_at, accepted_at, done_at)
SELECT 'week-' || n || '-' || d.id, 'collect', state, at::date,
       (SELECT id FROM devices WHERE kind = 'vehicle' ORDER BY key LIMIT 1), d.id, d.id, 1, at, at + interval '2 hours',
       'FULLNESS', 30.58, 114.3, 'week', '', 'plan', at - interval '1 hour', at,
       CASE WHEN state IN ('accepted', 'done') THEN at + interval '5 min' END,
       CASE WHEN state = 'done' THEN at + interval '80 min' END
  FROM (SELECT * FROM devices WHERE kind = 'bin' ORDER BY key LIMIT 12) AS d
 CROSS JOIN generate_series(0, 6) AS n
 CROSS JOIN LATERAL (SELECT %(end)s::timestamptz - make_interval(days => n, hours => 3) AS at,
        CASE WHEN n > 0 THEN 'done'
             ELSE (ARRAY['planned', 'sent', 'accepted', 'overdue', 'done', 'cancelled'])[1 + d.key %% 6] END AS state
      ) AS t
"""
_INCIDENTS = """
INSERT INTO incidents (reference, category, state, text, lat, lon, place, area, seen_at, entered_at,
                       entered_by, changed_at)
SELECT 'week-incident-' || n, (ARRAY['overflowing-bin', 'illegal-dumping', 'spill', 'dirty-road'])[1 + n %% 4],
       (ARRAY['reported', 'ordered', 'handed_on', 'done', 'rejected'])[1 + n %% 5], '旧沙发', 30.57 + 0.001 * n,
       114.3 + 0.001 * (n * 7 %% 20), 'Street ' || n,
       (SELECT id FROM areas ORDER BY id LIMIT 1), at, at, 'week', at + interval '2 hours'
  FROM generate_series(0, 27) AS n
 CROSS JOIN LATERAL (SELECT %(end)s::timestamptz - make_interval(hours => 5 * n + 3) AS at) AS t
"""
_WORK = """
INSERT INTO work_tasks (external, worker, title, category, start_at, due_at, done_at, entered_by)
SELECT 'week-' || w.id || '-' || n, w.id, '清洗果皮箱', 'cleaning', at, at + interval '2 hours',
       CASE WHEN n %% 4 > 0 THEN at + interval '1 hour' END, 'week'
  FROM workers w CROSS JOIN generate_series(0, 6) AS n
 CROSS JOIN LATERAL (SELECT %(end)s::timestamptz - make_interval(days => n, hours => 5) AS at) AS t
"""
_FINDINGS = """
INSERT INTO findings (external, kind, at, outcome, category, points, worker, entered_by)
SELECT 'week-' || w.id || '-' || n, CASE WHEN n %% 3 = 0 THEN 'complaint' ELSE 'inspection' END,
       %(end)s::timestamptz - make_interval(days => n, hours => 4),
       (ARRAY['passed', 'fault', 'open', 'passed'])[1 + (n + length(w.id)) %% 4], 'cleanliness', 0.5, w.id, 'week'
  FROM workers w CROSS JOIN generate_series(0, 6) AS n
"""
_APPEALS = """
INSERT INTO appeals (subject, name, scheme, version, item, deduction, points, start_at, end_at, en, zh, reason,
                     entered_by, state)
SELECT 'worker', id, 'own', 1, 'coverage', 'd-' || id, 1, %(end)s::timestamptz - interval '7 days', %(end)s, 'x', 'x',
       'x', 'week', (ARRAY['open', 'accepted'])[1 + length(id) %% 2] FROM workers ORDER BY id LIMIT 3
"""
_LETTERS = """
INSERT INTO dead_letters (received_at, adapter, source, channel, code, reason, device_id, size, digest, payload,
                          replayable)
SELECT %(end)s::timestamptz - make_interval(hours => 2 * n), (ARRAY['mqtt-json', 'jt808'])[1 + n %% 2], 'week',
       'secret/channel',
       (ARRAY['malformed', 'invalid', 'unknown_device'])[1 + n %% 3], 'secret reason', NULL, 40, sha256(n::text::bytea),
       'secret', true
  FROM generate_series(0, 60) AS n
"""
_OUTBOX = """
INSERT INTO outbox (key, alert_id, action, content)
SELECT 'week-' || id, id, 'raised', '{}' FROM alerts ORDER BY id DESC LIMIT 3
"""
_DIRTY = """
INSERT INTO dirty_spans (device_key, since, frontier) SELECT key, %(end)s, %(end)s FROM devices ORDER BY key LIMIT 1
"""
# Every other bin, vehicle and toilet is entered in an area by its name.
_AREAS = """
UPDATE devices
   SET attributes = attributes || jsonb_build_object('area', a.ids[1 + key / 2 %% least(2, cardinality(a.ids))])
  FROM (SELECT array_agg(id ORDER BY id) AS ids FROM areas) AS a
 WHERE kind <> 'worker' AND key %% 2 = 0 AND cardinality(a.ids) > 0
"""
_SUMMED = """
UPDATE rollup_state SET threshold = %(first)s, hours_until = %(first)s, days_until = date_trunc('day', %(first)s, zone)
"""
_REST = (
    _AREAS, _STATE, _LATEST, _BIN_ALERTS, _EMPTYINGS, _OTHER_ALERTS, _TRIPS, _STOPS, _LIVE, _ORDERS,
    _INCIDENTS, _WORK, _FINDINGS, _APPEALS, _LETTERS, _OUTBOX, _DIRTY,
)  # fmt: skip


async def make_week(connection: psycopg.AsyncConnection, mode: Mode, end: int) -> dict[str, int]:
    """Make :data:`DAYS` days up to ``end`` (µs) for the devices, workers and areas that are there; rows by table.

    The connection is in autocommit, the schema and the catalogue are there.
    """
    if mode is Mode.PLAIN:
        partitions = Partitions(7)
        await partitions.ensure(connection, {partitions.span(end - days * DAY) for days in range(DAYS + 1)}, end)
    given = {"first": (end - DAYS * DAY) // 1_000_000, "last": end // 1_000_000, "end": to_datetime(end)}
    for kind, metric, every, value in _METRICS:
        first = given["first"] // every * every  # type: ignore[operator]
        named = given | {"kind": kind, "metric": metric, "every": every, "first": first}
        await connection.execute(_READINGS.replace("{value}", value.replace("k %", "k %%")).encode(), named)
    await connection.execute(_FIXES.encode(), given)
    for statement in _REST:
        await connection.execute(statement.encode(), given)
    await _sum_up(connection, mode, end)
    made = {}
    for table in (*TELEMETRY, "device_state", "latest_readings", "alerts", "trips", "emptyings", "work_orders"):
        await connection.execute(f"ANALYZE {table}".encode())
        row = await (await connection.execute(f"SELECT count(*) FROM {table}".encode())).fetchone()  # noqa: S608
        made[table] = int(row[0]) if row else 0
    return made


async def _sum_up(connection: psycopg.AsyncConnection, mode: Mode, end: int) -> None:
    """Rollups of the week, as the hub would have kept them."""
    first = (end - DAYS * DAY) // HOUR * HOUR - DAY
    if mode is Mode.TIMESCALE:
        for name in (rollups_timescale.HOURS, rollups_timescale.DAYS):
            await rollups_timescale.refresh(connection, name, first, end // HOUR * HOUR)
        return
    await connection.execute(_SUMMED, {"first": to_datetime(first)})
    while not (await rollup_steward.take_turn(connection, end, 10.0)).done:
        pass
