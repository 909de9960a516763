-- What was planned for each device when its history was tracked: by this a hub that starts knows what changed meanwhile.

CREATE TABLE tracker_plans (
    device text PRIMARY KEY,                        -- its readable id
    tasks  jsonb NOT NULL                           -- fleet.trackers.book.Outline each, by their beginning
);

ALTER TABLE tracker_dirty
    ADD COLUMN offsets_since timestamptz;           -- distances from the plan are derived anew from here on; NULL: none
