"""The real servers of the tests: PostgreSQL, nats-server and mosquitto, each startable, stoppable and killable."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from psycopg import sql

from hub.embedded.broker import NatsBroker
from hub.embedded.launch import launch_command
from hub.embedded.trial import hello
from store.embedded.postgres import PostgresCluster
from store.embedded.service_account import Account
from store.embedded.vacancy import choose_port
from tests.certificates import make_certificates

DEADLINE_S = 60.0


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll `condition` until it holds; fails with `what` after the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {deadline_s:g} s: {what}")
        time.sleep(0.02)


class Server:
    """A server process of the tests."""

    name: str
    log: Path
    stop_signal = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = None

    def argv(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    @property
    def account(self) -> Account | None:
        return None

    @property
    def working_folder(self) -> Path:
        return self.log.parent

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start (again), on the same port with the same data; returns when it answers."""
        with self.log.open("ab") as output:
            self._process = process = subprocess.Popen(
                launch_command(self.argv(), account=self.account, death_signal=self.stop_signal),
                cwd=self.working_folder,
                env={"LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(lambda: self.answers() or process.poll() is not None, f"{self.name} answers; log {self.log}")
        if process.poll() is not None:
            pytest.fail(f"{self.name} ended with {process.returncode}: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it in good order; nothing if it does not run."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """SIGKILL: what a crash leaves behind."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if (process := self._process) is None:
            return
        process.send_signal(number)
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None


S = TypeVar("S", bound=Server)


class PostgresServer(Server):
    """An embedded cluster; `fsync` is off, for a test never cuts the power."""

    name = "postgres"
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path) -> None:
        self.cluster = PostgresCluster(folder, settings={"fsync": "off", "full_page_writes": "off"})
        self.cluster.prepare()
        self.log = folder / "postgres.log"

    def argv(self) -> list[str]:
        return self.cluster.command()

    @property
    def account(self) -> Account | None:
        return self.cluster.account

    @property
    def working_folder(self) -> Path:
        return self.cluster.working_folder

    def start(self) -> None:
        self.cluster.prepare()  # waits for what a kill has left; the port stays
        super().start()

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn("postgres"), connect_timeout=5):
            return True
        return False

    def dsn(self, database: str = "postgres") -> str:
        return self.cluster.dsn_of(database)

    def database(self, like: str | None = None) -> contextlib.AbstractContextManager[str]:
        """A fresh database, empty or a copy of another; yields its DSN and drops it afterwards."""
        return fresh_database(self.dsn(), self.dsn, like)


@contextlib.contextmanager
def fresh_database(server: str, dsn_of: Callable[[str], str], like: str | None = None) -> Iterator[str]:
    """A fresh database on the server that a DSN leads to; dropped afterwards, whoever is still connected.

    It is empty, or a copy of the database that ``like`` names, to which nobody may be connected.
    """
    name = f"test_{secrets.token_hex(6)}"
    template = sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(like)) if like else sql.SQL("")
    _run(server, sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), template))
    try:
        yield dsn_of(name)
    finally:
        _run(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _run(dsn: str, statement: sql.Composed) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


class MqttServer(Server):
    """What the brokers share: an address, and a CONNECT as the proof of life."""

    host = "127.0.0.1"
    port: int
    username: str | None = None
    password: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def answers(self) -> bool:
        try:
            with socket.create_connection(self.address, timeout=5) as connection:
                connection.sendall(hello(self.username, self.password))
                return connection.recv(4)[:1] == b"\x20"
        except OSError:
            return False


class NatsServer(MqttServer):
    name = "nats-server"

    def __init__(self, folder: Path) -> None:
        self.log = folder / "nats.log"
        self.broker = NatsBroker(folder, port=choose_port(self.host, folder / "wanted-port"))
        self.broker.prepare()
        self.port = self.broker.port

    def argv(self) -> list[str]:
        return self.broker.command()

    @property
    def account(self) -> Account | None:
        return self.broker.account

    @property
    def working_folder(self) -> Path:
        return self.broker.working_folder


class Mosquitto(MqttServer):
    """Debian's mosquitto with a generated configuration."""

    name = "mosquitto"

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        tls: bool = False,
        username: str | None = None,
        password: str | None = None,
        max_inflight_messages: int = 20,
        persistence: bool = False,
    ) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            pytest.fail("mosquitto is not installed: `make test` installs it, or apt-get install mosquitto")
        self._program = program
        self.log = folder / "mosquitto.log"
        self.port = choose_port(self.host, folder / "port")
        self.username, self.password = username, password
        self.ca_file: Path | None = None
        lines = [f"listener {self.port} {self.host}", f"max_inflight_messages {max_inflight_messages}"]
        lines += [f"allow_anonymous {str(username is None).lower()}", "max_queued_messages 0"]
        # As root mosquitto would change to its own user, who cannot read a folder of the tests.
        lines += [] if os.geteuid() else ["user root"]
        if persistence:
            lines += ["persistence true", f"persistence_location {folder}/", "autosave_interval 1"]
        if username is not None:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            subprocess.run(["mosquitto_passwd", "-b", passwords, username, password or ""], check=True)
            lines.append(f"password_file {passwords}")
        if tls:
            self.ca_file = make_certificates(folder)
            lines += [f"cafile {self.ca_file}", f"certfile {folder}/server.crt", f"keyfile {folder}/server.key"]
        (folder / "mosquitto.conf").write_text("\n".join([*lines, config]) + "\n")
        self._config = folder / "mosquitto.conf"

    def argv(self) -> list[str]:
        return [self._program, "-c", str(self._config)]

    def answers(self) -> bool:
        if self.ca_file is None:
            return super().answers()
        with contextlib.suppress(OSError), socket.create_connection(self.address, timeout=5):
            return True
        return False


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Beneath /tmp itself when the suite is root: the servers' account must be able to walk to it."""
    folder = Path(tempfile.mkdtemp(prefix="sanihub-test-", dir=None if os.geteuid() else "/tmp"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        server.stop()
