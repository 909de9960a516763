"""Connections to PostgreSQL: how they are opened, and what their errors mean to the rest of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

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
