"""Readers of trips, stops and boards (``api.ports.trips.TripReader``)."""

from __future__ import annotations

from typing import Any, LiteralString

from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from fleet.trackers.records import LiveEntry, StopEntry, TripEntry
from fleet.trackers.work_state import Doing
from store import cursors
from store.cursors import DeviceCursor, SpellCursor
from store.reading import ReadSession, Row, micros_or_none

_WITHIN: LiteralString = """
 WHERE device_key = (SELECT key FROM devices WHERE id = %(device)s)
   AND started_at < %(end)s AND (ended_at IS NULL OR ended_at > %(start)s) AND started_at < %(before)s
 ORDER BY started_at DESC LIMIT %(limit)s
"""
_TRIPS: LiteralString = (
    """
SELECT started_at, ended_at, told_at, revised_at, ended, origin_lat, origin_lon, origin, goal_lat, goal_lon, goal,
       driven_m, work_m, work_s, transit_s, idle_s, off_s, no_data_s
  FROM trips
"""
    + _WITHIN
)
_STOPS: LiteralString = (
    """
SELECT started_at, ended_at, told_at, revised_at, lat, lon, place, role, idle_s FROM vehicle_stops
"""
    + _WITHIN
)
_LIVE = """
SELECT d.id, d.kind, d.name, l.at, l.work_state, l.since, l.idle_s, l.trip_at, l.trip_m, l.stop_at, l.plan, l.route,
       l.coverage_pct, l.progress_m, l.length_m, l.next_stop, l.next_m, l.eta
  FROM fleet_live l JOIN devices d ON d.key = l.device_key
 WHERE d.id > %(after)s AND d.status IN ('active', 'pending')
   AND (cardinality(%(devices)s::text[]) = 0 OR d.id = ANY (%(devices)s::text[]))
   AND (%(route)s::text IS NULL OR l.route = %(route)s::text)
 ORDER BY d.id LIMIT %(limit)s
"""
_LATEST = 253_402_300_799_000_000  # the end of the year 9999


class TripReads:
    """See the module."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def trips(self, device_id: str, *, start: int, end: int, cursor: str | None, limit: int) -> Page[TripEntry]:
        """Trips of a device that lasted within ``[start, end)`` (µs), the newest first."""
        rows = await self._session.rows(_TRIPS, _params(device_id, start, end, cursor, limit))
        return cursors.page(rows, limit, _trip, lambda last: SpellCursor(last.started_at))

    async def stops(self, device_id: str, *, start: int, end: int, cursor: str | None, limit: int) -> Page[StopEntry]:
        """Stops of a device that lasted within ``[start, end)`` (µs), the newest first."""
        rows = await self._session.rows(_STOPS, _params(device_id, start, end, cursor, limit))
        return cursors.page(rows, limit, _stop, lambda last: SpellCursor(last.started_at))

    async def live(
        self, *, devices: tuple[str, ...] = (), route: str | None, cursor: str | None, limit: int
    ) -> Page[LiveEntry]:
        """What vehicles and workers in service are doing, by device id; of these, or of all."""
        after = cursors.read(cursor, DeviceCursor(""))
        params = {"after": after.id, "devices": list(devices), "route": route, "limit": limit + 1}
        rows = await self._session.rows(_LIVE, params)
        return cursors.page(rows, limit, _live, lambda last: DeviceCursor(last.id))


def _params(device_id: str, start: int, end: int, cursor: str | None, limit: int) -> dict[str, Any]:
    before = cursors.read(cursor, SpellCursor(_LATEST))
    return {
        "device": device_id,
        "start": to_datetime(start),
        "end": to_datetime(end),
        "before": to_datetime(before.started_at),
        "limit": limit + 1,
    }


def _trip(row: Row) -> TripEntry:
    (start, end, told, revised, ended, lat, lon, origin, goal_lat, goal_lon, goal, *sums) = row
    driven_m, work_m, work_s, transit_s, idle_s, off_s, no_data_s = sums
    return TripEntry(
        started_at=from_datetime(start),
        ended_at=micros_or_none(end),
        told_at=micros_or_none(told),
        ended=ended,
        origin=(lat, lon),
        origin_place=origin,
        goal=None if goal_lat is None else (goal_lat, goal_lon),
        goal_place=goal,
        driven_m=driven_m,
        work_m=work_m,
        work_s=work_s,
        transit_s=transit_s,
        idle_s=idle_s,
        off_s=off_s,
        no_data_s=no_data_s,
        revised_at=micros_or_none(revised),
    )


def _stop(row: Row) -> StopEntry:
    start, end, told, revised, lat, lon, place, role, idle_s = row
    return StopEntry(
        started_at=from_datetime(start),
        ended_at=micros_or_none(end),
        told_at=micros_or_none(told),
        lat=lat,
        lon=lon,
        place=place,
        role=role,
        idle_s=idle_s,
        revised_at=micros_or_none(revised),
    )


def _live(row: Row) -> LiveEntry:
    id_, kind, name, at, doing, since, idle_s, trip_at, trip_m, stop_at, plan, route, *far = row
    coverage_pct, progress_m, length_m, next_stop, next_m, eta = far
    return LiveEntry(
        id=id_,
        kind=kind,
        name=name,
        at=from_datetime(at),
        work_state=Doing(doing),
        since=from_datetime(since),
        idle_s=idle_s,
        trip_at=micros_or_none(trip_at),
        trip_m=trip_m,
        stop_at=micros_or_none(stop_at),
        plan=plan,
        route=route,
        coverage_pct=coverage_pct,
        progress_m=progress_m,
        length_m=length_m,
        next_stop=next_stop,
        next_m=next_m,
        eta=micros_or_none(eta),
    )
