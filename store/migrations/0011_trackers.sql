-- What live trackers make of vehicles and workers: trips, stops, where they are now, and how far each was folded.
-- All of it is a function of the telemetry and the plans, and follows them when something comes late.

CREATE TABLE trips (
    device_key   integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    started_at   timestamptz NOT NULL,              -- the device's time, as all of it but revised_at
    ended_at     timestamptz,                       -- NULL while it lasts
    told_at      timestamptz,                       -- the moment that decided the end
    ended        text,                              -- standing, off, gap
    origin_lat   double precision NOT NULL,
    origin_lon   double precision NOT NULL,
    goal_lat     double precision,
    goal_lon     double precision,
    origin       text NOT NULL DEFAULT '',          -- the place, where one is known
    goal         text NOT NULL DEFAULT '',
    driven_m     double precision NOT NULL,
    work_m       double precision NOT NULL,
    work_s       double precision NOT NULL,
    transit_s    double precision NOT NULL,
    idle_s       double precision NOT NULL,
    off_s        double precision NOT NULL,
    no_data_s    double precision NOT NULL,
    revised_at   timestamptz,                       -- when late data changed it last
    PRIMARY KEY (device_key, started_at)
);
CREATE INDEX trips_time ON trips (started_at);

CREATE TABLE vehicle_stops (
    device_key   integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    told_at      timestamptz,
    lat          double precision NOT NULL,
    lon          double precision NOT NULL,
    place        text NOT NULL DEFAULT '',
    role         text NOT NULL DEFAULT '',          -- depot, tip, fuel ..., stop: one of the route
    idle_s       double precision NOT NULL,
    revised_at   timestamptz,
    PRIMARY KEY (device_key, started_at)
);
CREATE INDEX vehicle_stops_time ON vehicle_stops (started_at);

CREATE TABLE fleet_live (                           -- for boards
    device_key   integer PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    at           timestamptz NOT NULL,              -- as of this moment
    work_state   smallint NOT NULL,
    since        timestamptz NOT NULL,
    idle_s       double precision NOT NULL,
    trip_at      timestamptz,
    trip_m       double precision NOT NULL,
    stop_at      timestamptz,
    plan         text,
    route        text,
    coverage_pct double precision,
    progress_m   double precision,
    length_m     double precision,
    next_stop    text,
    next_m       double precision,                  -- how far it is
    eta          timestamptz
);

CREATE TABLE tracker_states (                       -- checkpoints of the fold
    device_key   integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    at           timestamptz NOT NULL,
    state        bytea NOT NULL,
    PRIMARY KEY (device_key, at)
);
CREATE INDEX tracker_states_time ON tracker_states (at);

CREATE TABLE tracker_dirty (                        -- history that has to be folded again, from an instant on
    device_key   integer PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    since        timestamptz NOT NULL,
    marks        integer NOT NULL DEFAULT 1         -- how often it was noted: a repair ends only what it saw
);
