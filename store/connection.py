"""Connections to PostgreSQL: how they are opened, and what their errors mean to the rest of the hub."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from devices.errors import ConfigError, RejectedError, TransientError

SESSION = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "sanihub",
    "client_encoding": "utf8",
    "options": "-c timezone=UTC -c synchronous_commit=on",
}
"""Defaults of every session; a DSN that names one wins. A server that vanishes is noticed within half a minute."""

_TOO_MUCH = "54"  # SQLSTATE class: program limit exceeded; the record is at fault, not the server


class PatientConnection(AsyncConnection[TupleRow]):
    """A connection that hangs up on a server which does not answer for :attr:`patience_s`, whatever it was asked.

    TCP notices a server that is gone. It does not notice one that hangs, nor a pooler or load balancer that keeps the
    connection and has lost the server behind it; and a timeout of the server's is worth nothing then. Who waits is told
    ``OperationalError``, as of any connection that broke. :func:`expect` makes it as patient as a statement is allowed
    to take.
    """

    patience_s: float = 120.0
    beyond_s: ClassVar[float] = 5.0

    async def wait(self, gen: Any, *options: Any, **named: Any) -> Any:
        """Wait for the server (see :meth:`psycopg.AsyncConnection.wait`), but not for ever."""
        timer = asyncio.get_running_loop().call_later(self.patience_s, self._hang_up)
        try:
            return await super().wait(gen, *options, **named)
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        """End both directions of the socket: whoever waits for it reads its end."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.pgconn.socket)) as one:
            one.shutdown(socket.SHUT_RDWR)


def expect(connection: AsyncConnection[TupleRow], bound_s: float) -> None:
    """From now on the server is to end each statement by itself within ``bound_s``, and is given a little longer."""
    if isinstance(connection, PatientConnection):
        connection.patience_s = bound_s + connection.beyond_s


def session_parameters(dsn: str) -> dict[str, str]:
    """Connection parameters of a DSN (URL or key=value) over the hub's defaults. Raises ConfigError."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        reason = str(error).strip().partition(" in connection info")[0]
        if " after " in reason:  # what stands there may be a password
            reason = "is no address"
        raise ConfigError(f"store.dsn: {reason}; expected postgresql://user:password@host:port/database") from None
    return SESSION | {name: str(value) for name, value in given.items() if value is not None}


def redacted(dsn: str) -> str:
    """A DSN as it may be shown: host, port and database, never the password."""
    parts = session_parameters(dsn)
    host = parts.get("host", "localhost")
    return f"{parts.get('user', '')}@{host}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn psycopg's errors into the hub's: what a record is to blame for, and everything else, which may pass."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise RejectedError(f"store: {_first_line(error)}") from error
    except psycopg.Error as error:
        if (error.sqlstate or "").startswith(_TOO_MUCH):
            raise RejectedError(f"store: {_first_line(error)}") from error
        raise TransientError(f"store: {_first_line(error)}") from error
    except (OSError, TimeoutError) as error:
        raise TransientError(f"store: {error or type(error).__name__}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
