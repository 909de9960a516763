-- What recipes for telemetry in PostgreSQL begin with: names as text, an index to read by, and no unique key.
CREATE TABLE readings (
    device      text NOT NULL,
    metric      text NOT NULL,
    observed_at timestamptz NOT NULL,
    value       double precision NOT NULL
);
CREATE INDEX ON readings (device, metric, observed_at);

CREATE TABLE fixes (
    device      text NOT NULL,
    observed_at timestamptz NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    speed_kmh   double precision,
    heading_deg double precision
);
CREATE INDEX ON fixes (device, observed_at);
