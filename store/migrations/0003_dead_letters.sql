-- Frames that could not be filed, and the memory of messages that carried no usable time.

CREATE TABLE dead_letters (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    adapter     text NOT NULL,
    source      text NOT NULL,
    channel     text NOT NULL,
    code        text NOT NULL,                     -- malformed, invalid, unknown_device, shut_device, oversized, decoder, store
    reason      text NOT NULL,
    device_id   text,
    size        integer NOT NULL,                  -- of the payload as it came, bytes
    digest      bytea NOT NULL,
    payload     bytea,                             -- NULL where policy drops it
    replayable  boolean NOT NULL,
    replayed_at timestamptz,
    outcome     text                               -- of the replay
);
CREATE INDEX dead_letters_digest ON dead_letters (digest);
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE replayed_at IS NULL;

CREATE TABLE receipts (
    device_key integer NOT NULL REFERENCES devices ON DELETE CASCADE,
    digest     bytea NOT NULL,
    token      integer NOT NULL,                   -- of the delivery: MQTT's packet identifier
    filed_at   timestamptz NOT NULL,
    PRIMARY KEY (device_key, digest, filed_at)
);
CREATE INDEX receipts_age ON receipts (filed_at);
