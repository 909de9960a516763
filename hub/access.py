"""A store for a command: the one of the settings, the one of the hub that runs on the data folder, or one of its own.

A data folder belongs to one hub at a time. A command that needs its database while a hub holds the folder speaks to
that hub's server; otherwise the command holds the folder itself and runs the database alone until it is done.
"""

from __future__ import annotations

import asyncio
import fcntl
import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
import psycopg
import typer
from psycopg_pool import AsyncConnectionPool

from devices.errors import ConfigError, TransientError
from hub import logs
from hub.embedded.servers import EmbeddedServers, default_data_folder
from hub.settings import settings as settings_file
from hub.settings.settings import Settings
from ingest.runner import Backoff, Condition, persist
from store.connection import session_parameters
from store.embedded.postgres import DATABASE, ROLE
from store.embedded.service_account import LOCK_NAME
from store.embedded.vacancy import LOOPBACK
from store.reading import Pool, ReadSession
from store.telemetry.writer import PostgresStore

T = TypeVar("T")

DEMO = "demo"  #: the subfolder of the data folder in which the demo keeps its own
PATIENCE_S = 30.0  #: how long a command bears a store that is away

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file; sanihub.toml of this folder if it is there.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data folder of the embedded servers; a demo that runs in its subfolder demo is found."
    ),
]


class Access(msgspec.Struct, frozen=True):
    """A database that answers. ``origin`` tells whose server it is; ``dsn`` holds a password: not for logs."""

    dsn: str
    origin: Literal["external", "running hub", "own"]
    data: Path


def load(config: Path | None, data: Path | None) -> Settings:
    """The settings of a command, with ``--data`` over them; its logs go to standard error, warnings only.

    Where the data folder holds nothing and a demo runs in its subfolder, the demo's is taken, and that is said. Raises
    ConfigError.
    """
    chosen = settings_file.load(config, **({} if data is None else {"data": data}))
    if (demo := _running_demo(chosen)) is not None:
        chosen = chosen.model_copy(update={"data": demo})
        typer.secho(f"(the demo that runs in {demo})", err=True, dim=True)
    logs.configure("error" if chosen.log.level == "error" else "warning", chosen.log.format)
    return chosen


def data_folder(settings: Settings) -> Path:
    """Where the embedded servers keep their data, whether it is there or not."""
    return (settings.data or default_data_folder()).expanduser().resolve()


def has_database(data: Path) -> bool:
    """Whether an embedded database was made in this folder."""
    return (data / "postgres" / "pgdata").exists()


@asynccontextmanager
async def open_store(settings: Settings, *, create: bool = False) -> AsyncIterator[Access]:
    """Give a command its database; what was started for it is stopped at the end. Call it on the main thread.

    ``create`` allows making a new data folder. Raises ConfigError when there is none, or it cannot be used, and
    TransientError when the hub that holds it does not answer.
    """
    data = data_folder(settings)
    if not settings.embedded_database:
        yield Access(settings.store.dsn.get_secret_value(), "external", data)
        return
    if not create and not has_database(data) and not in_use(data):
        raise ConfigError(
            f"{data} holds no data yet{_hint(data)}; name the data folder with --data, or start a hub first"
        )
    if data.exists() and not data.is_dir():
        raise ConfigError(f"{data} is no folder; name the data folder with --data")
    servers = EmbeddedServers(data, broker=False, postgres_port=settings.store.embedded_port)
    try:
        await servers.start()
    except ConfigError:
        if not in_use(data):
            raise
        yield Access(await _attach(data), "running hub", data)
        return
    try:
        yield Access(servers.dsn, "own", data)
    finally:
        await servers.stop()


def in_use(data: Path) -> bool:
    """Whether a hub, or a command like this one, holds the folder now."""
    try:
        descriptor = os.open(data / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@asynccontextmanager
async def open_pool(settings: Settings, *, create: bool = False) -> AsyncIterator[Pool]:
    """Connections to the store of the settings, migrated. ``create`` and what is raised: as :func:`open_store`."""
    async with open_store(settings, create=create) as access:
        store = PostgresStore(access.dsn, mode=settings.store.mode, partition_days=settings.store.partition_days)
        try:
            await patiently(store.open)
        finally:
            await store.close()
        pool: Pool = AsyncConnectionPool(kwargs=session_parameters(access.dsn), min_size=0, max_size=2, open=False)
        async with pool:
            yield pool


@asynccontextmanager
async def open_reads(settings: Settings) -> AsyncIterator[tuple[ReadSession, Pool]]:
    """The store of the settings for a command that reads, migrated; and the pool behind it."""
    async with open_pool(settings) as pool:
        yield ReadSession(pool, statement_timeout_s=60.0, acquire_timeout_s=PATIENCE_S), pool


def actor() -> str:
    """Who works here, for the audit."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return "cli"


async def patiently(call: Callable[[], Awaitable[T]], name: str = "store", seconds: float = PATIENCE_S) -> T:
    """Await ``call``, again while it raises TransientError; after so many seconds its last error is raised."""
    enough = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(seconds, enough.set)
    try:
        return await persist(call, Condition(name), enough, Backoff(first=0.05, most=1.0))
    finally:
        timer.cancel()


async def _attach(data: Path) -> str:
    """The DSN of the server that a running hub has on this folder, once it answers: the hub may just be starting."""
    folder = data / "postgres"

    async def answering() -> str:
        try:
            port = int((folder / "port").read_text("ascii"))
            password = (folder / "password").read_text("utf-8").strip()
        except PermissionError as error:
            raise ConfigError(f"{error.filename} cannot be read: run this as the user that the hub runs as") from None
        except (OSError, ValueError) as error:
            raise TransientError(f"{data} is in use by a hub without a database so far: {error}") from None
        dsn = f"postgresql://{ROLE}:{password}@{LOOPBACK}:{port}/{DATABASE}"
        try:
            connection = await psycopg.AsyncConnection.connect(**session_parameters(dsn))  # type: ignore[arg-type]
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            raise TransientError(f"{data} is in use by a hub whose database does not answer: {reason}") from None
        await connection.close()
        return dsn

    return await patiently(answering, "database of the running hub")


def _running_demo(settings: Settings) -> Path | None:
    """The folder of a demo that runs, where it is the only thing that a command can mean."""
    if not settings.embedded_database:
        return None
    data = data_folder(settings)
    demo = data / DEMO
    return demo if not has_database(data) and not in_use(data) and in_use(demo) else None


def _hint(data: Path) -> str:
    """Where the data probably are."""
    return f" (the demo's lie in {data / DEMO})" if has_database(data / DEMO) else ""
