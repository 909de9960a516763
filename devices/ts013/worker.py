"""The process that runs codec scripts, from the hub's side: started when first needed, started anew when it ended.

Scripts come from elsewhere. An engine within the hub can be told to stop a script, but not while it is in one of its
own loops (``Array.prototype.indexOf.call({length: 2 ** 53})``); only a process can be ended for certain.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from devices.errors import DecodeError

ENGINE = Path(__file__).with_name("engine.py")
PATIENCE_S = 10.0  #: beyond the script's own limit, on the clock: for a machine that is busy or asleep
MAX_ANSWER = 5_000_000  #: bytes; more than the engine ever sends


class ExpiredError(DecodeError):
    """A script did not end in its time."""


class Worker:
    """One process for scripts that may use ``memory_bytes``. One call at a time; others wait for their turn."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory = memory_bytes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any], limit_s: float) -> bytes:
        """The engine's answer to a request. Raises ExpiredError where the process ended over it."""
        with self._lock:
            process = self._started()
            try:
                return _exchange(process, msgspec.json.encode({**request, "limit": limit_s}), limit_s + PATIENCE_S)
            except (OSError, EOFError):
                self._end()
                raise ExpiredError(f"script: did not end within {limit_s:g} s, or took the engine with it") from None

    def close(self) -> None:
        """End the process. It is started again when it is asked again."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603  the interpreter and a file of ours
                [sys.executable, "-I", str(ENGINE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True,  # ctrl-C at the terminal is for the hub
                bufsize=0,
            )
            _write(self._process, msgspec.json.encode({"memory": self._memory}))
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()


@cache
def worker_for(memory_bytes: int) -> Worker:
    """The worker that all scripts with the same memory share."""
    worker = Worker(memory_bytes)
    atexit.register(worker.close)
    return worker


def _exchange(process: subprocess.Popen[bytes], body: bytes, patience_s: float) -> bytes:
    """Write a request and read its answer. OSError and EOFError mean that the process is no good any more."""
    deadline = time.monotonic() + patience_s
    _write(process, body)
    size = int.from_bytes(_read(process, 4, deadline), "big")
    if size > MAX_ANSWER:
        raise EOFError
    return _read(process, size, deadline)


def _write(process: subprocess.Popen[bytes], body: bytes) -> None:
    """The engine reads a request wholly before it runs anything, so that this never waits for a script."""
    assert process.stdin is not None
    data = memoryview(len(body).to_bytes(4, "big") + body)
    while data:
        data = data[os.write(process.stdin.fileno(), data) :]


def _read(process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    assert process.stdout is not None
    number = process.stdout.fileno()
    poll = select.poll()
    poll.register(number, select.POLLIN | select.POLLHUP)
    parts: list[bytes] = []
    while size:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise EOFError
        part = os.read(number, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
