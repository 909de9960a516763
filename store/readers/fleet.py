"""Pages of the fleet's master data, for the API (``api.ports.fleet.FleetReader``)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, LiteralString, TypeVar

import msgspec

from devices.instants import to_datetime
from devices.read_models import Page
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import LonLat, Route
from store import cursors
from store.cursors import DeviceCursor, PlanCursor
from store.fleet.entry import versioned
from store.fleet.master import FleetMaster
from store.reading import ReadSession, Row

_ROUTES = """
SELECT id, version, valid_from, valid_until, content FROM routes
 WHERE id > %(after)s AND valid_from <= %(at)s AND (valid_until IS NULL OR valid_until > %(at)s)
   AND (%(id)s::text IS NULL OR id = %(id)s::text)
 ORDER BY id LIMIT %(limit)s
"""
_AREAS = """
SELECT id, version, valid_from, valid_until, content FROM areas
 WHERE id > %(after)s AND valid_from <= %(at)s AND (valid_until IS NULL OR valid_until > %(at)s)
   AND (%(id)s::text IS NULL OR id = %(id)s::text)
 ORDER BY id LIMIT %(limit)s
"""
_STILL: LiteralString = "coalesce((content ->> 'withdrawn')::bigint > extract(epoch FROM now()) * 1000000, true)"
_PLACES = f"SELECT content FROM places WHERE id > %(after)s AND {_STILL} ORDER BY id LIMIT %(limit)s"  # noqa: S608
_CREWS = f"SELECT content FROM crews WHERE id > %(after)s AND {_STILL} ORDER BY id LIMIT %(limit)s"  # noqa: S608
_WORKERS = f"""
SELECT content FROM workers
 WHERE id > %(after)s AND (%(crew)s::text IS NULL OR content ->> 'crew' = %(crew)s::text)
   AND (%(id)s::text IS NULL OR id = %(id)s::text) AND {_STILL}
 ORDER BY id LIMIT %(limit)s
"""  # noqa: S608
_SHIFTS = f"SELECT content FROM shifts WHERE id > %(after)s AND {_STILL} ORDER BY id LIMIT %(limit)s"  # noqa: S608
_PLANS = """
SELECT content FROM plans p
 WHERE NOT coalesce((content ->> 'withdrawn')::boolean, false)
   AND on_date >= %(first)s AND on_date <= %(last)s AND (on_date, id) > (%(on)s, %(id)s)
   AND (%(vehicle)s::text IS NULL OR vehicle = %(vehicle)s::text)
   AND (%(route)s::text IS NULL OR content ->> 'route' = %(route)s::text)
   AND (%(worker)s::text IS NULL OR workers @> to_jsonb(%(worker)s::text)
        OR crew = (SELECT w.content ->> 'crew' FROM workers w WHERE w.id = %(worker)s::text))
 ORDER BY on_date, id LIMIT %(limit)s
"""

Named = TypeVar("Named", Place, Crew, Worker, Shift, Plan)


class FleetReads:
    """What is planned, page by page. Raises TransientError while the store is away, CursorError for a wrong cursor."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        self._master = FleetMaster(session)

    async def centre(self) -> LonLat | None:
        """About where the city is: the median of what is stored; None where nothing is."""
        return await self._master.centre()

    async def routes(self, *, at: int, route: str | None = None, cursor: str | None, limit: int) -> Page[Route]:
        """Routes in force at an instant (µs), by id; ``route``: only this one."""
        found = await self._named(_ROUTES, cursor, limit, at=to_datetime(at), id=route)
        return cursors.page(found, limit, partial(versioned, "routes"), _after)

    async def route_versions(self, route_id: str) -> tuple[Route, ...]:
        """Every version of a route, the first one first; none where there is no such route."""
        return await self._master.route_versions(route_id)

    async def areas(self, *, at: int, area: str | None = None, cursor: str | None, limit: int) -> Page[Area]:
        """Areas in force at an instant (µs), by id; ``area``: only this one."""
        found = await self._named(_AREAS, cursor, limit, at=to_datetime(at), id=area)
        return cursors.page(found, limit, partial(versioned, "areas"), _after)

    async def area_versions(self, area_id: str) -> tuple[Area, ...]:
        """Every version of an area, the first one first; none where there is no such area."""
        return await self._master.area_versions(area_id)

    async def places(self, *, cursor: str | None, limit: int) -> Page[Place]:
        """Places, by id."""
        return cursors.page(await self._named(_PLACES, cursor, limit), limit, _content(Place), _after)

    async def crews(self, *, cursor: str | None, limit: int) -> Page[Crew]:
        """Crews, by id."""
        return cursors.page(await self._named(_CREWS, cursor, limit), limit, _content(Crew), _after)

    async def workers(
        self, *, crew: str | None = None, worker: str | None = None, cursor: str | None, limit: int
    ) -> Page[Worker]:
        """Workers, by id; ``crew``: only its own; ``worker``: only this one."""
        rows = await self._named(_WORKERS, cursor, limit, crew=crew, id=worker)
        return cursors.page(rows, limit, _content(Worker), _after)

    async def shifts(self, *, cursor: str | None, limit: int) -> Page[Shift]:
        """Shifts, by id."""
        return cursors.page(await self._named(_SHIFTS, cursor, limit), limit, _content(Shift), _after)

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
        after = cursors.read(cursor, PlanCursor("", ""))
        values = {
            **{"first": first.isoformat(), "last": last.isoformat(), "on": after.on, "id": after.id},
            **{"vehicle": vehicle, "worker": worker, "route": route, "limit": limit + 1},
        }
        rows = await self._session.rows(_PLANS, values)
        return cursors.page(rows, limit, _content(Plan), lambda last: PlanCursor(last.on.isoformat(), last.id))

    async def _named(self, query: LiteralString, cursor: str | None, limit: int, **values: Any) -> list[Any]:
        after = cursors.read(cursor, DeviceCursor(""))
        return await self._session.rows(query, {**values, "after": after.id, "limit": limit + 1})


def _content(kind: type[Named]) -> Callable[[Row], Named]:
    return lambda row: msgspec.convert(row[0], kind)


def _after(last: Route | Area | Place | Crew | Worker | Shift) -> DeviceCursor:
    return DeviceCursor(last.id)
