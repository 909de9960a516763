-- Readings summed up by hours (of UTC) and by local days, kept by the hub; and the views that boards read. On TimescaleDB
-- store/rollups/timescale.py puts continuous aggregates behind rollup_hours and rollup_days, and the rest stays the same.
-- How it is kept right: docs/adr/0033.

CREATE TABLE rollup_state (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    kind          text NOT NULL DEFAULT 'kept' CHECK (kind IN ('kept', 'timescale')),
    zone          text NOT NULL DEFAULT 'Asia/Shanghai',      -- whose days are summed up; whole hours from UTC
    threshold     timestamptz NOT NULL,                       -- who writes a reading before it says so in rollup_dirty
    hours_until   timestamptz NOT NULL,                       -- hours before it are kept; not after the threshold
    days_until    timestamptz NOT NULL,                       -- days before it are kept; not after hours_until
    frozen_before timestamptz NOT NULL DEFAULT '-infinity',   -- readings before it may be gone: no hour of it changes
    hours_from    timestamptz NOT NULL DEFAULT '-infinity',   -- hours before it are forgotten, the start of a day
    filled        boolean NOT NULL DEFAULT false,             -- on TimescaleDB: what was there is summed up, to hours_until
    adopted_until timestamptz NOT NULL DEFAULT '-infinity'    -- on TimescaleDB: what the hub kept before it is taken over
);

CREATE TABLE rollup_hours_kept (
    at         timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    least      double precision NOT NULL,
    greatest   double precision NOT NULL,
    total      double precision NOT NULL,
    last       double precision NOT NULL,                     -- of the newest instant the greatest value
    device_key integer NOT NULL,
    count      integer NOT NULL,
    metric_key smallint NOT NULL,
    PRIMARY KEY (device_key, metric_key, at)
);
CREATE INDEX rollup_hours_time ON rollup_hours_kept USING brin (at) WITH (pages_per_range = 16, autosummarize = on);

CREATE TABLE rollup_days_kept (
    at         timestamptz NOT NULL,                          -- the start of the local day
    last_at    timestamptz NOT NULL,
    least      double precision NOT NULL,
    greatest   double precision NOT NULL,
    total      double precision NOT NULL,
    last       double precision NOT NULL,
    device_key integer NOT NULL,
    count      integer NOT NULL,
    metric_key smallint NOT NULL,
    PRIMARY KEY (device_key, metric_key, at)
);
CREATE INDEX rollup_days_time ON rollup_days_kept USING brin (at) WITH (pages_per_range = 16, autosummarize = on);

-- Hours before the threshold of which readings came or went, a row for each transaction: whoever sums an hour up takes
-- away the rows that it sees, and so never one of a transaction that it does not see.
CREATE TABLE rollup_dirty (
    device_key integer NOT NULL,
    hour       timestamptz NOT NULL,
    day        timestamptz NOT NULL                           -- the start of its local day
);
CREATE INDEX rollup_dirty_hour ON rollup_dirty (device_key, hour);
CREATE INDEX rollup_dirty_day ON rollup_dirty (device_key, day);

-- What is there already is summed up by and by, from its oldest hour on; until then it is read as it is.
INSERT INTO rollup_state (threshold, hours_until, days_until)
SELECT h.at, h.at, date_trunc('day', h.at, 'Asia/Shanghai')
  FROM (SELECT date_bin('1 hour', least(min(o.observed_at), now() - interval '1 hour'), '2000-01-03 00:00:00+00') AS at
          FROM latest_readings l
         CROSS JOIN LATERAL (SELECT r.observed_at FROM readings r
                              WHERE r.device_key = l.device_key AND r.metric_key = l.metric_key
                              ORDER BY r.observed_at LIMIT 1) AS o) AS h;

-- One row, which the planner is to know: on a guess of hundreds it would compile what takes a millisecond.
ANALYZE rollup_state;

-- Hours as they are at this moment: kept ones, those noted since they were kept, and those that are not kept yet.
CREATE VIEW rollup_hours (device_key, metric_key, at, count, least, greatest, total, last, last_at) AS
SELECT k.device_key, k.metric_key, k.at, k.count::bigint, k.least, k.greatest, k.total, k.last, k.last_at
  FROM rollup_hours_kept k
 WHERE k.at < (SELECT s.hours_until FROM rollup_state s)
   AND NOT EXISTS (SELECT FROM rollup_dirty x
                    WHERE x.device_key = k.device_key AND x.hour = k.at
                      AND x.hour >= (SELECT s.frozen_before FROM rollup_state s))
UNION ALL
SELECT l.device_key, l.metric_key, x.hour, f.count, f.least, f.greatest, f.total, f.last, f.last_at
  FROM (SELECT DISTINCT n.device_key, n.hour FROM rollup_dirty n
         WHERE n.hour >= (SELECT s.frozen_before FROM rollup_state s)
           AND n.hour < (SELECT s.hours_until FROM rollup_state s)) AS x
  JOIN latest_readings l ON l.device_key = x.device_key
 CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(r.value) AS least, max(r.value) AS greatest, sum(r.value) AS total,
           (array_agg(r.value ORDER BY r.observed_at DESC, r.value DESC))[1] AS last, max(r.observed_at) AS last_at
      FROM readings r
     WHERE r.device_key = l.device_key AND r.metric_key = l.metric_key
       AND r.observed_at >= x.hour AND r.observed_at < x.hour + interval '1 hour') AS f
 WHERE f.count > 0
UNION ALL
SELECT l.device_key, l.metric_key, h.at, f.count, f.least, f.greatest, f.total, f.last, f.last_at
  FROM rollup_state s
  JOIN latest_readings l ON l.observed_at >= s.hours_until
 CROSS JOIN LATERAL generate_series(s.hours_until, l.observed_at, interval '1 hour') AS h (at)
 CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(r.value) AS least, max(r.value) AS greatest, sum(r.value) AS total,
           (array_agg(r.value ORDER BY r.observed_at DESC, r.value DESC))[1] AS last, max(r.observed_at) AS last_at
      FROM readings r
     WHERE r.device_key = l.device_key AND r.metric_key = l.metric_key
       AND r.observed_at >= h.at AND r.observed_at < h.at + interval '1 hour') AS f
 WHERE f.count > 0;

-- The same of local days.
CREATE VIEW rollup_days (device_key, metric_key, at, count, least, greatest, total, last, last_at) AS
SELECT k.device_key, k.metric_key, k.at, k.count::bigint, k.least, k.greatest, k.total, k.last, k.last_at
  FROM rollup_days_kept k
 WHERE k.at < (SELECT s.days_until FROM rollup_state s)
   AND NOT EXISTS (SELECT FROM rollup_dirty x
                    WHERE x.device_key = k.device_key AND x.day = k.at
                      AND x.hour >= (SELECT s.frozen_before FROM rollup_state s))
UNION ALL
SELECT l.device_key, l.metric_key, x.day, f.count, f.least, f.greatest, f.total, f.last, f.last_at
  FROM (SELECT DISTINCT n.device_key, n.day,
               ((n.day AT TIME ZONE s.zone) + interval '1 day') AT TIME ZONE s.zone AS next
          FROM rollup_dirty n CROSS JOIN rollup_state s
         WHERE n.hour >= s.frozen_before AND n.day < s.days_until) AS x
  JOIN latest_readings l ON l.device_key = x.device_key
 CROSS JOIN LATERAL (
    SELECT sum(h.count)::bigint AS count, min(h.least) AS least, max(h.greatest) AS greatest, sum(h.total) AS total,
           (array_agg(h.last ORDER BY h.at DESC))[1] AS last, max(h.last_at) AS last_at
      FROM rollup_hours h
     WHERE h.device_key = l.device_key AND h.metric_key = l.metric_key AND h.at >= x.day AND h.at < x.next) AS f
 WHERE f.count > 0
UNION ALL
SELECT l.device_key, l.metric_key, f.at, f.count, f.least, f.greatest, f.total, f.last, f.last_at
  FROM rollup_state s
  JOIN latest_readings l ON l.observed_at >= s.days_until
 CROSS JOIN LATERAL (
    SELECT date_trunc('day', h.at, s.zone) AS at, sum(h.count)::bigint AS count, min(h.least) AS least,
           max(h.greatest) AS greatest, sum(h.total) AS total,
           (array_agg(h.last ORDER BY h.at DESC))[1] AS last, max(h.last_at) AS last_at
      FROM rollup_hours h
     WHERE h.device_key = l.device_key AND h.metric_key = l.metric_key AND h.at >= s.days_until
     GROUP BY 1) AS f;

CREATE SCHEMA IF NOT EXISTS boards;

-- Grouping by what is unique already keeps the planner from joining before it has sought: conditions on device, metric
-- and time reach the indexes beneath.
CREATE VIEW boards.readings_hourly (device, kind, metric, unit, at, count, least, greatest, mean, last) AS
SELECT d.id, d.kind, m.name, m.unit, f.at, f.count, f.least, f.greatest, f.total / f.count, f.last
  FROM latest_readings l
  JOIN devices d ON d.key = l.device_key
  JOIN metrics m ON m.key = l.metric_key
 CROSS JOIN LATERAL (
    SELECT h.at, max(h.count) AS count, max(h.least) AS least, max(h.greatest) AS greatest, max(h.total) AS total,
           max(h.last) AS last
      FROM rollup_hours h WHERE h.device_key = l.device_key AND h.metric_key = l.metric_key GROUP BY h.at) AS f;

CREATE VIEW boards.readings_daily (device, kind, metric, unit, at, count, least, greatest, mean, last) AS
SELECT d.id, d.kind, m.name, m.unit, f.at, f.count, f.least, f.greatest, f.total / f.count, f.last
  FROM latest_readings l
  JOIN devices d ON d.key = l.device_key
  JOIN metrics m ON m.key = l.metric_key
 CROSS JOIN LATERAL (
    SELECT h.at, max(h.count) AS count, max(h.least) AS least, max(h.greatest) AS greatest, max(h.total) AS total,
           max(h.last) AS last
      FROM rollup_days h WHERE h.device_key = l.device_key AND h.metric_key = l.metric_key GROUP BY h.at) AS f;

CREATE VIEW boards.fill_daily (device, at, least, greatest, mean, last) AS
SELECT device, at, least, greatest, mean, last FROM boards.readings_daily WHERE kind = 'bin' AND metric = 'fill_pct';

-- What the trackers found driven on a trip is divided among its hours by their share of its time; a trip that lasts is
-- counted as far as it has come.
CREATE VIEW rollup_driven (device_key, at, driven_m, work_m) AS
SELECT t.device_key, h.at, t.driven_m * f.share, t.work_m * f.share
  FROM (SELECT t.device_key, t.started_at, t.work_m,
               greatest(coalesce(t.ended_at, l.at, t.started_at), t.started_at) AS ended_at,
               CASE WHEN t.ended_at IS NULL THEN greatest(t.driven_m, l.trip_m) ELSE t.driven_m END AS driven_m
          FROM trips t
          LEFT JOIN fleet_live l ON l.device_key = t.device_key AND l.trip_at = t.started_at AND t.ended_at IS NULL) AS t
 CROSS JOIN LATERAL generate_series(
    date_bin('1 hour', t.started_at, '2000-01-03 00:00:00+00'), t.ended_at, interval '1 hour') AS h (at)
 CROSS JOIN LATERAL (
    SELECT CASE WHEN t.ended_at = t.started_at THEN 1
                ELSE extract(epoch FROM least(t.ended_at, h.at + interval '1 hour') - greatest(t.started_at, h.at))
                     / extract(epoch FROM t.ended_at - t.started_at) END::float8 AS share) AS f
 WHERE f.share > 0;

CREATE VIEW boards.distance_hourly (device, at, driven_m) AS
SELECT d.id, t.at, sum(t.driven_m)
  FROM rollup_driven t JOIN devices d ON d.key = t.device_key
 WHERE d.kind = 'vehicle'
 GROUP BY d.id, t.at;

CREATE VIEW boards.distance_daily (device, at, driven_m, work_m) AS
SELECT d.id, date_trunc('day', t.at, s.zone), sum(t.driven_m), sum(t.work_m)
  FROM rollup_state s CROSS JOIN rollup_driven t JOIN devices d ON d.key = t.device_key
 WHERE d.kind = 'vehicle'
 GROUP BY d.id, date_trunc('day', t.at, s.zone);

CREATE VIEW boards.alerts_hourly (rule, severity, device, at, raised) AS
SELECT a.rule, a.severity, d.id, date_bin('1 hour', a.raised_at, '2000-01-03 00:00:00+00'), count(*)
  FROM alerts a JOIN devices d ON d.key = a.device_key
 WHERE NOT a.retracted
 GROUP BY 1, 2, 3, 4;

CREATE VIEW boards.alerts_daily (rule, severity, device, at, raised) AS
SELECT a.rule, a.severity, d.id, date_trunc('day', a.raised_at, s.zone), count(*)
  FROM alerts a JOIN devices d ON d.key = a.device_key CROSS JOIN rollup_state s
 WHERE NOT a.retracted
 GROUP BY 1, 2, 3, 4;

-- For who writes: the threshold in microseconds since 1970 if it lies behind an instant, else NULL; and until the end of
-- the transaction nobody moves it. Two statements, for the second is to see what was committed while the first waited.
CREATE FUNCTION rollup_threshold(since timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1514230351);
    RETURN (SELECT (extract(epoch FROM s.threshold) * 1000000)::bigint FROM rollup_state s
             WHERE s.kind = 'kept' AND s.threshold > since);
END $$;
