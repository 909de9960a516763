"""Fixtures of the whole suite: real servers on loopback, each worker its own, none left behind.

`postgres_dsn`  a fresh, empty database for one test
`postgres_module_dsn`  the same for a module
`prepared`  the name of a database with all tables; `postgres_server.database(like=prepared)` copies it
`postgres_server`  the server of the session: `.dsn(name)`, `.database()`; shared, so leave it running
`private_postgres`  a server for one test, to be stopped, started and killed
`timescale_dsn`  a fresh, empty database on a server that offers TimescaleDB, for one test
`timescale_module_dsn`  the same for a module
`timescale_workers_dsn`  the same as the first, on a server whose background workers run; skips where none is given
`nats_broker`  an embedded broker for one test: `.address`, `.stop()`, `.start()`, `.kill()`
`mosquitto`  a factory: `mosquitto(max_inflight_messages=100, tls=True)`; the same methods, and `.ca_file` with TLS
`eventually`  waits for a condition: `eventually(lambda: ..., "what is waited for")`
`open_folder`  an empty folder that the servers' account may enter (pytest's own folders are closed to it)

Every server gets a stop signal from the kernel if the process of the tests dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from devices.metrics import Catalogue
from store.schema import Mode, enter_catalogue, migrate
from tests.servers import Mosquitto, NatsServer, PostgresServer, running, temporary_folder, wait_until
from tests.timescale_server import GIVEN, timescale_database

# No test asserts a time: an example may take as long as a busy machine makes it.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with temporary_folder() as folder, running(PostgresServer(folder)) as server:
        yield server


async def prepare(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await migrate(connection, Mode.PLAIN, 7)
        await enter_catalogue(connection, Catalogue())


@pytest.fixture(scope="session")
def prepared(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database with all tables, which those of the tests are copies of."""
    with postgres_server.database() as dsn:
        asyncio.run(prepare(dsn))
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def postgres_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def postgres_module_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as dsn:
        yield dsn


@pytest.fixture
def private_postgres() -> Iterator[PostgresServer]:
    with temporary_folder() as folder, running(PostgresServer(folder)) as server:
        yield server


@pytest.fixture
def timescale_dsn() -> Iterator[str]:
    with timescale_database() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def timescale_module_dsn() -> Iterator[str]:
    with timescale_database() as dsn:
        yield dsn


@pytest.fixture
def timescale_workers_dsn() -> Iterator[str]:
    if not os.environ.get(GIVEN):
        pytest.skip(f"only a full server has background workers: set {GIVEN}")
    with timescale_database() as dsn:
        yield dsn


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what TimescaleDB was: the tests of its code run in any case, on a server only where one is given."""
    ran = "a server, by" if os.environ.get(GIVEN) else "PGlite's build; for a server set"
    terminalreporter.write_line(f"TimescaleDB: tested on {ran} {GIVEN}", yellow=not os.environ.get(GIVEN))


@pytest.fixture
def nats_broker(open_folder: Path) -> Iterator[NatsServer]:
    with running(NatsServer(open_folder)) as server:
        yield server


@pytest.fixture
def mosquitto() -> Iterator[Callable[..., Mosquitto]]:
    with contextlib.ExitStack() as stack:

        def start(config: str = "", **options: object) -> Mosquitto:
            folder = stack.enter_context(temporary_folder())
            return stack.enter_context(running(Mosquitto(folder, config, **options)))  # type: ignore[arg-type]

        yield start
