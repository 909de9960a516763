"""Incidents: what people see and no sensor does, with photos, from the report to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.access import Dispatcher, allowed
from api.bodies import read_body, validated
from api.models.incidents import (
    CatalogueBody,
    CategoryBody,
    DepartmentBody,
    DossierBody,
    HandOnForm,
    HeatBody,
    HeatQuery,
    IncidentBody,
    IncidentForm,
    IncidentsQuery,
    PhotoBody,
    ReasonForm,
    RemarkForm,
)
from api.models.telemetry import PageOf
from api.openapi import BODIED, KEYED, body, problems, reference
from api.ports.incidents import IncidentDesk
from api.ports.services import Services
from api.problems import Fault, ProblemError, not_found
from api.wiring import Places, Wired
from devices.access import Principal, Role
from devices.errors import RejectedError
from fleet.incidents.categories import categories
from fleet.incidents.incident import Action, Dossier, IncidentFilter, IncidentStateError, Reporter

router = APIRouter(tags=["Incidents"])

IncidentId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the incident.", examples=[17])]
Digest = Annotated[
    str,
    Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the photo, in hexadecimal.", examples=["9f86d081" * 8]),
]
FieldPerson = Annotated[Principal, Depends(allowed(Role.WORKER, Role.DISPATCHER, Role.MANAGER))]
"""Whoever may report what they saw."""
Looker = Annotated[Principal, Depends(allowed(Role.WORKER, Role.VIEWER, Role.DISPATCHER, Role.MANAGER))]
"""Whoever may look: a worker at their own reports, the others at all of their areas."""

_HANDLED = problems(*KEYED, *BODIED, 404, 409, 422, 503, said={409: "The incident is not in a state that allows it."})
_PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp")


@router.get("/incidents/catalogue", summary="What can be reported, and to whom", responses=problems(*KEYED, 503))
async def get_incident_catalogue(wired: Wired, _: Looker) -> CatalogueBody:
    """Categories and departments with their names in Chinese and English, and how large a photo may be."""
    desk = _desk(wired)
    return CatalogueBody(
        categories=[CategoryBody.model_validate(one) for one in categories().values()],
        departments=[DepartmentBody(name=name, zh=zh, en=en) for name, (zh, en) in desk.departments().items()],
        max_photo_bytes=desk.max_photo_bytes,
    )


@router.get("/incidents", summary="List incidents", responses=problems(*KEYED, 422, 503))
async def list_incidents(
    wired: Wired, looker: Looker, query: Annotated[IncidentsQuery, Query()]
) -> PageOf[IncidentBody]:
    """Entered last first. Workers see what they have reported themselves."""
    page = await _desk(wired).incidents(_wanted(query, looker), cursor=query.cursor, limit=query.limit)
    return PageOf(items=[IncidentBody.model_validate(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/incidents/heat", summary="Where and how often", responses=problems(*KEYED, 422, 503))
async def get_incident_heat(wired: Wired, looker: Looker, query: Annotated[HeatQuery, Query()]) -> HeatBody:
    """Incidents counted over a grid, by category, area, hour and weekday."""
    heat = await _desk(wired).heat(_wanted(query, looker), cell_m=query.cell_m, zone=query.zone)
    return HeatBody.model_validate(heat)


@router.post(
    "/incidents",
    status_code=201,
    summary="Report an incident",
    responses={**problems(*KEYED, *BODIED, 422, 503), 200: {"model": DossierBody, "description": "Was there already."}},
    openapi_extra=body(
        reference(IncidentForm),
        a_rubbish_heap={
            "reference": "5b0c1c9e-8a2d-4f0e-9d43-0d8f2f7f3a51", "category": "rubbish-heap",
            "lat": 30.5721, "lon": 114.3055, "accuracy_m": 12, "text": "Three mattresses and a sofa.",
        },
    ),
)  # fmt: skip
async def report_incident(
    request: Request, response: Response, wired: Wired, places: Places, person: FieldPerson
) -> DossierBody:
    """A phone that is out of reach keeps its report and sends it later, with the time at which it was seen."""
    with places.taken_by(person.actor):
        form = validated(IncidentForm, await read_body(request, wired.limits))
        reporter = Reporter(person.actor, person.name, person.worker)
        try:
            number, new = await _desk(wired).report(form.report(), reporter)
        except RejectedError as error:
            raise _wrong("reference", str(error)) from None
        response.status_code = 201 if new else 200
        response.headers["Location"] = f"/api/v1/incidents/{number}"
        return await _dossier(wired, person, number)


@router.get("/incidents/{incident_id}", summary="One incident", responses=problems(*KEYED, 404, 422, 503))
async def get_incident(wired: Wired, looker: Looker, incident_id: IncidentId) -> DossierBody:
    """With its photos, its log, and what other departments were told."""
    return await _dossier(wired, looker, incident_id)


@router.post(
    "/incidents/{incident_id}/photos",
    status_code=201,
    summary="Add a photo",
    responses=problems(*KEYED, *BODIED, 404, 422, 503, said={415: "The body is no JPEG, PNG or WebP."}),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _PHOTO_TYPES},
        }
    },
)
async def add_incident_photo(
    request: Request, wired: Wired, places: Places, person: FieldPerson, incident_id: IncidentId
) -> PhotoBody:
    """The body is the photo itself. It is kept byte by byte, and never changed; the same one twice is one."""
    desk = _desk(wired)
    with places.taken_by(person.actor):
        await _seen(wired, person, incident_id)
        content = await read_body(request, wired.limits, _check_photo, most_bytes=desk.max_photo_bytes)
        try:
            digest = await desk.add_photo(incident_id, person.actor, content)
        except (ValueError, RejectedError) as error:
            raise _wrong("photo", str(error)) from None
        if digest is None:
            raise not_found("incident", incident_id)
        found = await _seen(wired, person, incident_id)
        return PhotoBody.model_validate(next(photo for photo in found.photos if photo.sha256 == digest))


@router.get(
    "/incidents/{incident_id}/photos/{digest}",
    summary="A photo",
    responses={
        **problems(*KEYED, 404, 422, 503),
        200: {"content": {kind: {} for kind in _PHOTO_TYPES}, "description": "The photo as it came."},
    },
    response_class=Response,
)
async def get_incident_photo(wired: Wired, looker: Looker, incident_id: IncidentId, digest: Digest) -> Response:
    """Byte by byte as it came: its SHA-256 is its name."""
    await _seen(wired, looker, incident_id)
    found = await _desk(wired).photo(incident_id, digest)
    if found is None:
        raise not_found("photo", digest)
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{digest}"'}
    return Response(found[1], media_type=found[0], headers=headers)


@router.post(
    "/incidents/{incident_id}/hand-on",
    summary="Hand an incident on to another department",
    responses=_HANDLED,
    openapi_extra=body(reference(HandOnForm), to_the_roads={"department": "roads", "text": "The kerb is broken."}),
)
async def hand_on_incident(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, incident_id: IncidentId
) -> DossierBody:
    """The department is told by a webhook; what became of that stands among the letters."""
    desk = _desk(wired)
    with places.taken_by(dispatcher.actor):
        form = validated(HandOnForm, await read_body(request, wired.limits))
        if form.department not in desk.departments():
            raise _wrong("department", f"expected one of {', '.join(desk.departments()) or 'none: there are none'}")
        await _seen(wired, dispatcher, incident_id)
        return await _done(
            wired,
            dispatcher,
            incident_id,
            lambda: desk.hand_on(incident_id, dispatcher.actor, form.department, form.text),
        )


@router.post(
    "/incidents/{incident_id}/done", summary="An incident is dealt with", responses=_HANDLED,
    openapi_extra=body(reference(RemarkForm), required=False, with_a_remark={"text": "Cleared."}),
)  # fmt: skip
async def finish_incident(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, incident_id: IncidentId
) -> DossierBody:
    """By hand, where no work order ends it."""
    return await _step(request, wired, places, dispatcher, incident_id, "done", RemarkForm)


@router.post(
    "/incidents/{incident_id}/reject", summary="Reject an incident", responses=_HANDLED,
    openapi_extra=body(reference(ReasonForm), with_its_reason={"text": "Private ground."}),
)  # fmt: skip
async def reject_incident(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, incident_id: IncidentId
) -> DossierBody:
    """It was none, or not for this city to deal with; the reason is shown to the reporter."""
    return await _step(request, wired, places, dispatcher, incident_id, "rejected", ReasonForm)


@router.post(
    "/incidents/{incident_id}/comments", summary="Put a remark beside an incident", responses=_HANDLED,
    openapi_extra=body(reference(ReasonForm), a_remark={"text": "Seen again this morning."}),
)  # fmt: skip
async def comment_on_incident(
    request: Request, wired: Wired, places: Places, person: FieldPerson, incident_id: IncidentId
) -> DossierBody:
    """Of the reporter or a dispatcher."""
    return await _step(request, wired, places, person, incident_id, "commented", ReasonForm)


async def _step(
    request: Request,
    wired: Services,
    places: Places,
    person: Principal,
    number: int,
    action: Action,
    model: type[RemarkForm] | type[ReasonForm],
) -> DossierBody:
    with places.taken_by(person.actor):
        form = validated(model, await read_body(request, wired.limits) or b"{}")
        await _seen(wired, person, number)
        return await _done(wired, person, number, lambda: _desk(wired).act(number, person.actor, action, form.text))


async def _done(wired: Services, person: Principal, number: int, step: Callable[[], Awaitable[bool]]) -> DossierBody:
    try:
        if not await step():
            raise not_found("incident", number)
    except IncidentStateError as error:
        raise ProblemError(409, "not-in-that-state", str(error)) from None
    return await _dossier(wired, person, number)


def _desk(wired: Services) -> IncidentDesk:
    if wired.incidents is None:
        raise not_found("resource", "incidents")
    return wired.incidents


def _wanted(query: IncidentsQuery | HeatQuery, looker: Principal) -> IncidentFilter:
    own = query.mine or looker.only_own
    return query.wanted(looker.actor if own else None, None if own else looker.areas)


async def _seen(wired: Services, person: Principal, number: int) -> Dossier:
    """The incident, for somebody who may see it: their own, or one of their areas. Raises 404."""
    found = await _desk(wired).dossier(number)
    if found is None:
        raise not_found("incident", number)
    one = found.incident
    within = person.areas is None or one.area in person.areas
    if one.entered_by != person.actor and (person.only_own or not within):
        raise not_found("incident", number)
    return found


async def _dossier(wired: Services, person: Principal, number: int) -> DossierBody:
    return DossierBody.model_validate(await _seen(wired, person, number))


def _check_photo(content_type: str | None) -> None:
    if content_type is None or content_type.partition(";")[0].strip().lower() not in _PHOTO_TYPES:
        detail = f"content-type: expected {', '.join(_PHOTO_TYPES)}, got {str(content_type)[:100]!r}"
        raise ProblemError(415, "no-photo", detail)


def _wrong(field: str, expected: str) -> ProblemError:
    expected = expected.removeprefix(f"{field}: ")
    return ProblemError(422, "invalid-request", f"{field}: {expected}", faults=(Fault("body", field, expected),))
