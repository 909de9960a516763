-- The life of work orders: who gave them, who is to do them, when they were told, and what ended them.

ALTER TABLE work_orders
    ALTER COLUMN vehicle DROP NOT NULL,            -- a crew or a worker may be it, or nobody yet
    ADD COLUMN crew        text,
    ADD COLUMN worker      text,
    ADD COLUMN title       text NOT NULL DEFAULT '',
    ADD COLUMN note        text NOT NULL DEFAULT '',
    ADD COLUMN origin      text NOT NULL DEFAULT 'plan' CHECK (origin IN ('plan', 'alert', 'incident', 'hand')),
    ADD COLUMN alert_id    bigint REFERENCES alerts ON DELETE SET NULL,
    ADD COLUMN incident_id bigint REFERENCES incidents,
    ADD COLUMN entered_at  timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN entered_by  text NOT NULL DEFAULT '',
    ADD COLUMN to_send     timestamptz,            -- when it is to be sent down; NULL: not, or no more
    ADD COLUMN attempts    integer NOT NULL DEFAULT 0,
    ADD COLUMN sent_at     timestamptz,
    ADD COLUMN sent_by     text,                   -- jt808, mqtt, page
    ADD COLUMN accepted_at timestamptz,
    ADD COLUMN done_at     timestamptz,            -- of evidence: the device's time
    ADD COLUMN done_by     text,
    ADD COLUMN evidence    jsonb,                  -- what ended it without anybody's word
    ADD COLUMN fault       text,                   -- why it could not be sent
    ADD CHECK (num_nonnulls(vehicle, crew, worker) <= 1);
CREATE INDEX work_orders_to_send ON work_orders (to_send) WHERE to_send IS NOT NULL;
CREATE INDEX work_orders_open ON work_orders (planned_end) WHERE state IN ('planned', 'sent', 'accepted', 'overdue');
CREATE INDEX work_orders_alert ON work_orders (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX work_orders_incident ON work_orders (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX work_orders_worker ON work_orders (worker, planned_start) WHERE worker IS NOT NULL;
CREATE INDEX work_orders_crew ON work_orders (crew, planned_start) WHERE crew IS NOT NULL;

CREATE TABLE work_order_log (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL REFERENCES work_orders ON DELETE CASCADE,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor  text NOT NULL,
    action text NOT NULL,                          -- ordered, assigned, sent, accepted, done, reopened, overdue ...
    text   text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX work_order_log_order ON work_order_log (order_id, id);
