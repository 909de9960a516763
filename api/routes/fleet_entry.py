"""Entering what is planned: routes, areas, places, people, shifts and plans, as files have them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request

from api.access import Manager
from api.bodies import check_fleet, is_geojson, read_body
from api.models.fleet import CameBody, EnteredBody, EnterQuery, WithdrawnBody, WithdrawQuery
from api.openapi import BODIED, KEYED, problems
from api.ports.services import Services
from api.problems import LineFault, ProblemError, not_found
from api.wiring import Places, Wired
from fleet.importing.gathering import Fault, Gathered
from fleet.importing.geojson import from_geojson
from fleet.importing.joining import Joined, join, loose_routes, place
from fleet.importing.listing import from_yaml
from fleet.master.collection import Section
from fleet.master.entering import NotEnteredError

MAX_BYTES = 1024 * 1024
MOST_TOLD = 1_000  #: mistakes in an answer
_GEOJSON, _YAML = "application/geo+json", "application/yaml"

_FEATURE = {
    "type": "Feature",
    "properties": {"role": "route", "id": "route-0042", "kind": "sweep", "passes": 2, "work": ["brush"]},
    "geometry": {"type": "LineString", "coordinates": [[114.30, 30.58], [114.31, 30.58]]},
}
_PLAN = "plans:\n  - {date: 2026-11-24, shift: early, route: route-0042, vehicle: vehicle-0001}\n"
_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            _GEOJSON: {
                "schema": {"type": "object", "required": ["type", "features"]},
                "examples": {
                    "a_route": {"summary": "a route", "value": {"type": "FeatureCollection", "features": [_FEATURE]}}
                },
            },
            _YAML: {"schema": {"type": "string"}, "examples": {"a_plan": {"summary": "a plan", "value": _PLAN}}},
        },
    }
}
_REFUSED = {
    415: "The body is neither GeoJSON nor YAML, or packed by something else than gzip.",
    422: "Something is wrong; `errors` names each mistake with its line, its field and the reason. Nothing changes.",
}
_STILL_NAMED = {409: "Something that is still to come names it, or it would end before it began; `detail` says what."}
ItemId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]*$", max_length=128, description="Its id.", examples=["route-0042"])
]

router = APIRouter(tags=["Fleet"])


@router.post(
    "/fleet",
    summary="Enter what is planned",
    responses=problems(*KEYED, *BODIED, 422, 503, said=_REFUSED),
    openapi_extra=_FILE,
)
async def enter_fleet(
    request: Request, wired: Wired, places: Places, manager: Manager, query: Annotated[EnterQuery, Query()]
) -> EnteredBody:
    """A file as docs/fleet/master-data.md describes it: GeoJSON, or YAML. All of it is entered, or nothing.

    A changed route or area becomes a new version; one that says the same makes none. Needs a key of the role manager or
    admin.
    """
    with places.taken_by(manager.actor):
        bounded = msgspec.structs.replace(wired.limits, body_bytes=MAX_BYTES)
        payload = await read_body(request, bounded, check_fleet)
        reading = from_geojson if is_geojson(request.headers.get("content-type")) else from_yaml
        try:
            text = payload.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _refused([Fault(1, "", "expected UTF-8")]) from None
        file = await asyncio.to_thread(reading, text, query.datum)
        if file.faults:
            raise _refused(file.faults)
        joined = await _joined(wired, file)
        if joined.faults:
            raise _refused(fault for _, fault in joined.faults)
        details = {"by": "api"} | ({} if query.datum is None else {"datum": query.datum})
        try:
            came = await wired.fleet_keeper.enter(
                joined.master, manager.actor, valid_from=query.valid_from, details=details
            )
        except NotEnteredError as error:
            raise _refused(place(wrong, joined.origins)[1] for wrong in error.wrong) from None
    sections = {name: CameBody.model_validate(one) for name, one in came.items()}
    return EnteredBody(sections=sections, notes=file.notes)


@router.delete(
    "/fleet/{section}/{item}",
    summary="Withdraw what is planned",
    responses=problems(*KEYED, 404, 409, 422, 503, said=_STILL_NAMED),
)
async def withdraw_planned(
    wired: Wired, manager: Manager, section: Section, item: ItemId, query: Annotated[WithdrawQuery, Query()]
) -> WithdrawnBody:
    """Have a route, place, area, crew, worker, shift or plan end. Nothing is deleted: reports of before go by it.

    Refused while something that is still to come names it. Needs a key of the role manager or admin.
    """
    try:
        came = await wired.fleet_keeper.withdraw(section, [item], manager.actor, since=query.from_)
    except NotEnteredError as error:
        if any(one.field == "id" for one in error.wrong):
            raise not_found(section.removesuffix("s"), item) from None
        raise ProblemError(409, "still-named", "; ".join(one.reason for one in error.wrong)) from None
    return WithdrawnBody(section=section, id=item, changed=bool(came.changed))


async def _joined(wired: Services, file: Gathered) -> Joined:
    stored = {}
    for route_id in loose_routes([file]):
        if versions := await wired.fleet.route_versions(route_id):
            stored[route_id] = versions[-1]
    return join([file], stored, await wired.fleet.centre())


def _refused(faults: Iterable[Fault]) -> ProblemError:
    told = sorted(faults)
    lines = "\n".join(f"line {fault.line}: {fault}" for fault in told[:MOST_TOLD])
    detail = f"{len(told)} mistake{'s' if len(told) > 1 else ''}; nothing was changed\n{lines}"
    named = tuple(LineFault("body", one.field, one.reason, line=one.line) for one in told[:MOST_TOLD])
    return ProblemError(422, "wrong-fleet", detail, faults=named)
