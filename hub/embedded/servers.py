"""The servers that come with the hub, as one thing: PostgreSQL and the MQTT broker in one locked data folder."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from devices.errors import ConfigError
from hub.embedded.broker import MQTT_PORT, NatsBroker
from hub.embedded.children import Child, ChildError, ChildSpec, ChildStatus
from ingest.transports.tls import RENEWED_S, Certificates, ServerTls
from store.embedded.postgres import PostgresCluster
from store.embedded.service_account import LOCK_NAME, Account, open_data_folder
from store.embedded.vacancy import LOOPBACK

_log = structlog.get_logger(__name__)

#: A fast shutdown of PostgreSQL writes a checkpoint; with `max_wal_size` 2 GB on a slow disk that takes a while.
_POSTGRES_GRACE_S = 60.0
#: Covers the recovery after a crash of as much WAL.
_POSTGRES_READY_S = 120.0


def default_data_folder(data_home: str | None = None) -> Path:
    """Return /var/lib/sanihub for root, else `sanihub` in `data_home` ($XDG_DATA_HOME) or in ~/.local/share.

    Without an argument the environment is asked.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/sanihub")
    home = Path(data_home if data_home is not None else os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification: a relative path is to be ignored.
    return (home if home.is_absolute() else Path.home() / ".local/share") / "sanihub"


async def _to_its_end(step: Callable[[], None]) -> None:
    """Run a blocking step in a thread; when cancelled, leave only after it: the lock must outlive what it guards."""
    running = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise


class FolderLock:
    """The right to use a data folder, held by one hub at a time; the kernel gives it back when the hub dies."""

    def __init__(self, data: Path) -> None:
        self.path = data / LOCK_NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; ConfigError with the pid of the hub that holds it."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigError(f"the data folder {self.path.parent} is not yours to write: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise ConfigError(
                f"the data folder {self.path.parent} is in use by another hub (pid {holder}); "
                f"end that with ctrl-C or `kill {holder}`, or choose another data folder with --data"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; idempotent. The file stays: removing it would let two hubs lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class EmbeddedServers:
    """PostgreSQL and, unless `broker` is False, the MQTT broker: started, supervised and stopped together.

    An async context manager; :meth:`start` and :meth:`stop` are the same by hand. It must be started from the main
    thread. Raises ConfigError before anything runs (see :class:`~store.embedded.postgres.PostgresCluster`,
    :class:`~hub.embedded.broker.NatsBroker`, :class:`FolderLock`) and :class:`~hub.embedded.children.ChildError` if
    a server does not become ready; in both cases nothing is left running.
    """

    def __init__(
        self,
        data: Path,
        *,
        database: bool = True,
        broker: bool = True,
        postgres_port: int | None = None,
        mqtt_host: str = LOOPBACK,
        mqtt_port: int | None = None,
        mqtt_username: str | None = None,
        mqtt_password: str | None = None,
        mqtt_sync: str = "1s",
        mqtt_anonymous: bool | None = None,
        mqtt_tls: ServerTls | None = None,
        mqtt_connections: int = 64_000,
    ) -> None:
        self.data = data.expanduser().resolve()
        self.cluster = PostgresCluster(self.data, port=postgres_port) if database else None
        self.broker = (
            NatsBroker(
                self.data,
                host=mqtt_host,
                port=mqtt_port,
                username=mqtt_username,
                password=mqtt_password,
                sync=mqtt_sync,
                anonymous=mqtt_anonymous,
                tls=mqtt_tls,
                max_connections=mqtt_connections,
            )
            if broker
            else None
        )
        self._lock = FolderLock(self.data)
        self._children: list[Child] = []
        self._mqtt_tls = mqtt_tls
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Prepare and start everything; returns when all of it answers. A new folder takes about two seconds."""
        open_data_folder(self.data, self._account())
        self._lock.acquire()
        self._children.clear()
        try:
            # One after the other: both may copy binaries, and a broker without a database helps nobody.
            for server in (self.cluster, self.broker):
                if server is not None:
                    await _to_its_end(server.prepare)
            if self.cluster:
                await self._run(self.cluster, self._postgres_spec)
            if self.broker:
                await self._run(self.broker, self._broker_spec)
        except BaseException:
            await self.stop()
            raise
        if self.broker and self._mqtt_tls:
            self._renewing = asyncio.create_task(self._renew(Certificates(self._mqtt_tls, "embedded broker")))
        if self.broker and self.broker.moved:
            _log.warning("mqtt_port_taken", wanted=MQTT_PORT, used=self.broker.port)

    async def stop(self) -> None:
        """Stop the broker first (no device is answered any more), then the database; idempotent."""
        if self._renewing is not None:
            self._renewing.cancel()
        try:
            for child in reversed(self._children):
                await child.stop()
        finally:
            self._lock.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def dsn(self) -> str:
        """The connection URI of the hub's database, password included; valid once started, and across restarts."""
        if self.cluster is None:
            raise ConfigError("no embedded database was asked for")
        return self.cluster.dsn

    @property
    def mqtt_address(self) -> tuple[str, int]:
        """Host and port of the broker for clients on this machine; valid once started, and across restarts."""
        if self.broker is None:
            raise ConfigError("no embedded broker was asked for")
        return self.broker.address

    def status(self) -> list[ChildStatus]:
        """The state of each server, for the health endpoint."""
        return [child.status for child in self._children]

    def child(self, name: str) -> Child:
        """Return the child `postgres` or `broker`; KeyError if it was not started."""
        return {child.spec.name: child for child in self._children}[name]

    def describe(self) -> list[tuple[str, str]]:
        """Return ports and folders as (what, where), for people; without any password."""
        rows = [("data folder", str(self.data))]
        if self.cluster:
            rows.append(("PostgreSQL", f"{LOOPBACK}:{self.cluster.port}, in {self.cluster.working_folder}"))
        if self.broker:
            note = f" (port {MQTT_PORT} was taken)" if self.broker.moved else ""
            host = f"[{self.broker.host}]" if ":" in self.broker.host else self.broker.host
            rows.append(("MQTT broker", f"{host}:{self.broker.port}{note}, in {self.broker.working_folder}"))
        if account := self._account():
            rows.append(("servers run as", account.name))
        return rows

    def renew(self, certificates: Certificates) -> bool:
        """Hand the broker its certificate anew where the files changed; whether they did. Open connections stay."""
        pid = self.child("broker").status.pid
        if self.broker is None or pid is None or not certificates.renew():
            return False
        self.broker.copy_certificate()
        os.kill(pid, signal.SIGHUP)
        return True

    async def _renew(self, certificates: Certificates) -> None:
        while True:
            await asyncio.sleep(RENEWED_S)
            self.renew(certificates)

    def _account(self) -> Account | None:
        return next((server.account for server in (self.cluster, self.broker) if server), None)

    async def _run(self, server: PostgresCluster | NatsBroker, spec: Callable[[], ChildSpec]) -> None:
        """Start one server; again if its port, free a moment ago, was taken by another program meanwhile."""
        for attempts_left in (2, 1, 0):
            child = Child(spec())
            self._children.append(child)
            try:
                await child.start()
            except ChildError as error:
                # Both servers say it in these words. Asking the port would not do: the other may be gone again.
                if not attempts_left or "address already in use" not in str(error).lower():
                    raise
                self._children.remove(child)
                await _to_its_end(server.prepare)  # ConfigError if that port was asked for
            else:
                return

    def _postgres_spec(self) -> ChildSpec:
        assert self.cluster is not None
        return ChildSpec(
            name="postgres",
            argv=self.cluster.command(),
            working_folder=self.cluster.working_folder,
            log=self.data / "logs/postgres.log",
            ready=self.cluster.ready,
            account=self.cluster.account,
            stop_signal=signal.SIGINT,
            grace_s=_POSTGRES_GRACE_S,
            ready_within_s=_POSTGRES_READY_S,
        )

    def _broker_spec(self) -> ChildSpec:
        assert self.broker is not None
        return ChildSpec(
            name="broker",
            argv=self.broker.command(),
            working_folder=self.broker.working_folder,
            log=self.data / "logs/broker.log",
            ready=self.broker.ready,
            well=self.broker.well,
            account=self.broker.account,
            stop_signal=signal.SIGTERM,
        )
