-- The InfluxDB sink. What a transaction wrote is marked in the same transaction; a mark goes away when InfluxDB has it.

CREATE TABLE influx_sink (                             -- at most one row: whether marks are made, and until when
    sole        boolean PRIMARY KEY DEFAULT true CHECK (sole),
    marks_until timestamptz NOT NULL
);

CREATE TABLE influx_marks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at     timestamptz NOT NULL DEFAULT now(),
    records     integer NOT NULL,                      -- readings and fixes of the transaction
    withdrawn   boolean NOT NULL DEFAULT false,        -- readings at these instants were taken away
    device_keys integer[] NOT NULL,                    -- pairs with instants
    instants    timestamptz[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE influx_refused (                          -- what InfluxDB would not take, newest reason
    measurement text NOT NULL,
    device      text NOT NULL,
    observed_at timestamptz NOT NULL,
    field       text NOT NULL,
    value       text NOT NULL,
    reason      text NOT NULL,
    refused_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    times       integer NOT NULL DEFAULT 1,
    PRIMARY KEY (measurement, device, observed_at, field)
);
CREATE INDEX influx_refused_time ON influx_refused (refused_at);

CREATE TABLE influx_backfills (                        -- how far a backfill came, so that it can be taken up again
    begin_at   timestamptz NOT NULL,
    end_at     timestamptz NOT NULL,
    device     text NOT NULL,                          -- '' for all
    device_key integer NOT NULL,                       -- up to this device ...
    reached    timestamptz NOT NULL,                   -- ... and of it up to here
    points     bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (begin_at, end_at, device)
);
