-- Who follows live is told of incidents too: `i` and numbers of the log of incidents, of which each step has a line.

CREATE FUNCTION live_incidents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sanihub_live', 'i' || string_agg(id::text, ',' ORDER BY id))
       FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 300 AS part FROM fresh) AS f
      GROUP BY part ORDER BY part;
    RETURN NULL;
END $$;
CREATE TRIGGER incident_log_live AFTER INSERT ON incident_log
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION live_incidents();
