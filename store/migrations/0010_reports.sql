-- Reports: every revision as it was said, who signed which, and who did not agree.

CREATE TABLE reports (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_key  text NOT NULL,              -- digest of kind, span, zone and subject: revisions are counted under it
    revision   integer NOT NULL CHECK (revision > 0),
    kind       text NOT NULL,
    subject    jsonb NOT NULL,
    span_start timestamptz NOT NULL,
    span_end   timestamptz NOT NULL,
    zone       text NOT NULL,
    hash       text NOT NULL,              -- SHA-256 of the canonical content, in hex
    content    jsonb NOT NULL,             -- the document, without language and format
    changes    jsonb NOT NULL DEFAULT '[]',
    made_at    timestamptz NOT NULL DEFAULT now(),
    made_by    text NOT NULL,
    UNIQUE (order_key, revision)
);
CREATE INDEX reports_by_kind ON reports (kind, id DESC);

CREATE TABLE report_signatures (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_id bigint NOT NULL REFERENCES reports (id),
    signed_at timestamptz NOT NULL DEFAULT now(),
    actor     text NOT NULL,
    name      text NOT NULL,
    comment   text NOT NULL DEFAULT ''
);
CREATE INDEX report_signatures_by_report ON report_signatures (report_id);

CREATE TABLE report_appeals (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_id  bigint NOT NULL REFERENCES reports (id),
    raised_at  timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL,
    name       text NOT NULL,
    about      text NOT NULL,
    reason     text NOT NULL,
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'rejected')),
    decided_at timestamptz,
    decided_by text,
    decision   text NOT NULL DEFAULT '',
    CHECK ((state = 'open') = (decided_at IS NULL))
);
CREATE INDEX report_appeals_by_report ON report_appeals (report_id);
