"""What is planned, out of the store: plans resolved into the tasks of vehicles and badges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from time import time_ns
from typing import TypeVar

from devices.instants import to_datetime
from fleet.calendar import span
from fleet.master.collection import Master
from fleet.master.people import Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.trackers.ports import Task
from store.fleet.master import FleetMaster

DAY = timedelta(days=1)

Version = TypeVar("Version", Route, Area)


class StoredPlans:
    """See :class:`hub.fleet.service.PlanSource`. Reads anew only what has changed since it was asked last."""

    def __init__(self, master: FleetMaster) -> None:
        self._master = master
        self._mark: tuple[object, ...] = ()
        self._planned: tuple[tuple[str, Task], ...] = ()

    async def planned(self, start: int, end: int) -> Sequence[tuple[str, Task]]:
        """The tasks that begin in ``[start, end)`` (µs), each with the id of its device. Raises TransientError.

        A route or an area counts in the version that is in force when the shift begins.
        """
        first, last = to_datetime(start).date() - DAY, to_datetime(end).date() + DAY
        mark = (first, last, *await self._master.mark())
        if mark != self._mark:
            master = Master(
                routes=await self._master.routes_between(start, end),
                areas=await self._master.areas_between(start, end),
                workers=await self._master.workers(),
                shifts=await self._master.shifts(),
                plans=await self._master.plans(first, last),
            )
            self._planned = tuple((device, task) for device, own in tasks(master).items() for task in own)
            self._mark = mark
        return [one for one in self._planned if start <= one[1].start < end]

    async def planned_for(self, device: str, start: int, end: int) -> Sequence[Task]:
        """The tasks of one device (its id) that begin in ``[start, end)`` (µs). Raises TransientError."""
        first, last = to_datetime(start).date() - DAY, to_datetime(end).date() + DAY
        workers = await self._master.workers()
        plans = {one.id: one for one in await self._master.plans(first, last, vehicle=device)}
        for worker in workers:
            if worker.device == device:
                plans |= {one.id: one for one in await self._master.plans(first, last, worker=worker.id)}
        if not plans:
            return ()
        master = Master(
            routes=await self._master.routes_between(start, end, sorted({one.route or "" for one in plans.values()})),
            areas=await self._master.areas_between(start, end, sorted({one.area or "" for one in plans.values()})),
            workers=workers,
            shifts=await self._master.shifts(),
            plans=tuple(plans.values()),
        )
        return [task for task in tasks(master).get(device, ()) if start <= task.start < end]

    async def places(self) -> Sequence[Place]:
        """Depots, tips, fuel stations and the like that are not withdrawn. Raises TransientError."""
        now = time_ns() // 1_000
        return [one for one in await self._master.places() if one.withdrawn is None or one.withdrawn > now]


def tasks(master: Master) -> dict[str, list[Task]]:
    """The plans as tasks of devices: of their vehicle, and of the badges of their workers and crew."""
    shifts = {one.id: one for one in master.shifts}
    badges = {one.id: one for one in master.workers if one.device is not None and one.active}
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
        for device in _devices(plan, start, badges, crews):
            found.setdefault(device, []).append(Task(plan.id, start, end, route, area))
    for own in found.values():
        own.sort(key=lambda task: (task.start, task.end, task.plan))
    return found


def _devices(plan: Plan, start: int, badges: Mapping[str, Worker], crews: Mapping[str, list[str]]) -> Iterator[str]:
    if plan.vehicle is not None:
        yield plan.vehicle
    members = crews.get(plan.crew, []) if plan.crew is not None else []
    for name in dict.fromkeys(chain(plan.workers, members)):
        worker = badges.get(name)
        if worker is not None and worker.device is not None and (worker.withdrawn is None or start < worker.withdrawn):
            yield worker.device


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
