"""What must be free before a server can start: a TCP port, and a folder that nobody works in any more.

These rules serve every server that the hub starts: PostgreSQL and the broker.
"""

from __future__ import annotations

import errno
import secrets
import socket
import time
from pathlib import Path

import psutil

from devices.errors import ConfigError

LOOPBACK = "127.0.0.1"

#: Below Linux's ephemeral range (32768-60999): a client that keeps dialling a port of that range while the server is
#: down can be given the very port as its source, connect to itself, and so keep the server from coming back.
_PORTS = range(20_000, 30_000)


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
