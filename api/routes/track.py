"""Where a device was."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.geojson import GeoJSONResponse, told, track_line, track_points
from api.openapi import problems
from api.params.telemetry import TrackQuery
from api.spans import span_of
from api.wiring import KnownDevice, Wired

router = APIRouter(tags=["Telemetry"])


@router.get(
    "/devices/{device_id}/track",
    summary="Track as GeoJSON",
    response_class=GeoJSONResponse,
    responses={**problems(404, 422, 503), **told("Feature", "FeatureCollection")},
)
async def get_track(wired: Wired, device: KnownDevice, query: Annotated[TrackQuery, Query()]) -> GeoJSONResponse:
    """Positions in the order of device time, every stored fix of an instant included.

    `geometry=line`: a Feature with a LineString; `coordTimes`, `speeds_kmh`, `headings_deg`, `altitudes_m` and `valid`
    run along with its coordinates. `geometry=points`: a FeatureCollection with all that is stored of each fix.
    """
    start, end = span_of(query, wired.clock())
    page = await wired.telemetry.track(
        device.id,
        start=start,
        end=end,
        include_invalid=query.include_invalid,
        cursor=query.cursor,
        limit=query.limit,
    )
    draw = track_line if query.geometry == "line" else track_points
    return GeoJSONResponse(draw(device.id, page.items, query.datum, page.next_cursor))
