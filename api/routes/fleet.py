"""What is planned: routes and areas in their versions, places, people, shifts and plans."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.etags import TaggedRoute
from api.fleet_geojson import collection
from api.geojson import GeoJSONResponse, told
from api.models.fleet import (
    MOST_DAYS,
    CrewBody,
    ListQuery,
    MasterPlaceBody,
    PlainVersionsQuery,
    PlanBody,
    PlansQuery,
    ShiftBody,
    VersionedQuery,
    WorkerBody,
    WorkersQuery,
)
from api.models.telemetry import PageOf, page_of
from api.openapi import problems
from api.problems import invalid, not_found
from api.wiring import Wired
from devices.kinds import DEVICE_ID

_ID = "^" + DEVICE_ID.pattern.replace(r"\Z", "$")
RouteId = Annotated[str, Path(pattern=_ID, max_length=64, description="Id of a route.", examples=["route-0001"])]
AreaId = Annotated[str, Path(pattern=_ID, max_length=64, description="Id of an area.", examples=["post-0001"])]

router = APIRouter(tags=["Fleet"], route_class=TaggedRoute)

_FEATURES = told("FeatureCollection")


@router.get(
    "/routes",
    summary="Routes as GeoJSON",
    response_class=GeoJSONResponse,
    responses={**problems(422, 503), **_FEATURES},
)
async def list_routes(wired: Wired, query: Annotated[VersionedQuery, Query()]) -> GeoJSONResponse:
    """The routes in force at an instant, by id, with all that is known of them as properties.

    `version` counts from 1; `valid_from` and `valid_until` say when it is in force. Ways of access are features of
    their own (`role` is `access`). `sanihub import` reads such a file.
    """
    at = wired.clock() if query.at is None else query.at
    page = await wired.fleet.routes(at=at, cursor=query.cursor, limit=query.limit)
    return GeoJSONResponse(collection(page.items, query.datum, page.next_cursor))


@router.get(
    "/routes/{route_id}", summary="A route as GeoJSON", response_class=GeoJSONResponse,
    responses={**problems(404, 422, 503), **_FEATURES},
)  # fmt: skip
async def get_route(wired: Wired, route_id: RouteId, query: Annotated[VersionedQuery, Query()]) -> GeoJSONResponse:
    """The version in force at an instant; 404 where none is."""
    at = wired.clock() if query.at is None else query.at
    page = await wired.fleet.routes(at=at, route=route_id, cursor=None, limit=1)
    if not page.items:
        raise not_found("route", route_id)
    return GeoJSONResponse(collection(page.items, query.datum))


@router.get(
    "/routes/{route_id}/versions", summary="All versions of a route as GeoJSON", response_class=GeoJSONResponse,
    responses={**problems(404, 422, 503), **_FEATURES},
)  # fmt: skip
async def list_route_versions(
    wired: Wired, route_id: RouteId, query: Annotated[PlainVersionsQuery, Query()]
) -> GeoJSONResponse:
    """Every version that ever was or is to come, the first one first."""
    versions = await wired.fleet.route_versions(route_id)
    if not versions:
        raise not_found("route", route_id)
    return GeoJSONResponse(collection(versions, query.datum))


@router.get(
    "/areas",
    summary="Areas as GeoJSON",
    response_class=GeoJSONResponse,
    responses={**problems(422, 503), **_FEATURES},
)
async def list_areas(wired: Wired, query: Annotated[VersionedQuery, Query()]) -> GeoJSONResponse:
    """The districts, grids and posts in force at an instant, by id. A post of streets is lines with `width_m`."""
    at = wired.clock() if query.at is None else query.at
    page = await wired.fleet.areas(at=at, cursor=query.cursor, limit=query.limit)
    return GeoJSONResponse(collection(page.items, query.datum, page.next_cursor))


@router.get(
    "/areas/{area_id}/versions", summary="All versions of an area as GeoJSON", response_class=GeoJSONResponse,
    responses={**problems(404, 422, 503), **_FEATURES},
)  # fmt: skip
async def list_area_versions(
    wired: Wired, area_id: AreaId, query: Annotated[PlainVersionsQuery, Query()]
) -> GeoJSONResponse:
    """Every version that ever was or is to come, the first one first."""
    versions = await wired.fleet.area_versions(area_id)
    if not versions:
        raise not_found("area", area_id)
    return GeoJSONResponse(collection(versions, query.datum))


@router.get("/places", summary="Places", responses=problems(422, 503))
async def list_places(wired: Wired, query: Annotated[ListQuery, Query()]) -> PageOf[MasterPlaceBody]:
    """Depots, tips, fuel and water stations, rest places that are not withdrawn, by id."""
    page = await wired.fleet.places(cursor=query.cursor, limit=query.limit)
    return page_of(page, MasterPlaceBody.model_validate)


@router.get("/crews", summary="Crews", responses=problems(422, 503))
async def list_crews(wired: Wired, query: Annotated[ListQuery, Query()]) -> PageOf[CrewBody]:
    """Crews that are not withdrawn, by id."""
    page = await wired.fleet.crews(cursor=query.cursor, limit=query.limit)
    return page_of(page, CrewBody.model_validate)


@router.get("/workers", summary="Workers", responses=problems(422, 503))
async def list_workers(wired: Wired, query: Annotated[WorkersQuery, Query()]) -> PageOf[WorkerBody]:
    """People who are not withdrawn, by id."""
    page = await wired.fleet.workers(crew=query.crew, cursor=query.cursor, limit=query.limit)
    return page_of(page, WorkerBody.model_validate)


@router.get("/shifts", summary="Shifts", responses=problems(422, 503))
async def list_shifts(wired: Wired, query: Annotated[ListQuery, Query()]) -> PageOf[ShiftBody]:
    """Hours of duty that are not withdrawn, by id."""
    page = await wired.fleet.shifts(cursor=query.cursor, limit=query.limit)
    return page_of(page, ShiftBody.of)


@router.get("/plans", summary="Plans", responses=problems(422, 503))
async def list_plans(wired: Wired, query: Annotated[PlansQuery, Query()]) -> PageOf[PlanBody]:
    """Who does what on which dates, by date and id; without the plans that were withdrawn."""
    last = query.from_ if query.to is None else query.to
    if not 0 <= (last - query.from_).days < MOST_DAYS:
        raise invalid("to", f"expected a date from {query.from_} on, at most {MOST_DAYS} days in all", query.to)
    page = await wired.fleet.plans(
        query.from_,
        last,
        vehicle=query.vehicle,
        worker=query.worker,
        route=query.route,
        cursor=query.cursor,
        limit=query.limit,
    )
    return page_of(page, PlanBody.model_validate)
