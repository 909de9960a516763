-- Emptyings of bins, in the bins' time. What the history no longer shows is retracted, and stays.

CREATE TABLE emptyings (
    device_key integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    since      timestamptz NOT NULL,                   -- the bracket: the last high reading ...
    until      timestamptz NOT NULL,                   -- ... and the first low one
    before_pct double precision,
    after_pct  double precision,
    vehicle    text,
    proof      text NOT NULL,                          -- device, lift, dwell, fill
    partial    boolean NOT NULL,
    found_at   timestamptz NOT NULL DEFAULT now(),
    revised_at timestamptz,                            -- when late data changed, retracted or restored it last
    retracted  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (device_key, at)
);
CREATE INDEX emptyings_time ON emptyings (at) WHERE NOT retracted;

CREATE TABLE looks (                                   -- up to which reception somebody has looked at the telemetry
    name        text PRIMARY KEY,
    received_at timestamptz NOT NULL
);

-- What came since the last look: rows lie in the order of their reception, so that a few pages tell.
CREATE INDEX readings_received ON readings USING brin (received_at) WITH (autosummarize = on);
CREATE INDEX events_received ON events USING brin (received_at) WITH (autosummarize = on);
