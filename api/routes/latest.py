"""What is newest of all devices, for boards and maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.etags import TaggedRoute
from api.geojson import GeoJSONResponse, positions, told
from api.instants import SECOND
from api.models.telemetry import LatestBody, StateBody
from api.openapi import problems
from api.params.devices import LatestQuery, PositionsQuery
from api.wiring import Wired

OVERLAP = 10 * SECOND
"""How far `as_of` lies back. A frame is received before it is committed; asking from the very moment of the last
answer would miss what was on its way just then."""

router = APIRouter(tags=["Devices"])
_positions = APIRouter(route_class=TaggedRoute)


@router.get("/latest", summary="What is newest of all devices", responses=problems(422, 503))
async def list_latest(wired: Wired, query: Annotated[LatestQuery, Query()]) -> LatestBody:
    """States of devices in service that were ever heard, in the order of their ids.

    To follow, ask again with `since` set to `as_of` of the first page. After an outage of the store frames are
    committed minutes late, so a follower reads everything anew once in a while.
    """
    as_of = max(0, wired.clock() - OVERLAP)
    page = await wired.devices.states(
        kinds=query.kind, protocols=query.protocol, since=query.since, cursor=query.cursor, limit=query.limit
    )
    items = [StateBody.model_validate(item) for item in page.items]
    return LatestBody(items=items, next_cursor=page.next_cursor, as_of=as_of)


@_positions.get(
    "/latest.geojson",
    summary="Newest positions as GeoJSON",
    response_class=GeoJSONResponse,
    responses={**problems(422, 503), **told("FeatureCollection")},
)
async def list_positions(wired: Wired, query: Annotated[PositionsQuery, Query()]) -> GeoJSONResponse:
    """A FeatureCollection of points with the newest readings as properties; only devices that have a position."""
    page = await wired.devices.states(
        kinds=query.kind, protocols=query.protocol, cursor=query.cursor, limit=query.limit
    )
    return GeoJSONResponse(positions(page.items, query.datum, page.next_cursor))


router.include_router(_positions)
