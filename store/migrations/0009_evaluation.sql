-- Evaluation of workers and crews: schemes, what people enter (tasks, inspections, complaints), and appeals.

CREATE TABLE evaluation_schemes (                  -- versions of each; one is in force from `since` until the next
    id         text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    version    integer NOT NULL CHECK (version > 0),
    since      timestamptz NOT NULL,               -- periods that begin from here on are judged by it
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL,
    comment    text NOT NULL DEFAULT '',
    content    text NOT NULL,                      -- YAML as it was given
    PRIMARY KEY (id, version)
);

CREATE TABLE work_tasks (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external   text UNIQUE,                        -- the name of whoever entered it: the same one twice is one task
    worker     text,
    crew       text,
    title      text NOT NULL,
    category   text NOT NULL DEFAULT '',
    area       text,
    start_at   timestamptz NOT NULL,
    due_at     timestamptz NOT NULL CHECK (due_at > start_at),
    done_at    timestamptz,
    cancelled  boolean NOT NULL DEFAULT false,
    refs       text[] NOT NULL DEFAULT '{}',       -- pictures and papers, by their addresses
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL,
    CHECK (worker IS NOT NULL OR crew IS NOT NULL)
);
CREATE INDEX work_tasks_worker ON work_tasks (worker, due_at) WHERE worker IS NOT NULL;
CREATE INDEX work_tasks_crew ON work_tasks (crew, due_at) WHERE crew IS NOT NULL;

CREATE TABLE findings (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external   text UNIQUE,
    kind       text NOT NULL CHECK (kind IN ('inspection', 'complaint')),
    at         timestamptz NOT NULL,
    outcome    text NOT NULL CHECK (outcome IN ('open', 'passed', 'fault', 'dismissed')),
    category   text NOT NULL DEFAULT '',
    text       text NOT NULL DEFAULT '',
    points     double precision CHECK (points >= 0),
    worker     text,
    crew       text,
    area       text,
    refs       text[] NOT NULL DEFAULT '{}',
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL,
    decided_at timestamptz,                        -- when its outcome was changed last, by whom and why
    decided_by text,
    reason     text,
    CHECK (worker IS NOT NULL OR crew IS NOT NULL)
);
CREATE INDEX findings_worker ON findings (worker, at) WHERE worker IS NOT NULL;
CREATE INDEX findings_crew ON findings (crew, at) WHERE crew IS NOT NULL;

CREATE TABLE appeals (                             -- those that were accepted are the corrections
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject     text NOT NULL CHECK (subject IN ('worker', 'crew')),
    name        text NOT NULL,                     -- the worker's or crew's id
    scheme      text NOT NULL,
    version     integer NOT NULL,
    item        text NOT NULL,
    deduction   text NOT NULL,
    points      double precision NOT NULL,         -- what the deduction cost when the appeal was made
    start_at    timestamptz NOT NULL,
    end_at      timestamptz NOT NULL,
    en          text NOT NULL,
    zh          text NOT NULL,
    reason      text NOT NULL,
    entered_at  timestamptz NOT NULL DEFAULT now(),
    entered_by  text NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'rejected')),
    remaining   double precision,                  -- what it costs after all
    decided_at  timestamptz,
    decided_by  text,
    decision    text
);
CREATE UNIQUE INDEX appeals_open ON appeals (subject, name, deduction) WHERE state = 'open';
CREATE INDEX appeals_subject ON appeals (subject, name);
