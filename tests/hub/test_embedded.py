from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from devices.errors import ConfigError
from hub.embedded.children import ChildError, ChildState
from hub.embedded.servers import EmbeddedServers, FolderLock, default_data_folder
from store.embedded.vacancy import choose_port

ROOT = Path(__file__).parents[2]

# A hub in miniature: starts the servers, tells what it runs, and waits to be ended.
HUB = """
import asyncio, json, pathlib, sys, structlog
from hub.embedded.servers import EmbeddedServers

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    async with EmbeddedServers(pathlib.Path(sys.argv[1])) as servers:
        status = {child.name: child.pid for child in servers.status()}
        print(json.dumps({"pids": status, "dsn": servers.dsn, "rows": servers.describe()}), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def offspring(pids: list[int]) -> list[psutil.Process]:
    processes = [psutil.Process(pid) for pid in pids]
    return processes + [child for process in processes for child in process.children(recursive=True)]


def gone(process: psutil.Process) -> bool:
    """A zombie counts: some containers have nobody to reap orphans."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
async def servers(open_folder):
    # Not 1883: workers side by side, and whatever runs on this machine, would meet there.
    port = choose_port("127.0.0.1", open_folder / "wish")
    async with EmbeddedServers(open_folder / "data", mqtt_port=port) as servers:
        yield servers


def start_hub(data: Path, python: str = sys.executable, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", HUB, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, **options
    )


async def test_both_answer_and_nothing_stays(open_folder):
    servers = EmbeddedServers(open_folder / "data")
    async with servers:
        assert [(child.name, child.state) for child in servers.status()] == [
            ("postgres", ChildState.READY),
            ("broker", ChildState.READY),
        ]
        processes = offspring([child.pid for child in servers.status() if child.pid])
        assert len(processes) > 2
        async with await psycopg.AsyncConnection.connect(servers.dsn) as connection:
            await connection.execute("CREATE TABLE kept ()")
        assert servers.broker is not None
        assert await servers.broker.ready()
    assert all(gone(process) for process in processes)
    assert {child.state for child in servers.status()} == {ChildState.STOPPED}
    async with servers, await psycopg.AsyncConnection.connect(servers.dsn) as connection:
        await connection.execute("SELECT FROM kept")


async def test_port_taken_in_the_last_moment(open_folder, monkeypatch):
    """Another program binds the chosen port after it was found free: the hub takes the next one."""
    servers = EmbeddedServers(open_folder / "data", database=False)
    prepare, thieves = servers.broker.prepare, []

    def prepare_and_lose_it() -> None:
        prepare()
        if not thieves:
            thieves.append(socket.create_server(servers.broker.address))

    monkeypatch.setattr(servers.broker, "prepare", prepare_and_lose_it)
    async with servers:
        assert len(thieves) == 1
        assert servers.mqtt_address != thieves[0].getsockname()
        assert [child.state for child in servers.status()] == [ChildState.READY]
        assert await servers.broker.ready()
    thieves[0].close()


async def test_strict_umask(open_folder):
    before = os.umask(0o077)
    try:
        async with EmbeddedServers(open_folder / "new/data") as servers:
            assert await servers.broker.ready()
    finally:
        os.umask(before)


async def test_description_holds_ports_and_no_password(servers):
    text = json.dumps(servers.describe())
    password = (servers.data / "postgres/password").read_text().strip()
    assert password in servers.dsn
    assert password not in text
    assert str(servers.cluster.port) in text
    assert str(servers.mqtt_address[1]) in text


@pytest.mark.parametrize("name", ["postgres", "broker"])
async def test_killed_server_comes_back_at_the_same_address(servers, name):
    child, dsn, address = servers.child(name), servers.dsn, servers.mqtt_address
    os.kill(child.status.pid, signal.SIGKILL)
    await child.wait_for(lambda status: status.state is ChildState.RESTARTING)
    await child.wait_for(lambda status: status.state is ChildState.READY)
    assert (servers.dsn, servers.mqtt_address) == (dsn, address)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("SELECT 1")
    assert await servers.broker.ready()


async def test_second_hub_is_refused_with_the_pid_of_the_first(servers):
    with pytest.raises(ConfigError, match=rf"another hub \(pid {os.getpid()}\)"):
        await EmbeddedServers(servers.data).start()
    assert {child.state for child in servers.status()} == {ChildState.READY}


def test_lock_is_free_after_release(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    with pytest.raises(ConfigError):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


async def test_broken_database_leaves_nothing_running_and_nothing_locked(open_folder):
    data = open_folder / "data"
    async with EmbeddedServers(data, broker=False) as servers:
        control = servers.cluster.working_folder / "global/pg_control"
    shutil.move(control, open_folder)
    broken = EmbeddedServers(data)
    with pytest.raises(ChildError, match="pg_control"):
        await broken.start()
    assert [child.pid for child in broken.status()] == [None]
    shutil.copy(open_folder / "pg_control", control)
    shutil.chown(control, *((servers.cluster.account.uid,) if servers.cluster.account else (os.geteuid(),)))
    async with EmbeddedServers(data, broker=False):
        pass


def test_servers_end_with_a_killed_hub_and_the_next_hub_finds_its_way(open_folder, eventually):
    with start_hub(open_folder / "data") as hub:
        report = json.loads(hub.stdout.readline())
        processes = offspring(list(report["pids"].values()))
        hub.kill()
    with start_hub(open_folder / "data") as hub:  # at once, while the old servers may still be ending
        second = json.loads(hub.stdout.readline())
        assert second["dsn"] == report["dsn"]
        eventually(lambda: all(gone(process) for process in processes), "the old servers are gone")
        hub.stdin.close()
        assert hub.wait(60) == 0


def interpreters() -> Iterator[str]:
    """Interpreters of this version that an ordinary user may run; ours may lie in a home folder."""
    yield sys.executable
    yield from filter(None, [shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")])


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole suite already runs as an ordinary user")
def test_as_an_ordinary_user(open_folder):
    nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "HOME": str(open_folder)}
    python = None
    for candidate in interpreters():
        try:
            subprocess.run([candidate, "-c", "import hub.embedded.servers"], check=True, env=environment, **nobody)
        except (OSError, subprocess.SubprocessError):
            continue
        python = candidate
    if python is None:
        pytest.skip("no interpreter, or not this checkout, is within reach of an ordinary user here")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    with subprocess.Popen(
        [python, "-c", HUB, str(home / "data")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, **nobody,
    ) as hub:  # fmt: skip
        report = json.loads(hub.stdout.readline())
        processes = offspring(list(report["pids"].values()))
        assert {process.uids().real for process in processes} == {65534}
        assert (home / "data").stat().st_mode & 0o777 == 0o700
        with psycopg.connect(report["dsn"]) as connection:
            connection.execute("SELECT 1")
        hub.stdin.close()
        assert hub.wait(60) == 0
    assert all(gone(process) for process in processes)


def test_default_folder(monkeypatch):
    if os.geteuid() == 0:
        assert default_data_folder() == Path("/var/lib/sanihub")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/li")
    assert default_data_folder("/data/home") == Path("/data/home/sanihub")
    assert default_data_folder("relative") == Path("/home/li/.local/share/sanihub")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_data_folder() == Path("/home/li/.local/share/sanihub")
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    assert default_data_folder() == Path("/xdg/sanihub")
