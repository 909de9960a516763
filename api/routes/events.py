"""What happened to a device."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.instants import END_OF_TIME
from api.models.telemetry import EventBody, PageOf
from api.openapi import problems
from api.params.telemetry import EventsQuery
from api.spans import span_of
from api.wiring import KnownDevice, Wired

router = APIRouter(tags=["Telemetry"])


@router.get("/devices/{device_id}/events", summary="Events of a device", responses=problems(404, 422, 503))
async def list_events(wired: Wired, device: KnownDevice, query: Annotated[EventsQuery, Query()]) -> PageOf[EventBody]:
    """Events, newest first: emptied, door opened, SOS pressed, online, offline."""
    start, end = span_of(query, now=END_OF_TIME, default_span=END_OF_TIME)
    page = await wired.telemetry.events(
        device.id, start=start, end=end, kinds=query.kind, cursor=query.cursor, limit=query.limit
    )
    return PageOf(items=[EventBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)
