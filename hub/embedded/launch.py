"""The launch of a server process: as its account, tied to the life of the hub, its output in a log that stays small."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from store.embedded.service_account import Account

# Run by a bare interpreter between the hub and the server. The order matters: the kernel forgets the death signal when
# the user changes, and a hub that died before the signal was set would never be missed without the look at the parent.
# A small program instead of preexec_fn: that would run Python in a fork of a process with threads.
_LAUNCH = """
import ctypes, os, signal, sys
parent, death, uid, gid = map(int, sys.argv[1:5])
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if ctypes.CDLL(None, use_errno=True).prctl(1, death, 0, 0, 0):
    sys.exit("the kernel refused the parent death signal: " + os.strerror(ctypes.get_errno()))
if os.getppid() != parent:
    sys.exit("the hub ended while this server was starting")
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[5], sys.argv[5:])
"""


def launch_command(argv: Sequence[str], *, account: Account | None, death_signal: int) -> list[str]:
    """Return `argv` wrapped so that it runs as `account` and gets `death_signal` when the starting thread ends.

    The process id stays the same: the wrapper becomes the server.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    numbers = [str(number) for number in (os.getpid(), death_signal, uid, gid)]
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, *numbers, *argv]


class BoundedLog:
    """The output of a child in one file and one older one (`.1`), neither much beyond the limit."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path = path
        self._older = path.with_name(path.name + ".1")
        self._limit = limit_bytes

    def rotate(self) -> None:
        """Begin a new file; for a start, while nobody writes."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.exists():
            self.path.replace(self._older)

    def open(self) -> int:
        """Return a descriptor for appending; appending is what allows :meth:`bound` under the writer's hands."""
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)

    def bound(self) -> None:
        """Set an overgrown file aside while the child writes on; a line written in that moment may be lost."""
        if self.path.exists() and self.path.stat().st_size > self._limit:
            shutil.copyfile(self.path, self._older)
            os.truncate(self.path, 0)

    def tail(self, lines: int = 12) -> str:
        """Return the last lines, at most 8 KiB."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 8192))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
