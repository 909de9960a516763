"""All SQL: migrations, the PostgreSQL and TimescaleDB store, its readers, and the embedded server."""
