-- Which messages were filed that may come again by another way with another time: one row each, at the instant at which
-- the message was filed.

CREATE TABLE echoes (
    device_key integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    digest     bytea NOT NULL,                     -- of what the device said
    session    bigint NOT NULL,                    -- in which it said so; 0 where its copy does not tell
    told_at    timestamptz NOT NULL,
    PRIMARY KEY (device_key, digest, told_at, session)
);
CREATE INDEX echoes_age ON echoes (told_at);
