"""Steps of the machine's clock: how far it was set, told by the clock that nobody sets."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns, time_ns

LEAST_US = 1_000_000  #: what is less is no step; drift adds up to one in time, and is told then


class Steps:
    """Watches a wall clock beside a steady one, both in µs."""

    def __init__(
        self,
        now: int | None = None,
        steady: Callable[[], int] = lambda: monotonic_ns() // 1_000,
    ) -> None:
        self._steady = steady
        self._apart = (time_ns() // 1_000 if now is None else now) - steady()

    def taken(self, now: int) -> int:
        """By how much (µs) the clock, which shows ``now``, was set since the last look; 0 if it was not."""
        apart = now - self._steady()
        step = apart - self._apart
        if abs(step) < LEAST_US:
            return 0
        self._apart = apart
        return step
