"""A disk that can be filled and freed: a small tmpfs on a folder, or, where nobody may mount, a limit to files.

The first is what a full disk is (ENOSPC). The second (RLIMIT_FSIZE, EFBIG) needs no right at all: no file of the
processes concerned grows beyond a mebibyte until the limit is lifted.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

MEBI = 1024 * 1024
BALLAST = "ballast"


class SmallDisk:
    """``pids`` names the processes whose files are limited where nothing can be mounted. Close it in the end."""

    def __init__(self, mebibytes: int, pids: Callable[[], Iterable[int]] = tuple, *, mount: bool = True) -> None:
        self._mebibytes = mebibytes
        self._pids = pids
        self._mount = mount
        self._folder = Path()
        self.mounted: tuple[str, ...] | None = None  #: by which command, if at all

    def put_on(self, folder: Path) -> None:
        """Make the folder, and it be a disk of its own if that can be."""
        folder.mkdir(mode=0o755)
        self._folder = folder
        options = f"size={self._mebibytes}m,mode=755,uid={os.geteuid()},gid={os.getegid()}"
        for rights in ((), ("sudo", "-n")) if self._mount else ():
            if _runs(*rights, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)):
                self.mounted = rights
                return

    def fill(self) -> None:
        """Nothing more can be written."""
        if self.mounted is None:
            self._limit(MEBI)
            return
        with (self._folder / BALLAST).open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(64 * 1024))

    def free(self) -> None:
        """There is room again."""
        if self.mounted is None:
            self._limit(resource.RLIM_INFINITY)
        else:
            (self._folder / BALLAST).unlink(missing_ok=True)

    def close(self) -> None:
        """Take the disk away; who wrote to it has ended."""
        if self.mounted is not None:
            _runs(*self.mounted, "umount", "-l", str(self._folder))

    def _limit(self, most: int) -> None:
        for pid in self._pids():
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def _runs(*argv: str) -> bool:
    try:
        return subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False
