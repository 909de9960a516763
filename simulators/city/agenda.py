"""The agenda: who wakes up when, in one order that does not depend on how the run is cut into steps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

from simulators.city.observation import Observation

Wake = Callable[[int], Observation | None]
"""Called at its instant (µs); returns the device's report, or None where there is nothing to say."""


class Agenda:
    """A queue of instants. Ties go by device id, so that the number of devices does not decide the order."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, int, Wake]] = []
        self._count = 0

    def put(self, at: int, device_id: str, wake: Wake) -> None:
        """Have ``wake`` called at ``at`` (µs)."""
        self._count += 1
        heapq.heappush(self._heap, (at, device_id, self._count, wake))

    def run(self, until: int) -> Iterator[Observation]:
        """Call everything due up to and including ``until`` in order of time; yield the reports."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            at, _, _, wake = heapq.heappop(heap)
            observation = wake(at)
            if observation is not None:
                yield observation

    @property
    def next_at(self) -> int | None:
        """The instant of the next wake, or None when nothing is planned."""
        return self._heap[0][0] if self._heap else None
