-- Alerts, the rules that raise them, and how far each device has been folded.

CREATE TABLE rule_sets (                           -- the newest is in force
    version    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    since      timestamptz NOT NULL DEFAULT now(), -- judges moments from here on; before the first nothing is judged
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL,
    comment    text NOT NULL DEFAULT '',
    content    text NOT NULL                       -- YAML as it was given
);

CREATE TABLE alerts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_key      integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    rule            text NOT NULL,
    scope           text NOT NULL DEFAULT '',      -- tells several of one rule and device apart (a geofence)
    severity        text NOT NULL,
    rule_set        integer NOT NULL,
    raised_at       timestamptz NOT NULL,          -- the device's time, as all of the fold
    cleared_at      timestamptz,
    raised_value    double precision,
    cleared_value   double precision,
    detail          jsonb NOT NULL DEFAULT '{}',
    told_at         timestamptz NOT NULL DEFAULT now(),  -- wall time, as all that follows
    settled_at      timestamptz,                   -- when the clearing was committed
    revised_at      timestamptz,                   -- when a repair of history changed it last
    late            boolean NOT NULL DEFAULT false, -- appeared by a repair, and rang no bell
    retracted       boolean NOT NULL DEFAULT false, -- told, and by the repaired history never there
    acknowledged_at timestamptz,
    acknowledged_by text,
    closed_at       timestamptz,
    closed_by       text,
    escalation      smallint NOT NULL DEFAULT 0,
    quiet_until     timestamptz,                   -- snoozed (one alert)
    rings           boolean NOT NULL DEFAULT true, -- it was news: a bell rang, or was held back
    flapping        boolean NOT NULL DEFAULT false, -- raised too often of late to ring
    storm           bigint REFERENCES alerts ON DELETE SET NULL,  -- the alert that this one is part of
    behind          boolean NOT NULL DEFAULT false, -- part of it because that is the silence of its gateway
    storm_due       timestamptz,                   -- when the storm that this one is the head of is to be told
    storm_told      boolean NOT NULL DEFAULT false,
    held            jsonb                          -- the notification that was held back, until it is calm
);
CREATE UNIQUE INDEX alerts_open ON alerts (rule, device_key, scope) WHERE cleared_at IS NULL AND NOT retracted;
CREATE UNIQUE INDEX alerts_told ON alerts (device_key, rule, scope, raised_at) WHERE NOT retracted;
CREATE INDEX alerts_time ON alerts (raised_at);
CREATE INDEX alerts_rule_told ON alerts (rule, told_at);
CREATE INDEX alerts_storm ON alerts (storm) WHERE storm IS NOT NULL;
CREATE INDEX alerts_storm_due ON alerts (storm_due) WHERE storm_due IS NOT NULL;
CREATE INDEX alerts_snoozed ON alerts (quiet_until) WHERE quiet_until IS NOT NULL;
CREATE INDEX alerts_held ON alerts (told_at) WHERE held IS NOT NULL;

CREATE INDEX devices_gateway ON devices ((attributes ->> 'gateway')) WHERE attributes ->> 'gateway' IS NOT NULL;

CREATE TABLE alert_log (                           -- who did what, and what happened, in wall time
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alerts ON DELETE CASCADE,
    at       timestamptz NOT NULL DEFAULT now(),
    actor    text NOT NULL,
    action   text NOT NULL,                        -- raised, cleared, acknowledged, commented, revised ...
    detail   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX alert_log_alert ON alert_log (alert_id);

CREATE TABLE shelves (                             -- what rings no bell for a while: a rule, a device, or one on the other
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule       text,
    device_key integer REFERENCES devices ON DELETE CASCADE,
    until      timestamptz NOT NULL,
    reason     text NOT NULL,
    entered_by text NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT now(),
    CHECK (rule IS NOT NULL OR device_key IS NOT NULL)
);

CREATE TABLE tracks (                              -- checkpoints of the fold
    device_key integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    track      bytea NOT NULL,
    PRIMARY KEY (device_key, at)
);

CREATE TABLE dirty_spans (                         -- history that has to be folded again, from an instant on
    device_key integer PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    since      timestamptz NOT NULL,
    frontier   timestamptz NOT NULL                -- how far it had been folded when that was found
);

CREATE TABLE outbox (                              -- what people and machines are to be told
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE,               -- the same notification never stands here twice
    alert_id   bigint REFERENCES alerts ON DELETE CASCADE,
    action     text NOT NULL,                      -- raised, cleared, escalated, revised, storm
    content    jsonb NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT now(),
    routed_at  timestamptz                         -- when its deliveries were entered
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE routed_at IS NULL;

CREATE INDEX outbox_time ON outbox (entered_at);
CREATE INDEX outbox_alert ON outbox (alert_id);

CREATE TABLE deliveries (                          -- one for each notification and channel
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    outbox_id     bigint NOT NULL REFERENCES outbox ON DELETE CASCADE,
    alert_id      bigint,                          -- that of the outbox: what is told of an alert is told in order
    channel       text NOT NULL,
    urgent        boolean NOT NULL DEFAULT false,  -- waits neither for the end of quiet hours nor for a digest
    digest        text,                            -- what it waits for together with others: digest, quiet
    due_at        timestamptz NOT NULL DEFAULT now(),
    not_before    timestamptz NOT NULL DEFAULT now(),  -- due_at at first, then when it is to be tried again
    message       uuid,                            -- what it goes out in, for good: the idempotency key
    attempts      integer NOT NULL DEFAULT 0,
    tried_at      timestamptz,
    claimed_until timestamptz,                     -- a hub is sending it; one that died there has let go of it by then
    delivered_at  timestamptz,
    given_up_at   timestamptz,
    answer        text,
    UNIQUE (outbox_id, channel)
);
CREATE INDEX deliveries_waiting ON deliveries (channel, not_before) WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX deliveries_fresh ON deliveries (channel, outbox_id)
 WHERE delivered_at IS NULL AND given_up_at IS NULL AND message IS NULL;
CREATE INDEX deliveries_order ON deliveries (alert_id, channel, outbox_id)
 WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX deliveries_message ON deliveries (message) WHERE message IS NOT NULL;
CREATE INDEX deliveries_tried ON deliveries (channel, tried_at);
