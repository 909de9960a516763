-- What Grafana reads: views by names instead of keys, and nothing that a board on a wall should not show. No people,
-- sessions, keys, audits, photos, free texts of reporters; no positions and no measurements of a worker's badge; of
-- dead letters neither payload nor reason. A role that may read this schema and nothing else is enough for all boards.

CREATE SCHEMA IF NOT EXISTS boards;

-- Of a badge only what keeps it running: how its bearer is, nobody reads off a wall.
CREATE FUNCTION board_shows(kind text, metric text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT kind <> 'worker' OR metric IN ('battery_pct', 'battery_v', 'rssi_dbm', 'signal_pct')
$$;

-- The same holds for the sums of readings.
ALTER VIEW boards.readings_hourly RENAME TO board_hours;
ALTER VIEW boards.readings_daily RENAME TO board_days;
DO $$
BEGIN
    EXECUTE format('ALTER VIEW boards.board_hours SET SCHEMA %I', current_schema());
    EXECUTE format('ALTER VIEW boards.board_days SET SCHEMA %I', current_schema());
END $$;
CREATE VIEW boards.readings_hourly AS SELECT * FROM board_hours WHERE board_shows(kind, metric);
CREATE VIEW boards.readings_daily AS SELECT * FROM board_days WHERE board_shows(kind, metric);

CREATE VIEW boards.zone AS SELECT zone FROM rollup_state;  -- whose days are counted

-- Which devices lie in which areas: kept by the hub (hub/area_keeper), for point in polygon is no matter of SQL here.
CREATE TABLE device_areas (
    device_key integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    area       text NOT NULL,
    PRIMARY KEY (device_key, area)
);
CREATE INDEX device_areas_area ON device_areas (area);

CREATE VIEW boards.device_areas AS
SELECT d.id AS device, a.area FROM device_areas a JOIN devices d ON d.key = a.device_key;

CREATE VIEW boards.areas AS
SELECT id AS area, content ->> 'kind' AS kind,
       coalesce(nullif(content ->> 'name', ''), nullif(content ->> 'name_zh', ''), id) AS name,
       coalesce(nullif(content ->> 'name_zh', ''), nullif(content ->> 'name', ''), id) AS name_zh
  FROM areas
 WHERE valid_from <= now() AND (valid_until IS NULL OR valid_until > now());

CREATE VIEW boards.devices AS
SELECT d.id AS device, d.kind, d.status, d.name,
       coalesce((SELECT string_agg(a.area, ', ' ORDER BY a.area) FROM device_areas a WHERE a.device_key = d.key), '')
           AS area,
       CASE WHEN d.kind = 'worker' THEN NULL WHEN p.given THEN (d.attributes ->> 'lat')::float8 ELSE s.lat END AS lat,
       CASE WHEN d.kind = 'worker' THEN NULL WHEN p.given THEN (d.attributes ->> 'lon')::float8 ELSE s.lon END AS lon,
       s.received_at, s.protocol, s.source, s.online, p.interval_s,
       extract(epoch FROM now() - s.received_at)::float8 AS silent_s,
       -- as the rule of silent devices has it: three intervals, of ten minutes where none is known
       coalesce(s.received_at < now() - make_interval(secs => 3 * coalesce(p.interval_s, 600)), true) AS silent
  FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
 CROSS JOIN LATERAL (
    SELECT jsonb_typeof(d.attributes -> 'lon') = 'number' AND jsonb_typeof(d.attributes -> 'lat') = 'number' AS given,
           CASE WHEN jsonb_typeof(d.attributes -> 'report_interval_s') = 'number'
                THEN (d.attributes ->> 'report_interval_s')::float8 END AS interval_s) AS p;

CREATE VIEW boards.metrics AS SELECT name AS metric, unit, title, title_zh FROM metrics;

CREATE VIEW boards.latest AS
SELECT d.id AS device, d.kind, d.name, m.name AS metric, m.unit, l.value, l.observed_at, l.quality
  FROM latest_readings l JOIN devices d ON d.key = l.device_key JOIN metrics m ON m.key = l.metric_key
 WHERE board_shows(d.kind, m.name);

CREATE VIEW boards.readings AS
SELECT d.id AS device, d.kind, m.name AS metric, m.unit, r.observed_at, r.value, r.quality, r.received_at
  FROM readings r JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key
 WHERE board_shows(d.kind, m.name);

CREATE VIEW boards.fixes AS
SELECT d.id AS device, d.kind, f.observed_at, f.lat, f.lon, f.speed_kmh, f.heading_deg, f.satellites, f.quality,
       f.received_at
  FROM fixes f JOIN devices d ON d.key = f.device_key
 WHERE f.valid AND d.kind <> 'worker';

CREATE VIEW boards.alerts AS
SELECT a.id AS alert, d.id AS device, d.kind, d.name, a.rule, a.scope, a.severity,
       CASE WHEN a.closed_at IS NOT NULL THEN 'closed' WHEN a.cleared_at IS NOT NULL THEN 'cleared'
            WHEN a.acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'raised' END AS stage,
       a.cleared_at IS NULL AND a.closed_at IS NULL AS open,
       a.raised_at, a.acknowledged_at, a.cleared_at, a.closed_at, a.raised_value AS value, a.cleared_value,
       a.told_at, a.late, a.revised_at, a.escalation, a.flapping,
       extract(epoch FROM coalesce(a.cleared_at, a.closed_at, now()) - a.raised_at)::float8 AS lasted_s,
       extract(epoch FROM a.acknowledged_at - a.told_at)::float8 AS acknowledged_s
  FROM alerts a JOIN devices d ON d.key = a.device_key
 WHERE NOT a.retracted;

CREATE VIEW boards.trips AS
SELECT d.id AS device, d.name, t.started_at, t.ended_at, t.ended, t.origin, t.goal, t.driven_m, t.work_m, t.work_s,
       t.transit_s, t.idle_s, t.off_s, t.no_data_s, t.revised_at
  FROM trips t JOIN devices d ON d.key = t.device_key
 WHERE d.kind = 'vehicle';

CREATE VIEW boards.stops AS
SELECT d.id AS device, d.name, s.started_at, s.ended_at, s.lat, s.lon, s.place, s.role, s.idle_s,
       extract(epoch FROM coalesce(s.ended_at, now()) - s.started_at)::float8 AS lasted_s
  FROM vehicle_stops s JOIN devices d ON d.key = s.device_key
 WHERE d.kind = 'vehicle';

CREATE VIEW boards.fleet AS
SELECT d.id AS device, d.name, l.at,
       (ARRAY['no_data', 'off', 'idle', 'transit', 'working'])[l.work_state + 1] AS state, l.since,
       l.idle_s, l.trip_m, l.plan, l.route, l.coverage_pct, l.progress_m, l.length_m, l.next_stop, l.next_m, l.eta,
       s.lat, s.lon, s.speed_kmh, s.heading_deg, s.received_at
  FROM fleet_live l JOIN devices d ON d.key = l.device_key LEFT JOIN device_state s ON s.device_key = d.key
 WHERE d.kind = 'vehicle';

CREATE VIEW boards.plans AS
SELECT p.id AS plan, p.on_date::date AS on_date, p.content ->> 'shift' AS shift, p.content ->> 'route' AS route,
       p.content ->> 'area' AS area, p.vehicle, p.crew, s.starts_at, s.starts_at + s.lasts AS ends_at
  FROM plans p
  LEFT JOIN LATERAL (
    SELECT (p.on_date::date + make_interval(mins => (h.content ->> 'start')::integer))
               AT TIME ZONE coalesce(h.content ->> 'zone', 'Asia/Shanghai') AS starts_at,
           make_interval(mins => (h.content ->> 'length')::integer) AS lasts
      FROM shifts h WHERE h.id = p.content ->> 'shift') AS s ON true
 WHERE NOT coalesce((p.content ->> 'withdrawn')::boolean, false);

-- What became of the plans of vehicles: how much of the route its tracker had covered, and what was driven meanwhile.
CREATE VIEW boards.coverage AS
SELECT p.plan, p.on_date, p.starts_at, p.ends_at, p.route, p.vehicle AS device, d.name, t.trips, t.driven_m, t.work_m,
       (SELECT max(r.value) FROM readings r
         WHERE r.device_key = d.key AND r.metric_key = (SELECT key FROM metrics WHERE name = 'coverage_pct')
           AND r.observed_at >= p.starts_at AND r.observed_at < p.ends_at) AS coverage_pct
  FROM boards.plans p JOIN devices d ON d.id = p.vehicle
 CROSS JOIN LATERAL (
    SELECT count(*) AS trips, coalesce(sum(driven_m), 0) AS driven_m, coalesce(sum(work_m), 0) AS work_m
      FROM trips WHERE device_key = d.key AND started_at >= p.starts_at AND started_at < p.ends_at) AS t
 WHERE p.route IS NOT NULL;

CREATE VIEW boards.emptyings AS
SELECT d.id AS device, d.name, e.at, e.before_pct, e.after_pct, e.vehicle, e.proof, e.partial, e.revised_at
  FROM emptyings e JOIN devices d ON d.key = e.device_key
 WHERE NOT e.retracted;

CREATE VIEW boards.orders AS
SELECT id AS work_order, kind, state, origin, on_date, vehicle, crew, worker, device, place, title, reason, lat, lon,
       planned_start, planned_end, entered_at, sent_at, accepted_at, done_at, changed_at,
       state IN ('planned', 'sent', 'accepted', 'overdue') AS open,
       state = 'overdue' OR (state IN ('planned', 'sent', 'accepted') AND planned_end < now()) AS overdue
  FROM work_orders;

CREATE VIEW boards.incidents AS
SELECT id AS incident, category, state, place, area, device_id AS device, lat, lon, department, work_order, seen_at,
       entered_at, changed_at, state IN ('reported', 'ordered', 'handed_on') AS open
  FROM incidents;

CREATE VIEW boards.workers AS
SELECT id AS worker, coalesce(nullif(content ->> 'name', ''), id) AS name, content ->> 'role' AS role,
       coalesce(content ->> 'crew', '') AS crew
  FROM workers
 WHERE coalesce((content ->> 'active')::boolean, true) AND content ->> 'withdrawn' IS NULL;

CREATE VIEW boards.findings AS
SELECT id AS finding, kind, at, outcome, category, points, worker, crew, area, decided_at FROM findings;

CREATE VIEW boards.tasks AS
SELECT id AS task, title, category, worker, crew, area, start_at, due_at, done_at,
       CASE WHEN done_at IS NULL AND due_at < now() THEN 'missed' WHEN done_at IS NULL THEN 'open'
            WHEN done_at > due_at THEN 'late' ELSE 'done' END AS state
  FROM work_tasks
 WHERE NOT cancelled;

CREATE VIEW boards.appeals AS
SELECT id AS appeal, subject, name AS whose, item, points, state, remaining, entered_at, decided_at FROM appeals;

-- Evaluations as they were reported (nothing of them is stored besides): the newest revision of each report.
CREATE VIEW boards.evaluations AS
WITH newest AS (
    SELECT DISTINCT ON (order_key) order_key, subject, span_start, span_end, content, made_at
      FROM reports WHERE kind = 'evaluation' ORDER BY order_key, revision DESC
), rows AS (
    SELECT n.span_start, n.span_end, n.made_at, r.cells ->> 0 AS worker, r.cells ->> 1 AS name, r.cells -> 2 AS points,
           r.cells -> 3 AS grade, r.cells -> 4 AS known
      FROM newest n
     CROSS JOIN LATERAL jsonb_array_elements(n.content -> 'sections') AS s (section)
     CROSS JOIN LATERAL jsonb_array_elements(s.section -> 'blocks') AS b (block)
     CROSS JOIN LATERAL jsonb_array_elements(b.block -> 'rows') AS r (cells)
     WHERE s.section ->> 'id' = 'overview' AND b.block ->> 'is' = 'table' AND b.block ->> 'id' = 'people'
    UNION ALL
    SELECT n.span_start, n.span_end, n.made_at, n.content #>> '{subject,values,id}', n.content #>> '{subject,values,name}',
           f.figures -> 'points', f.figures -> 'grade', f.figures -> 'completeness'
      FROM newest n
     CROSS JOIN LATERAL jsonb_array_elements(n.content -> 'sections') AS s (section)
     CROSS JOIN LATERAL (SELECT jsonb_object_agg(g ->> 'id', g -> 'value') AS figures
                           FROM jsonb_array_elements(s.section -> 'figures') AS g) AS f
     WHERE s.section ->> 'id' = 'overview' AND f.figures ? 'grade'
)
SELECT span_start, span_end, made_at, worker, name,
       CASE WHEN jsonb_typeof(points) = 'number' THEN points::text::float8 END AS points,
       coalesce(grade ->> 'text', '') AS grade, coalesce(nullif(grade ->> 'zh', ''), grade ->> 'text', '') AS grade_zh,
       CASE WHEN jsonb_typeof(known) = 'number' THEN 100 * known::text::float8 END AS completeness_pct
  FROM rows;

-- Key figures of reports about routes, bins and toilets; those about people are above.
CREATE VIEW boards.figures AS
SELECT r.kind, (SELECT coalesce(string_agg(value, ', ' ORDER BY key), '') FROM jsonb_each_text(r.subject)) AS subject,
       r.span_start, r.span_end, s.section ->> 'id' AS section, f.figure ->> 'id' AS figure,
       (f.figure ->> 'value')::float8 AS value
  FROM (SELECT DISTINCT ON (order_key) kind, subject, span_start, span_end, content
          FROM reports WHERE kind IN ('route_compliance', 'missed_pickups', 'toilet_service', 'fleet_summary')
         ORDER BY order_key, revision DESC) AS r
 CROSS JOIN LATERAL jsonb_array_elements(r.content -> 'sections') AS s (section)
 CROSS JOIN LATERAL jsonb_array_elements(s.section -> 'figures') AS f (figure)
 WHERE jsonb_typeof(f.figure -> 'value') = 'number';

CREATE VIEW boards.dead_letters AS
SELECT id AS letter, received_at, adapter, source, code, device_id AS device, size, replayable, replayed_at,
       replayed_at IS NULL AS open
  FROM dead_letters;

-- One row: how the hub is.
CREATE VIEW boards.hub AS
SELECT (SELECT max(received_at) FROM device_state) AS newest_reception,
       extract(epoch FROM now() - (SELECT max(received_at) FROM device_state))::float8 AS silent_s,
       (SELECT count(*) FROM outbox WHERE routed_at IS NULL) AS notifications_to_route,
       (SELECT count(*) FROM deliveries WHERE delivered_at IS NULL AND given_up_at IS NULL) AS deliveries_waiting,
       (SELECT count(*) FROM deliveries WHERE given_up_at >= now() - interval '1 day') AS deliveries_given_up,
       (SELECT count(*) FROM dirty_spans) AS alert_spans_dirty,
       (SELECT count(*) FROM tracker_dirty) AS tracker_spans_dirty,
       (SELECT count(*) FROM (SELECT FROM dead_letters WHERE replayed_at IS NULL LIMIT 100000) AS waiting)
           AS dead_letters_open,
       (SELECT name FROM schema_migrations ORDER BY name DESC LIMIT 1) AS schema,
       current_setting('server_version') AS server_version,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale_version;

-- Tables by what they hold on disk; partitions and chunks hang from their table in pg_inherits.
CREATE VIEW boards.sizes AS
WITH RECURSIVE parts (name, oid) AS (
    SELECT c.relname::text, c.oid FROM pg_class c
     WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'devices'::regclass) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    UNION ALL
    SELECT p.name, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT name AS relation, sum(pg_total_relation_size(oid))::bigint AS bytes, count(*) - 1 AS parts
  FROM parts GROUP BY name;
