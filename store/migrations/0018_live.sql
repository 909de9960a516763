-- Who follows live is told of what is committed, on the channel sanihub_live: `a` and numbers of the log of alerts, `o`
-- and ids of work orders. Devices (`d` and keys) are told by the writer, which knows them. A notification leaves with
-- the commit and holds at most 8000 bytes, so lists are cut.

CREATE FUNCTION live_alerts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sanihub_live', 'a' || string_agg(id::text, ',' ORDER BY id))
       FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 300 AS part FROM fresh) AS f
      GROUP BY part ORDER BY part;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_log_live AFTER INSERT ON alert_log
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION live_alerts();

CREATE FUNCTION live_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sanihub_live', 'o' || json_agg(id ORDER BY id)::text)
       FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 8 AS part FROM fresh) AS f
      GROUP BY part ORDER BY part;
    RETURN NULL;
END $$;
CREATE TRIGGER work_orders_entered_live AFTER INSERT ON work_orders
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION live_orders();
CREATE TRIGGER work_orders_changed_live AFTER UPDATE ON work_orders
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION live_orders();
