"""Back-ups: one state of the database, dumped and restored by PostgreSQL's own programs."""
