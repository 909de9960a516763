"""How fast the database alone takes the rows that it holds: the limit that the ingest bench compares itself with."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import psycopg
from psycopg import sql

_TABLES = ("readings", "fixes")


def server_side_copy_seconds(dsn: str, folder: Path) -> float:
    """Seconds that the server needs to COPY its own rows from binary files into empty tables with the same keys.

    ``folder`` is one that the server may write to; the files and tables stay behind.
    """
    seconds = 0.0
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in _TABLES:
            source, target = sql.Identifier(table), sql.Identifier(f"bench_{table}")
            file = sql.Literal(str(folder / f"bench-{table}.copy"))
            connection.execute(sql.SQL("COPY (SELECT * FROM {}) TO {} (FORMAT BINARY)").format(source, file))
            connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(target, source))
            connection.execute("CHECKPOINT")
            started = perf_counter()
            connection.execute(sql.SQL("COPY {} FROM {} (FORMAT BINARY)").format(target, file))
            seconds += perf_counter() - started
    return seconds
