"""Collection planning and the work orders that come of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from api.access import EVERYWHERE, Dispatcher, KnownReader
from api.bodies import read_body, validated
from api.models.planning import PlanningForm, PlanningJobBody, RunAuditBody
from api.openapi import BODIED, KEYED, body, problems, reference
from api.params.fields import Name
from api.ports.planning import BusyError, NotOverError
from api.problems import ProblemError, not_found
from api.wiring import Places, Wired

router = APIRouter(tags=["Planning"])

PlanningId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The planning.", examples=["5f0c1d2e3a4b5c6d"])]
RunId = Annotated[Name, Path(description="The plan.", examples=["collection-2026-11-25-0a1b2c3d4e5f"])]
_SHIFT: dict[str, Any] = {
    "on": "2026-11-25",
    "begin": "2026-11-25T05:00:00+08:00",
    "end": "2026-11-25T13:00:00+08:00",
}
_EXAMPLE: dict[str, Any] = _SHIFT | {
    "depot": {"id": "depot", "lon": 114.302, "lat": 30.574},
    "tips": [{"id": "tip-north", "lon": 114.348, "lat": 30.611}],
    "next_shift_h": 0,
}


@router.post(
    "/planning/collection",
    dependencies=[EVERYWHERE],
    status_code=202,
    summary="Plan a collection",
    responses=problems(*KEYED, *BODIED, 422, 503, said={503: "Too many plannings are waiting, or the store is away."}),
    openapi_extra=body(
        reference(PlanningForm),
        what_is_due_from_the_depot_of_the_master_data=_SHIFT,
        from_another_depot=_EXAMPLE,
        these_bins_and_enter_the_plan=_SHIFT | {"bins": ["bin-0001", "bin-0042"], "enter": True},
    ),
)
async def plan_collection(request: Request, wired: Wired, places: Places, dispatcher: Dispatcher) -> PlanningJobBody:
    """Begin a planning; it takes seconds. Ask for its result under `/planning/jobs/{id}`.

    Needs a key of the role dispatcher, manager or admin.
    """
    with places.taken_by(dispatcher.actor):
        form = validated(PlanningForm, await read_body(request, wired.limits))
    wanted = form.model_dump(exclude={"enter"})
    if form.depot is not None:
        wanted["depot"] |= {"role": "depot"}
    if form.tips is not None:
        wanted["tips"] = [tip | {"role": "tip"} for tip in wanted["tips"]]
    try:
        return PlanningJobBody.model_validate(wired.planning.ask(wanted, dispatcher.actor, enter=form.enter))
    except ValueError as error:
        raise ProblemError(422, "invalid-request", str(error)) from None
    except BusyError:
        raise ProblemError(503, "too-busy", "too many plannings are waiting; try again in a minute") from None


@router.get(
    "/planning/jobs/{planning_id}",
    dependencies=[EVERYWHERE],
    summary="A planning and its result",
    responses=problems(404, 422),
)
async def get_planning_job(wired: Wired, planning_id: PlanningId) -> PlanningJobBody:
    """The last fifty are remembered until the hub ends; entered plans for good."""
    job = wired.planning.job(planning_id)
    if job is None:
        raise not_found("planning", planning_id)
    return PlanningJobBody.model_validate(job)


@router.get(
    "/planning/runs/{run}/audit",
    summary="Planned against driven",
    dependencies=[EVERYWHERE],
    responses=problems(*KEYED, 404, 409, 422, 503, said={409: "The shift is not over yet."}),
)
async def audit_planning_run(wired: Wired, places: Places, reader: KnownReader, run: RunId) -> RunAuditBody:
    """Of an entered plan: by vehicle the way, the times, the order, and what became of the bins.

    Where there is no data nothing is called missed. Needs a key of the role viewer, dispatcher, manager or admin.
    """
    try:
        with places.taken_by(reader.actor):
            found = await wired.planning.audit(run)
    except NotOverError as error:
        raise ProblemError(409, "not-over", str(error)) from None
    if found is None:
        raise not_found("plan", run)
    return RunAuditBody.model_validate(found)
