"""CPU time of processes with all that they started, the ended ones included."""

from __future__ import annotations

from collections.abc import Mapping

import psutil

from hub.bench.processes import cpu_seconds


class Watch:
    """CPU seconds of some processes since the watch began, by name."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = self._now()

    def a_message(self, messages: int) -> dict[str, float]:
        """Microseconds of each for one of so many messages."""
        now = self._now()
        return {name: round((now[name] - before) * 1e6 / messages, 1) for name, before in self._before.items()}

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(process) for name, process in self._processes.items()}
