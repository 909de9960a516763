"""A database that is made for a measurement and dropped after it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from devices.errors import ConfigError
from store.connection import session_parameters, translated_errors


@asynccontextmanager
async def scratch_database(server: str) -> AsyncIterator[str]:
    """A fresh, empty database on the server that a DSN leads to; gives its DSN.

    It is dropped in the end, whoever is still connected. What else is on the server is left alone. Raises ConfigError
    where the DSN is none or its user may not create databases, TransientError where nobody answers.
    """
    name = f"sanihub_bench_{secrets.token_hex(6)}"
    try:
        dsn = make_conninfo(server, dbname=name)
    except psycopg.ProgrammingError:  # whose words repeat what was given, and so perhaps a password
        raise ConfigError("bench: timescale: expected postgresql://user@host:port/database") from None
    await _run(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield dsn
    finally:
        await _run(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def _run(dsn: str, statement: sql.Composed) -> None:
    with translated_errors():
        async with await AsyncConnection.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
            try:
                await connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                raise ConfigError("bench: timescale: expected a user who may create databases") from None
