"""What vehicles and workers did, and are doing: trips, stops, and the board."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.models.telemetry import PageOf
from api.models.trips import LiveBody, StopBody, TripBody
from api.openapi import problems
from api.params.trips import FleetLiveQuery, TripsQuery
from api.spans import span_of
from api.wiring import KnownDevice, Wired

router = APIRouter(tags=["Fleet"])


@router.get("/devices/{device_id}/trips", summary="Trips of a device", responses=problems(404, 422, 503))
async def list_trips(wired: Wired, device: KnownDevice, query: Annotated[TripsQuery, Query()]) -> PageOf[TripBody]:
    """Trips that lasted within the span, the newest first.

    A trip begins when the vehicle leaves a place, and ends when it has stood for five minutes, or for three with the
    engine off. What comes late changes it, and says so in `revised_at`.
    """
    start, end = span_of(query, wired.clock())
    page = await wired.trips.trips(device.id, start=start, end=end, cursor=query.cursor, limit=query.limit)
    return PageOf(items=[TripBody.of(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/devices/{device_id}/stops", summary="Stops of a device", responses=problems(404, 422, 503))
async def list_stops(wired: Wired, device: KnownDevice, query: Annotated[TripsQuery, Query()]) -> PageOf[StopBody]:
    """Stops between trips that lasted within the span, the newest first."""
    start, end = span_of(query, wired.clock())
    page = await wired.trips.stops(device.id, start=start, end=end, cursor=query.cursor, limit=query.limit)
    return PageOf(items=[StopBody.of(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/fleet/live", summary="What the fleet is doing", responses=problems(422, 503))
async def list_fleet_live(wired: Wired, query: Annotated[FleetLiveQuery, Query()]) -> PageOf[LiveBody]:
    """Work state, trip or stop, plan, coverage, next stop and expected arrival of vehicles and workers, by id."""
    page = await wired.trips.live(
        devices=tuple(query.device), route=query.route, cursor=query.cursor, limit=query.limit
    )
    now = wired.clock()
    return PageOf(items=[LiveBody.of(item, now) for item in page.items], next_cursor=page.next_cursor)
