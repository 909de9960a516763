"""Asking the store: one read-only transaction a question, bounded in time, with the driver's errors told as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from devices.errors import TransientError
from devices.instants import from_datetime
from devices.read_models import QueryTimeoutError
from store.connection import expect

Pool = AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]
Row = tuple[Any, ...]

# Set for the transaction only: the pool may be shared with the writer, whose settings must come back untouched.
_BOUNDS = """
SELECT set_config('statement_timeout', %(timeout_ms)s, true),
       set_config('transaction_read_only', 'on', true)
"""


def micros_or_none(at: datetime | None) -> int | None:
    """Microseconds since 1970 of an aware datetime, with NULL left alone."""
    return None if at is None else from_datetime(at)


class ReadSession:
    """A pool, and how long a question may take.

    ``statement_timeout_s`` bounds each statement in the server, ``acquire_timeout_s`` the wait for a connection.
    Raises ``TransientError`` when the store is away and ``QueryTimeoutError`` when a statement ran into its bound.
    """

    def __init__(self, pool: Pool, *, statement_timeout_s: float = 5.0, acquire_timeout_s: float = 3.0) -> None:
        self._pool = pool
        self._statement_timeout_s = statement_timeout_s
        self._acquire_timeout_s = acquire_timeout_s

    async def rows(
        self,
        query: LiteralString,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        binary: bool = False,
    ) -> list[Row]:
        """All rows of one statement. ``timeout_s`` replaces both bounds for this question.

        ``binary`` asks for the values in the server's binary form, for columns of bytes.
        """
        async with self._transaction(timeout_s) as connection:
            cursor = await connection.execute(query, params, binary=binary)
            return await cursor.fetchall()

    @asynccontextmanager
    async def _transaction(self, timeout_s: float | None) -> AsyncIterator[psycopg.AsyncConnection[TupleRow]]:
        acquire, statement = timeout_s or self._acquire_timeout_s, timeout_s or self._statement_timeout_s
        try:
            async with self._pool.connection(timeout=acquire) as connection:
                expect(connection, statement)
                async with connection.transaction():
                    await connection.execute(_BOUNDS, {"timeout_ms": str(int(statement * 1000))})
                    yield connection
        except psycopg.errors.QueryCanceled as error:
            raise QueryTimeoutError from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise TransientError("the store is being prepared") from error  # the writer has not yet migrated it
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise TransientError("the store cannot be reached") from error
