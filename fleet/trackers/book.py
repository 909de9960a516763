"""A book of plans in memory, brought up to date span by span; it says whose history that changes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from fleet.master.places import Place
from fleet.trackers.ports import Task

Outline = tuple[int, int, str, str, int, str, int]
"""What tells tasks apart: start, end (µs), plan; ids and versions of route and area ("" and 0: none).

A version of a route or area never changes, and has thousands of points.
"""


class TaskBook:
    """See the module; a :class:`fleet.trackers.ports.PlanBook`. Of tasks that overlap, the one that began last counts.

    It starts empty, and then answers like :class:`fleet.trackers.ports.NoPlans`.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, tuple[Task, ...]] = {}
        self._starts: dict[str, list[int]] = {}
        self._places: tuple[Place, ...] = ()

    def task(self, device: str, at: int) -> Task | None:
        """What a device has to do at an instant (µs)."""
        starts = self._starts.get(device)
        if starts is None:
            return None
        tasks = self._tasks[device]
        for number in range(bisect_right(starts, at) - 1, -1, -1):
            if at < tasks[number].end:
                return tasks[number]
        return None

    def places(self) -> Sequence[Place]:
        """Depots, tips, fuel stations and the like."""
        return self._places

    def settle(self, places: Sequence[Place]) -> None:
        """Take over the places. Stops keep the names that they have."""
        if tuple(places) != self._places:
            self._places = tuple(places)

    def enter(self, planned: Iterable[tuple[str, Task]], start: int, end: int) -> dict[str, int]:
        """Take over all tasks, with their devices, that begin in ``[start, end)`` (µs); others stay as they are.

        Returns the devices for which that changes something, and since when (µs).
        """
        found: dict[str, list[Task]] = {}
        for device, task in planned:
            found.setdefault(device, []).append(task)
        changed: dict[str, int] = {}
        for device in self._tasks.keys() | found.keys():
            known = self._tasks.get(device, ())
            before = [one for one in known if start <= one.start < end]
            after = sorted(found.get(device, ()), key=_order)
            since = differing(map(outline, before), map(outline, after), start)
            if since is None:
                continue
            changed[device] = since
            self._keep(device, [*(one for one in known if not start <= one.start < end), *after])
        return changed

    def tasks(self, device: str) -> Sequence[Task]:
        """All that is known of a device's tasks, by their beginning."""
        return self._tasks.get(device, ())

    def forget(self, before: int) -> None:
        """Drop tasks that ended before an instant (µs)."""
        for device, tasks in list(self._tasks.items()):
            kept = [one for one in tasks if one.end > before]
            if len(kept) < len(tasks):
                self._keep(device, kept)

    def _keep(self, device: str, tasks: list[Task]) -> None:
        if tasks:
            self._tasks[device] = tuple(sorted(tasks, key=_order))
            self._starts[device] = [one.start for one in self._tasks[device]]
        else:
            self._tasks.pop(device, None)
            self._starts.pop(device, None)


def outline(task: Task) -> Outline:
    """A task, in short."""
    route, area = task.route, task.area
    return (
        *(task.start, task.end, task.plan),
        *(("", 0) if route is None else (route.id, route.version)),
        *(("", 0) if area is None else (area.id, area.version)),
    )


def differing(before: Iterable[Outline], after: Iterable[Outline], start: int) -> int | None:
    """Since when (µs) two plannings of a device differ, of tasks that begin at ``start`` or later; None: nowhere."""
    return min((one[0] for one in set(before) ^ set(after) if one[0] >= start), default=None)


def _order(task: Task) -> tuple[int, int, str]:
    return task.start, task.end, task.plan
