"""The brokers of the comparison: the hub's embedded nats-server, and mosquitto where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from devices.errors import ConfigError
from hub.embedded.children import Child, ChildSpec
from hub.embedded.servers import EmbeddedServers
from hub.embedded.trial import hello
from store.embedded.vacancy import LOOPBACK, choose_port

IN_FLIGHT = 1_000  #: as deploy/mosquitto/mosquitto.conf has it, and the two lines after it
_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


class Broker(msgspec.Struct, frozen=True):
    """One that runs: its name, where it listens, its process."""

    name: str
    host: str
    port: int
    pid: int


def available() -> tuple[str, ...]:
    """The brokers that can be started here."""
    return ("nats-server", "mosquitto") if shutil.which("mosquitto", path=_PATH) else ("nats-server",)


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[Broker]:
    """A broker with nothing in it, in a folder that its account may walk to. Raises ConfigError, ChildError."""
    match name:
        case "nats-server":
            servers = EmbeddedServers(folder, database=False, mqtt_port=choose_port(LOOPBACK, folder / "wanted"))
            async with servers:
                yield Broker(name, *servers.mqtt_address, _pid(servers.child("broker")))
        case "mosquitto":
            port = choose_port(LOOPBACK, folder / "port")
            child = Child(_mosquitto_spec(folder, port))
            try:
                await child.start()
                yield Broker(name, LOOPBACK, port, _pid(child))
            finally:
                await child.stop()
        case _:
            raise ConfigError(f"broker: expected nats-server or mosquitto, got {name!r}")


def mosquitto() -> str:
    """Where mosquitto is. Raises ConfigError."""
    program = shutil.which("mosquitto", path=_PATH)
    if program is None:
        raise ConfigError("broker: mosquitto is not installed: apt-get install mosquitto, or leave it out")
    return program


def _mosquitto_spec(folder: Path, port: int) -> ChildSpec:
    program = mosquitto()
    lines = [f"listener {port} {LOOPBACK}", "allow_anonymous true", f"max_inflight_messages {IN_FLIGHT}"]
    lines += ["max_queued_messages 0", "persistence true", f"persistence_location {folder}/"]
    lines += [] if os.geteuid() else ["user root"]  # its own user could not read the folder
    file = folder / "mosquitto.conf"
    file.write_text("\n".join(lines) + "\n", "utf-8")

    async def ready() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
                connection.sendall(hello(None, None))
                return connection.recv(4)[:1] == b"\x20"
        except OSError:
            return False

    return ChildSpec(
        name="mosquitto",
        argv=[program, "-c", str(file)],
        working_folder=folder,
        log=folder / "mosquitto.log",
        ready=ready,
        stop_signal=signal.SIGTERM,
    )


def _pid(child: Child) -> int:
    pid = child.status.pid
    assert pid is not None
    return pid
