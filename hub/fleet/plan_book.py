"""The book of plans within a hub: what is stored, resolved into tasks, in memory.

The trackers ask it for every moment. It is read anew when something of it has changed in the store, and tells from when
on the tasks of which devices are others than before, so that these can be tracked again.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from time import time_ns
from typing import TypeVar

from devices.errors import TransientError
from devices.instants import to_datetime
from fleet.calendar import span
from fleet.master.collection import Master
from fleet.master.places import Area, Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.trackers.ports import Task
from ingest.runner import Condition, pause, persist
from store.fleet_master import FleetMaster

BEHIND = timedelta(days=40)  #: so far back late data find their plan; what is later still is tracked without one
AHEAD = timedelta(days=2)
ALWAYS = -(2**63)

EVERY_S = 10.0  #: between two looks at what has changed

Replan = Callable[[str, int], Awaitable[None]]
Version = TypeVar("Version", Route, Area)
Tasks = Mapping[str, Sequence[Task]]
"""By device, in the order of their beginning."""


class StoredPlans:
    """See the module and :class:`fleet.trackers.ports.PlanBook`. Empty until the first :meth:`refresh`."""

    def __init__(self, master: FleetMaster, now: Callable[[], int] = lambda: time_ns() // 1_000) -> None:
        self._master = master
        self._now = now
        self._mark: tuple[object, ...] = ()
        self._places: tuple[Place, ...] = ()
        self._tasks: Tasks = {}
        self._starts: dict[str, list[int]] = {}

    def task(self, device: str, at: int) -> Task | None:
        """What a device has to do at an instant; of two that overlap the one that began last."""
        starts = self._starts.get(device)
        if not starts:
            return None
        place = bisect_right(starts, at) - 1
        if place < 0:
            return None
        found = self._tasks[device][place]
        return found if at < found.end else None

    def places(self) -> Sequence[Place]:
        """Depots, tips, fuel stations and the like; the same tuple until they change."""
        return self._places

    async def refresh(self) -> dict[str, int]:
        """Read what has changed; from when on (µs) the tasks of devices are others. Raises TransientError.

        The first time everything is news, and nothing is told: what is tracked by then was tracked by the same book.
        """
        now = self._now()
        today = to_datetime(now).date()
        mark = (today, *await self._master.mark())
        if mark == self._mark:
            return {}
        first, last = today - BEHIND, today + AHEAD
        start, end = now - _us(BEHIND) - _us(AHEAD), now + 2 * _us(AHEAD)
        master = Master(
            routes=await self._master.routes_between(start, end),
            places=await self._master.places(),
            areas=await self._master.areas_between(start, end),
            workers=await self._master.workers(),
            shifts=await self._master.shifts(),
            plans=await self._master.plans(first, last),
        )
        before, places, fresh = self._tasks, self._places, not self._mark
        self._mark, self._tasks = mark, tasks(master)
        self._starts = {device: [one.start for one in own] for device, own in self._tasks.items()}
        if master.places != places:
            self._places = master.places
        return {} if fresh else changed(before, self._tasks, start + _us(AHEAD), now)


async def keep_plans(book: StoredPlans, replan: Replan, stop: asyncio.Event) -> None:
    """Read what changes of the book until ``stop`` is set; ``replan`` is told whose tasks are others, and from when."""
    condition = Condition("plans")
    while not stop.is_set():
        await pause(stop, EVERY_S)
        try:
            for device, since in (await persist(book.refresh, condition, stop)).items():
                await replan(device, since)
        except TransientError:  # only while stopping
            return


def tasks(master: Master) -> dict[str, list[Task]]:
    """The plans as tasks of devices: of their vehicle, and of the badges of their workers and crew."""
    shifts = {one.id: one for one in master.shifts}
    badges = {one.id: one.device for one in master.workers if one.device is not None and one.active}
    crews: dict[str, list[str]] = {}
    for worker in master.workers:
        if worker.crew is not None:
            crews.setdefault(worker.crew, []).append(worker.id)
    routes, areas = _by_id(master.routes), _by_id(master.areas)
    found: dict[str, list[Task]] = {}
    for plan in master.plans:
        shift = shifts.get(plan.shift)
        if shift is None:
            continue
        start, end = span(shift, plan.on)
        route, area = _in_force(routes, plan.route, start), _in_force(areas, plan.area, start)
        for device in _devices(plan, badges, crews):
            found.setdefault(device, []).append(Task(plan.id, start, end, route, area))
    for own in found.values():
        own.sort(key=lambda task: (task.start, task.end, task.plan))
    return found


def changed(before: Tasks, after: Tasks, since: int, now: int) -> dict[str, int]:
    """From when on the tasks of devices differ, between ``since`` and ``now`` (µs): nothing before was told by them.

    A task that only slid out of the book is no change.
    """
    found: dict[str, int] = {}
    for device in before.keys() | after.keys():
        old, new = _known(before.get(device, ()), since, now), _known(after.get(device, ()), since, now)
        if old != new:
            found[device] = min(start for _, start, *_ in old ^ new)
    return found


def _known(own: Sequence[Task], since: int, now: int) -> set[tuple[str, int, int, object, object]]:
    """What tasks are told apart by: a version that ends is the same version."""
    return {
        (
            one.plan,
            one.start,
            one.end,
            None if one.route is None else (one.route.id, one.route.version),
            None if one.area is None else (one.area.id, one.area.version),
        )
        for one in own
        if since <= one.start <= now
    }


def _devices(plan: Plan, badges: Mapping[str, str], crews: Mapping[str, list[str]]) -> Iterator[str]:
    if plan.vehicle is not None:
        yield plan.vehicle
    members = crews.get(plan.crew, []) if plan.crew is not None else []
    yield from dict.fromkeys(badges[worker] for worker in chain(plan.workers, members) if worker in badges)


def _in_force(versions: Mapping[str, list[Version]], name: str | None, at: int) -> Version | None:
    if name is None:
        return None
    for one in versions.get(name, ()):
        if one.valid_from <= at and (one.valid_until is None or at < one.valid_until):
            return one
    return None


def _by_id(versions: Iterable[Version]) -> dict[str, list[Version]]:
    found: dict[str, list[Version]] = {}
    for one in versions:
        found.setdefault(one.id, []).append(one)
    return found


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
