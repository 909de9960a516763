-- Telemetry. The identity of a record is its content: two different values for one instant are both kept, the same
-- value twice is one row. {partitioned} is `PARTITION BY RANGE (observed_at)` in plain mode, empty for hypertables.

CREATE TABLE readings (
    device_key  integer NOT NULL,
    metric_key  smallint NOT NULL,
    quality     smallint NOT NULL,
    observed_at timestamptz NOT NULL,
    value       double precision NOT NULL,
    received_at timestamptz NOT NULL,
    claimed_at  timestamptz,                       -- the device's own time where it was not believed
    PRIMARY KEY (device_key, metric_key, observed_at, value)
) {partitioned};

CREATE TABLE fixes (
    device_key     integer NOT NULL,
    variant        integer NOT NULL,               -- checksum of the content
    observed_at    timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    lat            double precision NOT NULL,
    lon            double precision NOT NULL,
    altitude_m     double precision,
    speed_kmh      double precision,
    heading_deg    double precision,
    hdop           double precision,
    seq            bigint,                         -- orders fixes of one instant
    satellites     smallint,
    quality        smallint NOT NULL,
    valid          boolean NOT NULL,
    constellations text,                           -- comma-separated: GPS,BDS
    claimed_at     timestamptz,
    PRIMARY KEY (device_key, observed_at, variant)
) {partitioned};

CREATE TABLE events (
    device_key  integer NOT NULL,
    variant     integer NOT NULL,
    observed_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    quality     smallint NOT NULL,
    kind        text NOT NULL,
    attributes  jsonb NOT NULL,
    claimed_at  timestamptz,
    PRIMARY KEY (device_key, kind, observed_at, variant)
) {partitioned};
CREATE INDEX events_time ON events (observed_at);
