"""TimescaleDB: what a server of it can do, its columnstore and jobs, and the way to it."""
