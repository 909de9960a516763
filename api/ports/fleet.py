"""What the API needs for the fleet, as protocols. All raise ``TransientError`` while the store is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from devices.read_models import Page
from fleet.master.collection import Master, Section
from fleet.master.entering import Came
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import LonLat, Route


class FleetReader(Protocol):
    """What is planned, page by page."""

    async def centre(self) -> LonLat | None:
        """About where the city is: the median of what is stored; None where nothing is."""

    async def routes(self, *, at: int, route: str | None = None, cursor: str | None, limit: int) -> Page[Route]:
        """Routes in force at an instant (µs), by id; ``route``: only this one."""

    async def route_versions(self, route_id: str) -> tuple[Route, ...]:
        """Every version of a route, the first one first; none where there is no such route."""

    async def areas(self, *, at: int, area: str | None = None, cursor: str | None, limit: int) -> Page[Area]:
        """Areas in force at an instant (µs), by id; ``area``: only this one."""

    async def area_versions(self, area_id: str) -> tuple[Area, ...]:
        """Every version of an area, the first one first; none where there is no such area."""

    async def places(self, *, cursor: str | None, limit: int) -> Page[Place]:
        """Places, by id."""

    async def crews(self, *, cursor: str | None, limit: int) -> Page[Crew]:
        """Crews, by id."""

    async def workers(
        self, *, crew: str | None = None, worker: str | None = None, cursor: str | None, limit: int
    ) -> Page[Worker]:
        """Workers, by id; ``crew``: only its own; ``worker``: only this one."""

    async def shifts(self, *, cursor: str | None, limit: int) -> Page[Shift]:
        """Shifts, by id."""

    async def plans(
        self,
        first: date,
        last: date,
        *,
        vehicle: str | None = None,
        worker: str | None = None,
        route: str | None = None,
        cursor: str | None,
        limit: int,
    ) -> Page[Plan]:
        """Plans of these dates, both included, by date and id. A worker's are also those of their crew."""


class FleetKeeper(Protocol):
    """Entering what is planned, all or nothing, with an entry in the audit."""

    async def enter(
        self, master: Master, actor: str, *, valid_from: int | None = None, details: Mapping[str, Any] | None = None
    ) -> Mapping[Section, Came]:
        """What became of each section. Raises ``NotEnteredError`` for what does not fit what is stored."""

    async def withdraw(self, section: Section, ids: Sequence[str], actor: str, *, since: int | None = None) -> Came:
        """Have items end (µs; None: now). Raises ``NotEnteredError`` where there is none, or it is still named."""
