-- Collection plans as they were made, and the work orders that come of them or are given by hand.

CREATE TABLE planning_runs (
    id         text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),  -- follows from the content: entered once
    on_date    date NOT NULL,
    method     text NOT NULL,
    content    jsonb NOT NULL,                     -- the whole plan, with what it left standing
    entered_at timestamptz NOT NULL DEFAULT now(),
    entered_by text NOT NULL
);
CREATE INDEX planning_runs_date ON planning_runs (on_date);

CREATE TABLE work_orders (
    id            text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 160),
    run           text REFERENCES planning_runs ON DELETE CASCADE,    -- NULL: given by hand
    kind          text NOT NULL,                   -- collect, tip ...
    state         text NOT NULL DEFAULT 'planned'
                  CHECK (state IN ('planned', 'sent', 'accepted', 'done', 'cancelled', 'overdue')),
    on_date       date NOT NULL,                   -- the service date
    vehicle       text NOT NULL,                   -- devices by their readable ids
    device        text,                            -- the bin; NULL at a tip
    place         text NOT NULL,
    sequence      integer NOT NULL CHECK (sequence > 0),
    planned_start timestamptz NOT NULL,
    planned_end   timestamptz NOT NULL CHECK (planned_end >= planned_start),
    reason        text,                            -- FULLNESS, AGE, ALERT
    lon           double precision,
    lat           double precision,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    changed_by    text NOT NULL
);
CREATE INDEX work_orders_start ON work_orders (planned_start, id);
CREATE INDEX work_orders_run ON work_orders (run);
CREATE INDEX work_orders_vehicle ON work_orders (vehicle, planned_start);
CREATE INDEX work_orders_device ON work_orders (device, planned_start) WHERE device IS NOT NULL;
