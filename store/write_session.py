"""Small writes beside the pipeline's: one transaction each, on a connection of the pool, bounded in time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow

from store.connection import translated_errors
from store.readers_session import Pool, Row


class WriteSession:
    """A pool, and how long a statement may take.

    Raises TransientError when the store is away, RejectedError for what it refuses.
    """

    def __init__(self, pool: Pool, *, statement_timeout_s: float = 10.0, acquire_timeout_s: float = 3.0) -> None:
        self._pool = pool
        self._timeout_ms = str(int(statement_timeout_s * 1_000))
        self._acquire_timeout_s = acquire_timeout_s

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[TupleRow]]:
        """A transaction; what is raised within undoes it."""
        with translated_errors():
            async with self._pool.connection(timeout=self._acquire_timeout_s) as connection, connection.transaction():
                await connection.execute("SELECT set_config('statement_timeout', %s, true)", (self._timeout_ms,))
                yield connection

    async def rows(self, query: LiteralString, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Carry out one statement; the rows that it returns."""
        async with self.transaction() as connection:
            return await (await connection.execute(query, params)).fetchall()

    async def change(self, query: LiteralString, params: Mapping[str, Any] | None = None) -> int:
        """Carry out one statement; how many rows it changed."""
        async with self.transaction() as connection:
            return (await connection.execute(query, params)).rowcount
