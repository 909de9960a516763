-- Master data of the fleet: what is planned, by whom, where and when. Content is what fleet/master describes, as JSON;
-- devices are named by their readable ids.

CREATE TABLE routes (                              -- versions: [valid_from, valid_until) of one id never overlap
    id          text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    version     integer NOT NULL CHECK (version > 0),
    valid_from  timestamptz NOT NULL,              -- the first version's is 1970: it is all that is known of before
    valid_until timestamptz CHECK (valid_until > valid_from),
    content     jsonb NOT NULL,
    entered_at  timestamptz NOT NULL DEFAULT now(),
    entered_by  text NOT NULL,
    PRIMARY KEY (id, version),
    UNIQUE (id, valid_from)
);

CREATE TABLE areas (                               -- as routes
    id          text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    version     integer NOT NULL CHECK (version > 0),
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz CHECK (valid_until > valid_from),
    content     jsonb NOT NULL,
    entered_at  timestamptz NOT NULL DEFAULT now(),
    entered_by  text NOT NULL,
    PRIMARY KEY (id, version),
    UNIQUE (id, valid_from)
);

CREATE TABLE places (
    id         text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    content    jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE crews (
    id         text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    content    jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workers (
    id         text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    content    jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE shifts (
    id         text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    content    jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE plans (
    id         text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 128),
    content    jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    on_date    text GENERATED ALWAYS AS (content ->> 'on') STORED,   -- YYYY-MM-DD, which sorts as dates do
    vehicle    text GENERATED ALWAYS AS (content ->> 'vehicle') STORED,
    crew       text GENERATED ALWAYS AS (content ->> 'crew') STORED,
    workers    jsonb GENERATED ALWAYS AS (content -> 'workers') STORED
);
CREATE INDEX plans_date ON plans (on_date, id);
CREATE INDEX plans_vehicle ON plans (vehicle, on_date) WHERE vehicle IS NOT NULL;
