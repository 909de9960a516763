"""CPU time and memory of processes that come and go while they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil


def cpu_seconds(process: psutil.Process, *, family: bool = True) -> float:
    """CPU that a process has used; of its ``family`` also what its children use and what the ended ones have used.

    PostgreSQL starts and ends workers as it likes, so a child may be gone before it is asked.
    """
    times = process.cpu_times()
    used = sum(times[:2])
    if family:
        used += sum(times[2:4])
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                used += sum(child.cpu_times()[:2])
    return used


class CpuWatch:
    """CPU seconds of some processes and of their families since the watch began, by name; of ``alone`` its own only."""

    def __init__(self, pids: Mapping[str, int], *, alone: str | None = None) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._alone = alone
        self._before = self._now()

    def a_message(self, messages: int) -> dict[str, float]:
        """Microseconds of each for one of so many messages."""
        return {name: (used - self._before[name]) * 1e6 / messages for name, used in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(one, family=name != self._alone) for name, one in self._processes.items()}


def peak_mib(process: psutil.Process | None = None) -> float:
    """The most memory that a process had, this one without a name; getrusage would tell that of its parent if more."""
    chosen = psutil.Process() if process is None else process
    try:
        lines = Path(f"/proc/{chosen.pid}/status").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return float(chosen.memory_info().rss / 2**20)


def family_peak_mib(process: psutil.Process) -> float:
    """The sum of the most that each had, of a process and of those of its children that are there."""
    return sum(_peaks([process, *process.children(recursive=True)]))


def _peaks(processes: list[psutil.Process]) -> Iterator[float]:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            yield peak_mib(one)
