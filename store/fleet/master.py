"""Master data of the fleet, read: routes and areas as they were at an instant, and who is planned to do what when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, LiteralString

import msgspec

from devices.instants import to_datetime
from fleet.master.collection import Master
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import LonLat, Route
from store.fleet.entry import versioned
from store.reading import ReadSession

_IN_FORCE = """
SELECT id, version, valid_from, valid_until, content FROM routes
 WHERE (cardinality(%(ids)s::text[]) = 0 OR id = ANY (%(ids)s::text[]))
   AND (%(at)s::timestamptz IS NULL
        OR (valid_from <= %(at)s::timestamptz AND (valid_until IS NULL OR valid_until > %(at)s::timestamptz)))
   AND (valid_from < coalesce(%(end)s::timestamptz, 'infinity'))
   AND (valid_until IS NULL OR valid_until > coalesce(%(start)s::timestamptz, '-infinity'))
 ORDER BY id, version
"""
_AREAS = _IN_FORCE.replace("FROM routes", "FROM areas")
_PLACES = "SELECT content FROM places ORDER BY id"
_CREWS = "SELECT content FROM crews ORDER BY id"
_WORKERS = "SELECT content FROM workers ORDER BY id"
_SHIFTS = "SELECT content FROM shifts ORDER BY id"
_PLANS = """
SELECT content FROM plans p
 WHERE on_date >= %(first)s AND on_date <= %(last)s AND NOT coalesce((content ->> 'withdrawn')::boolean, false)
   AND (%(vehicle)s::text IS NULL OR vehicle = %(vehicle)s::text)
   AND (%(route)s::text IS NULL OR content ->> 'route' = %(route)s::text)
   AND (%(worker)s::text IS NULL OR workers @> to_jsonb(%(worker)s::text)
        OR crew = (SELECT w.content ->> 'crew' FROM workers w WHERE w.id = %(worker)s::text))
 ORDER BY on_date, id
"""
_CENTRE = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY lon), percentile_cont(0.5) WITHIN GROUP (ORDER BY lat) FROM (
    SELECT lon, lat FROM device_state WHERE lon IS NOT NULL
    UNION ALL SELECT (content ->> 'lon')::float8, (content ->> 'lat')::float8 FROM places
    UNION ALL SELECT (attributes ->> 'lon')::float8, (attributes ->> 'lat')::float8 FROM devices
     WHERE jsonb_typeof(attributes -> 'lon') = 'number' AND jsonb_typeof(attributes -> 'lat') = 'number'
    UNION ALL SELECT (content -> 'lines' -> 0 -> 0 ->> 0)::float8, (content -> 'lines' -> 0 -> 0 ->> 1)::float8
      FROM routes) AS p
"""
# Sums, because a transaction that began earlier may commit later.
_MARK = """
SELECT (SELECT (count(*), sum(extract(epoch FROM entered_at)), max(valid_until))::text FROM routes),
       (SELECT (count(*), sum(extract(epoch FROM entered_at)), max(valid_until))::text FROM areas),
       (SELECT (count(*), sum(extract(epoch FROM changed_at)))::text FROM places),
       (SELECT (count(*), sum(extract(epoch FROM changed_at)))::text FROM workers),
       (SELECT (count(*), sum(extract(epoch FROM changed_at)))::text FROM shifts),
       (SELECT (count(*), sum(extract(epoch FROM changed_at)))::text FROM plans)
"""
FIRST, LAST = date(1970, 1, 1), date(9999, 12, 31)


class FleetMaster:
    """Reader of what is planned. Raises TransientError while the store is away.

    Spans are ``[start, end)`` in µs; dates are service dates, both included.
    """

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def routes(self, at: int, ids: Sequence[str] = ()) -> tuple[Route, ...]:
        """The routes in force at an instant, by id; with ``ids`` only these."""
        return await self._routes(at=to_datetime(at), ids=ids)

    async def routes_between(self, start: int, end: int, ids: Sequence[str] = ()) -> tuple[Route, ...]:
        """Every version of routes that is in force at some time of a span, by id and version."""
        return await self._routes(start=to_datetime(start), end=to_datetime(end), ids=ids)

    async def route_versions(self, route_id: str) -> tuple[Route, ...]:
        """Every version of a route, the first one first; none where there is no such route."""
        return await self._routes(ids=[route_id])

    async def areas(self, at: int, ids: Sequence[str] = ()) -> tuple[Area, ...]:
        """The areas in force at an instant, by id; with ``ids`` only these."""
        return await self._areas(at=to_datetime(at), ids=ids)

    async def areas_between(self, start: int, end: int, ids: Sequence[str] = ()) -> tuple[Area, ...]:
        """Every version of areas that is in force at some time of a span, by id and version."""
        return await self._areas(start=to_datetime(start), end=to_datetime(end), ids=ids)

    async def area_versions(self, area_id: str) -> tuple[Area, ...]:
        """Every version of an area, the first one first; none where there is no such area."""
        return await self._areas(ids=[area_id])

    async def places(self) -> tuple[Place, ...]:
        """All places, by id, with those that are withdrawn."""
        return msgspec.convert(await self._contents(_PLACES), tuple[Place, ...])

    async def crews(self) -> tuple[Crew, ...]:
        """All crews, by id, with those that are withdrawn."""
        return msgspec.convert(await self._contents(_CREWS), tuple[Crew, ...])

    async def workers(self) -> tuple[Worker, ...]:
        """All workers, by id, with those that are withdrawn."""
        return msgspec.convert(await self._contents(_WORKERS), tuple[Worker, ...])

    async def shifts(self) -> tuple[Shift, ...]:
        """All shifts, by id, with those that are withdrawn."""
        return msgspec.convert(await self._contents(_SHIFTS), tuple[Shift, ...])

    async def plans(
        self,
        first: date = FIRST,
        last: date = LAST,
        *,
        vehicle: str | None = None,
        worker: str | None = None,
        route: str | None = None,
    ) -> tuple[Plan, ...]:
        """The plans of these dates that are not withdrawn, by date and id. A worker's are also those of their crew."""
        chosen = {"vehicle": vehicle, "worker": worker, "route": route}
        span = {"first": first.isoformat(), "last": last.isoformat()}
        return msgspec.convert(await self._contents(_PLANS, **span, **chosen), tuple[Plan, ...])

    async def master(self, at: int, first: date = FIRST, last: date = LAST) -> Master:
        """Everything: routes and areas in force at an instant, the plans of these dates, and the rest as it is now.

        What is withdrawn stays out, unless it is still named: places, crews, workers and shifts are all told.
        """
        return Master(
            routes=await self.routes(at),
            places=await self.places(),
            areas=await self.areas(at),
            crews=await self.crews(),
            workers=await self.workers(),
            shifts=await self.shifts(),
            plans=await self.plans(first, last),
        )

    async def mark(self) -> tuple[str, ...]:
        """A mark that is another one after each change of what is planned."""
        (row,) = await self._session.rows(_MARK)
        return tuple(row)

    async def centre(self) -> LonLat | None:
        """About where the city is: the median of what is stored; None where nothing is."""
        ((lon, lat),) = await self._session.rows(_CENTRE)
        return None if lon is None or lat is None else (lon, lat)

    async def _routes(self, **chosen: Any) -> tuple[Route, ...]:
        values = {"at": None, "start": None, "end": None, **chosen, "ids": list(chosen.get("ids", ()))}
        return tuple(versioned("routes", row) for row in await self._session.rows(_IN_FORCE, values))

    async def _areas(self, **chosen: Any) -> tuple[Area, ...]:
        values = {"at": None, "start": None, "end": None, **chosen, "ids": list(chosen.get("ids", ()))}
        return tuple(versioned("areas", row) for row in await self._session.rows(_AREAS, values))

    async def _contents(self, query: LiteralString, **values: Any) -> list[Any]:
        return [row[0] for row in await self._session.rows(query, values)]
