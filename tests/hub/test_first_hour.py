"""What somebody does wrong in the first hour: one line that says what is wrong, and what to do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from alerts.rule_file import RuleFileError
from devices.errors import ConfigError
from hub.embedded.servers import FolderLock
from tests.hub.cli_runner import invoke


def told(*argv: object, **env: str) -> str:
    error = invoke(*argv, **env).exception
    assert isinstance(error, ConfigError | RuleFileError), error
    assert "\n" not in str(error)
    return str(error)


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_the_port_is_taken(open_folder: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = told(command, "--port", port, "--data", open_folder / "data")
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "choose another port with --port or api.port (the demo: make demo PORT=" in said


def test_a_demo_runs_already(open_folder: Path) -> None:
    folder = open_folder / "demo"
    folder.mkdir()
    folder.chmod(0o755)
    lock = FolderLock(folder)
    lock.acquire()
    try:
        said = told("demo", "--port", 0, "--data", folder)
    finally:
        lock.release()
    assert f"{folder} is in use by another hub (pid {os.getpid()}); end that with ctrl-C" in said
    assert "choose another data folder with --data" in said


def test_commands_find_the_demo_that_runs(open_folder: Path) -> None:
    """It has no database yet, so they wait for one and say so; without a hint they would ask for a data folder."""
    folder = open_folder / "demo"
    folder.mkdir()
    assert "holds no data yet; name the data folder with --data" in told("alerts", "list", "--data", open_folder)
    lock = FolderLock(folder)
    lock.acquire()
    try:
        found = invoke("doctor", "--data", open_folder, COLUMNS="300", SANIHUB_API__PORT="0")
    finally:
        lock.release()
    assert f"(the demo that runs in {folder})" in found.stderr
    assert str(folder) in found.stdout


def test_a_data_folder_that_cannot_be(open_folder: Path) -> None:
    assert "choose another one with --data" in told("serve", "--port", 0, "--data", "/proc/sanihub")


def test_a_dsn_that_is_none_is_told_without_what_it_holds(open_folder: Path) -> None:
    said = told("alerts", "list", "--data", open_folder, SANIHUB_STORE__DSN="secret@db:5432")
    assert said == "store.dsn: is no address; expected postgresql://user:password@host:port/database"


def test_a_rule_file_that_is_not_there() -> None:
    assert "No such file or directory; expected a rule file" in told("alerts", "rules", "check", "nowhere.yaml")
