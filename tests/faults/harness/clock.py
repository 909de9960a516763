"""The clock of the hub's machine, stepped while the hub runs; its monotonic clock goes on as if nothing was.

By libfaketime, which is preloaded into the hub alone and reads how far the clock is off from a file at each look.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOUR = 3_600


class HubClock:
    """How far the hub's wall clock is off, in seconds."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.offset_s = 0.0
        self.step(0)

    def step(self, offset_s: float) -> None:
        """From now on it is off by so much."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{offset_s:+.3f}\n")
        draft.rename(self._file)
        self.offset_s = offset_s

    def now(self) -> int:
        """What it shows, µs since 1970."""
        return time.time_ns() // 1_000 + int(self.offset_s * 1e6)

    @contextmanager
    def preloaded(self) -> Iterator[None]:
        """Processes that are started within the block go by this clock."""
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            pytest.fail("libfaketime is not installed: `make test` installs it, or apt-get install libfaketime")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(found[0]))
            patch.setenv("FAKETIME_TIMESTAMP_FILE", str(self._file))
            patch.setenv("FAKETIME_CACHE_DURATION", "1")  # seconds; without it each look at the clock reads the file
            patch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            patch.setenv("DONT_FAKE_MONOTONIC", "1")
            yield
