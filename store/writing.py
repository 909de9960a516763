"""Small changes beside the telemetry: one transaction each over a pool, bounded in time, errors told as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.rows import TupleRow

from devices.errors import TransientError
from store.connection import expect, translated_errors
from store.reading import Pool


class WriteSession:
    """A pool, and how long a change may take.

    ``statement_timeout_s`` bounds each statement in the server, ``acquire_timeout_s`` the wait for a connection.
    Raises ``TransientError`` when the store is away or gives up, ``RejectedError`` when it refuses what is written.
    """

    def __init__(self, pool: Pool, *, statement_timeout_s: float = 5.0, acquire_timeout_s: float = 3.0) -> None:
        self._pool = pool
        self._statement_timeout_s = statement_timeout_s
        self._acquire_timeout_s = acquire_timeout_s

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[TupleRow]]:
        """A connection within a transaction, committed at the end of the block."""
        bound = str(int(self._statement_timeout_s * 1000))
        with translated_errors():
            async with self._pool.connection(timeout=self._acquire_timeout_s) as connection:
                expect(connection, self._statement_timeout_s)
                async with connection.transaction():
                    await connection.execute("SELECT set_config('statement_timeout', %s, true)", (bound,))
                    try:
                        yield connection
                    except psycopg.errors.QueryCanceled as error:
                        raise TransientError("store: gave up on a change") from error
