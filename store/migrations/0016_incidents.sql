-- What people report that no sensor sees: incidents, the photos that prove them, and what was told to other departments.

CREATE TABLE incidents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference   text NOT NULL UNIQUE CHECK (length(reference) BETWEEN 8 AND 64),  -- the reporter's own: sent twice, kept once
    category    text NOT NULL,
    state       text NOT NULL DEFAULT 'reported'
                CHECK (state IN ('reported', 'ordered', 'handed_on', 'done', 'rejected')),
    text        text NOT NULL DEFAULT '',
    lat         double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
    lon         double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
    accuracy_m  double precision,
    place       text NOT NULL DEFAULT '',          -- in words: a street, a number
    area        text,                              -- of the master data, as it was then
    device_id   text,                              -- a bin or a toilet that it is about
    seen_at     timestamptz NOT NULL,              -- the reporter's time where it can be believed
    claimed_at  timestamptz,                       -- and what was claimed where not
    entered_at  timestamptz NOT NULL DEFAULT now(),
    entered_by  text NOT NULL,
    reporter    text NOT NULL DEFAULT '',          -- their name, or that of their key
    worker      text,
    department  text,                              -- whom it was handed on to
    work_order  text,
    changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX incidents_seen ON incidents (seen_at, id);
CREATE INDEX incidents_open ON incidents (id) WHERE state IN ('reported', 'ordered', 'handed_on');
CREATE INDEX incidents_reporter ON incidents (entered_by, id);
CREATE INDEX incidents_order ON incidents (work_order) WHERE work_order IS NOT NULL;

CREATE TABLE incident_photos (                     -- as they came, byte by byte
    incident_id bigint NOT NULL REFERENCES incidents,
    sha256      bytea NOT NULL CHECK (length(sha256) = 32),
    media_type  text NOT NULL,
    width       integer NOT NULL,
    height      integer NOT NULL,
    taken_at    text,                              -- what the camera wrote into it: a claim, without a zone
    entered_at  timestamptz NOT NULL DEFAULT now(),
    entered_by  text NOT NULL,
    content     bytea NOT NULL,
    PRIMARY KEY (incident_id, sha256)
);
ALTER TABLE incident_photos ALTER content SET STORAGE EXTERNAL;  -- JPEG does not shrink any further

CREATE TABLE incident_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES incidents,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL,
    action      text NOT NULL,                     -- reported, photo, ordered, handed_on, commented, done, rejected
    text        text NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX incident_log_incident ON incident_log (incident_id, id);

-- Evidence stays as it was given.
CREATE FUNCTION evidence_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER incident_photos_are_final BEFORE UPDATE ON incident_photos
    FOR EACH ROW EXECUTE FUNCTION evidence_is_final();
CREATE TRIGGER incident_log_is_final BEFORE UPDATE OR DELETE ON incident_log
    FOR EACH ROW EXECUTE FUNCTION evidence_is_final();

CREATE TABLE incident_letters (                    -- to other departments, each until it was taken or given up
    id            uuid PRIMARY KEY,                -- the idempotency key
    incident_id   bigint NOT NULL REFERENCES incidents,
    department    text NOT NULL,
    content       jsonb NOT NULL,
    entered_at    timestamptz NOT NULL DEFAULT now(),
    not_before    timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz,                     -- a hub is sending it
    attempts      integer NOT NULL DEFAULT 0,
    delivered_at  timestamptz,
    given_up_at   timestamptz,
    answer        text
);
CREATE INDEX incident_letters_waiting ON incident_letters (not_before) WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX incident_letters_incident ON incident_letters (incident_id);
