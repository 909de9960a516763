-- People who sign in, their sessions, and areas as a limit of keys.

CREATE TABLE people (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),  -- what they sign in as
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 64),
    role         text NOT NULL CHECK (role IN ('worker', 'viewer', 'dispatcher', 'manager', 'admin')),
    areas        text[] CHECK (cardinality(areas) BETWEEN 1 AND 100),  -- NULL: no limit
    worker       text,                             -- of the master data; it may be entered later
    language     text CHECK (language IN ('zh', 'en')),
    hash         text NOT NULL,                    -- Argon2id with its parameters and its salt, in PHC form
    active       boolean NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now(),
    signed_in_at timestamptz,
    CHECK (role <> 'worker' OR worker IS NOT NULL),
    CHECK (areas IS NULL OR role IN ('viewer', 'dispatcher', 'manager'))
);

CREATE TABLE sessions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),  -- SHA-256 of the token, which is random
    person_id  integer NOT NULL REFERENCES people ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,               -- within a minute
    ended_at   timestamptz
);
CREATE INDEX sessions_person ON sessions (person_id);
CREATE INDEX sessions_created ON sessions (created_at);

ALTER TABLE api_keys ADD COLUMN areas text[] CHECK (cardinality(areas) BETWEEN 1 AND 100);
