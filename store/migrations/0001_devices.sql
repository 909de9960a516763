-- Devices, their identities, the metric catalogue as numbers, and the latest state for boards.

CREATE TABLE devices (
    key           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    kind          text NOT NULL,
    status        text NOT NULL,
    name          text NOT NULL DEFAULT '',
    attributes    jsonb NOT NULL DEFAULT '{}',
    registered_at timestamptz NOT NULL DEFAULT now(),
    changed_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX devices_changed ON devices (changed_at);

CREATE TABLE identities (
    scheme     text NOT NULL,
    value      text NOT NULL CHECK (length(value) BETWEEN 1 AND 200),
    device_key integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    PRIMARY KEY (scheme, value)
);
CREATE INDEX identities_device ON identities (device_key);

CREATE TABLE metrics (
    key      smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text NOT NULL UNIQUE,
    unit     text NOT NULL,
    title    text NOT NULL,
    title_zh text NOT NULL
);

-- One row a device. Nothing in it ever moves backwards: the writer's upserts compare before they replace.
CREATE TABLE device_state (
    device_key      integer PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    received_at     timestamptz NOT NULL,          -- newest frame of the device
    online          boolean,                       -- last word of the connection's will, NULL when it never spoke
    online_at       timestamptz,
    fix_at          timestamptz,                   -- newest valid fix
    fix_seq         bigint,
    fix_variant     integer,
    lat             double precision,
    lon             double precision,
    altitude_m      double precision,
    speed_kmh       double precision,
    heading_deg     double precision
) WITH (fillfactor = 50);

CREATE TABLE latest_readings (
    device_key  integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    metric_key  smallint NOT NULL REFERENCES metrics,
    observed_at timestamptz NOT NULL,
    value       double precision NOT NULL,
    quality     smallint NOT NULL,
    PRIMARY KEY (device_key, metric_key)
) WITH (fillfactor = 50);
