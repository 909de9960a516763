"""What can be harmed: a hub, its database and its broker, standing by themselves or brought along by the hub."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from store.embedded import DATABASE, ROLE
from store.vacancy import LOOPBACK, choose_port
from tests.faults.harness.scene import SECTIONS, Scene, settings
from tests.faults.harness.stream import Message, Stream
from tests.faults.harness.tap import Tap, tapped
from tests.hubs import HubProcess
from tests.servers import Mosquitto, NatsServer, PostgresServer, running, temporary_folder, wait_until


@dataclass
class World:
    """A hub and its servers.

    ``kill_postgres`` and ``kill_broker`` end them by SIGKILL and see to it that they come again: whoever looks after
    servers starts them, where they stand by themselves; the hub does, where it brought them along.
    """

    hub: HubProcess
    dsn: Callable[[], str]
    mqtt: tuple[str, int]
    postgres: PostgresServer | None = None
    broker: NatsServer | Mosquitto | None = None
    tap: Tap | None = None
    murmured: list[Message] = field(default_factory=list)  #: see the ledger

    def scene(self, stream: Stream) -> Scene:
        """A run of a stream in this world."""
        scene = Scene(stream, self.hub, self.dsn, self.mqtt)
        scene.ledger.murmured = self.murmured
        if self.tap is not None:
            self.tap.listen_for(scene.ledger)
        return scene

    async def kill_hub(self) -> None:
        """SIGKILL; started again at once."""
        await asyncio.to_thread(self.hub.kill)
        await asyncio.to_thread(self.hub.start)

    async def kill_postgres(self) -> None:
        """SIGKILL of the postmaster."""
        if self.postgres is None:
            await asyncio.to_thread(self._kill_child, "postgres")
        else:
            await asyncio.to_thread(self.postgres.kill)
            await asyncio.to_thread(self.postgres.start)

    async def kill_broker(self) -> None:
        """SIGKILL of the broker."""
        if self.broker is None:
            await asyncio.to_thread(self._kill_child, "nats-server")
        else:
            await asyncio.to_thread(self.broker.kill)
            await asyncio.to_thread(self.broker.start)

    async def kill_backend(self) -> None:
        """SIGKILL of one process that serves the hub: the server ends all others and recovers from its log."""
        await asyncio.to_thread(self._kill_backend)

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the database as its owner."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def child(self, name: str) -> int:
        """The process id of a server that the hub runs; 0 while it does not."""
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(self.hub.pid).children():
                if one.name() == name:
                    return one.pid
        return 0

    def _kill_child(self, name: str) -> None:
        wait_until(lambda: self.child(name), f"the hub runs {name}")
        before = self.child(name)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.child(name) not in (0, before), f"the hub has started {name} again")

    def _kill_backend(self) -> None:
        ((pid,),) = self.sql(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'sanihub' AND pid <> pg_backend_pid() ORDER BY xact_start NULLS LAST LIMIT 1"
        )
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(pid), "the process has ended")


@contextlib.contextmanager
def standing(*, mosquitto: bool = False, before: Callable[[Path], None] | None = None) -> Iterator[World]:
    """A hub over a PostgreSQL and a broker that stand by themselves; with mosquitto, behind a tap.

    mosquitto keeps what it has as ``deploy/mosquitto/mosquitto.conf`` has it. ``before`` is called with the hub's data
    folder before the hub starts.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        postgres = stack.enter_context(running(PostgresServer(stack.enter_context(temporary_folder()))))
        dsn = stack.enter_context(postgres.database())
        broker: Mosquitto | NatsServer
        tap = None
        if mosquitto:
            place, options = stack.enter_context(temporary_folder()), "autosave_on_changes true"
            made = Mosquitto(place, options, max_inflight_messages=1_000, persistence=True)
            broker = stack.enter_context(running(made))
            tap = stack.enter_context(tapped(broker.address))
        else:
            broker = stack.enter_context(running(NatsServer(stack.enter_context(temporary_folder()))))
        hub = HubProcess(folder, dsn, settings(tap.address if tap else broker.address))
        stack.callback(hub.kill)
        stack.callback(_revive, postgres)
        _prepare(hub, before)
        hub.start()
        yield World(hub, lambda: dsn, broker.address, postgres, broker, tap)


def _prepare(hub: HubProcess, before: Callable[[Path], None] | None) -> None:
    if before is not None:
        hub.data.mkdir(mode=0o755)
        before(hub.data)


def _revive(postgres: PostgresServer) -> None:
    """A test that failed may have left it dead; its database is dropped yet."""
    if postgres._process is None or postgres._process.poll() is not None:
        postgres._process = None
        postgres.start()


@contextlib.contextmanager
def embedded(before: Callable[[Path], None] | None = None, text: str = "") -> Iterator[World]:
    """A hub that brings its database and its broker along. ``before`` is called with its data folder before it starts,
    ``text`` are further settings."""
    with temporary_folder() as folder:
        port = choose_port(LOOPBACK, folder / "mqtt-port")
        hub = HubProcess(folder, "", f"[broker]\nport = {port}\n{SECTIONS}\n{text}")
        _prepare(hub, before)

        def dsn() -> str:
            password = (hub.data / "postgres/password").read_text().strip()
            number = (hub.data / "postgres/port").read_text().strip()
            return f"postgresql://{ROLE}:{password}@{LOOPBACK}:{number}/{DATABASE}"

        try:
            hub.start()
            hub.dsn = dsn()
            yield World(hub, dsn, (LOOPBACK, port))
        finally:
            hub.stop()
