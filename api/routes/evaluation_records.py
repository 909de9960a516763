"""What people enter for evaluations: tasks, inspections and complaints, and appeals against lost points."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.access import Dispatcher, KnownReader, Manager
from api.bodies import read_body, validated
from api.models.evaluation import (
    AppealBody,
    AppealForm,
    DecideAppealForm,
    DecideFindingForm,
    FindingBody,
    FindingForm,
    SettleForm,
    TaskBody,
    TaskForm,
)
from api.models.telemetry import PageOf, page_of
from api.openapi import BODIED, KEYED, body, problems, reference
from api.params.evaluation import AppealsQuery, Desk, Number, RecordsQuery, known_scheme, period_told
from api.ports.evaluation import EvaluationDesk
from api.problems import Fault, ProblemError, not_found
from api.wiring import Places, Wired
from fleet.evaluation.inputs import Finding, Task
from fleet.evaluation.records import EvaluationStateError, FindingEntry, RecordFilter, TaskEntry
from fleet.evaluation.result import SubjectKind

_STATE = {409: "It is decided already, another appeal is open, or nothing is lost any more."}

router = APIRouter(tags=["Evaluation"])


@router.get("/evaluation/tasks", summary="Tasks", responses=problems(*KEYED, 404, 422, 503))
async def list_evaluation_tasks(
    desk: Desk, reader: KnownReader, query: Annotated[RecordsQuery, Query()]
) -> PageOf[TaskBody]:
    """Entered last first."""
    page = await desk.records.tasks(_filter(query), cursor=query.cursor, limit=query.limit)
    return page_of(page, task_body)


@router.post(
    "/evaluation/tasks",
    summary="Enter a task",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(
        reference(TaskForm),
        for_a_worker={
            "worker": "li", "title": "Flush the drain, Renmin Road 12", "start": "2026-11-24T06:00:00+08:00",
            "due": "2026-11-24T10:00:00+08:00", "category": "roads", "external": "work-order-8812",
        },
    ),
)  # fmt: skip
async def enter_evaluation_task(
    request: Request, wired: Wired, desk: Desk, places: Places, dispatcher: Dispatcher
) -> TaskBody:
    """Needs a key of the role dispatcher, manager or admin."""
    with places.taken_by(dispatcher.actor):
        form = validated(TaskForm, await read_body(request, wired.limits))
        await _check_person(desk, form)
        task = Task(
            *("", form.title, form.start, form.due, form.worker, form.crew, form.area, form.category),
            by=dispatcher.actor,
            refs=tuple(form.refs),
        )
        return task_body(await desk.records.enter_task(task, form.external))


@router.post(
    "/evaluation/tasks/{number}/settle",
    summary="Say that a task is done",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(
        reference(SettleForm), done={"done_at": "2026-11-24T09:30:00+08:00"}, no_more={"cancelled": True}
    ),
)
async def settle_evaluation_task(
    request: Request, wired: Wired, desk: Desk, places: Places, dispatcher: Dispatcher, number: Number
) -> TaskBody:
    """Done, not done after all, or cancelled. Needs a key of the role dispatcher, manager or admin."""
    with places.taken_by(dispatcher.actor):
        form = validated(SettleForm, await read_body(request, wired.limits))
        entry = await desk.records.settle_task(number, dispatcher.actor, form.done_at, form.cancelled)
        if entry is None:
            raise not_found("task", number)
        return task_body(entry)


@router.get("/evaluation/findings", summary="Inspections and complaints", responses=problems(*KEYED, 404, 422, 503))
async def list_findings(
    desk: Desk, reader: KnownReader, query: Annotated[RecordsQuery, Query()]
) -> PageOf[FindingBody]:
    """Entered last first."""
    page = await desk.records.findings(_filter(query), cursor=query.cursor, limit=query.limit)
    return page_of(page, _finding)


@router.post(
    "/evaluation/findings",
    summary="Enter an inspection or a complaint",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(
        reference(FindingForm),
        a_fault={
            "kind": "inspection", "worker": "li", "at": "2026-11-24T08:10:00+08:00", "outcome": "fault",
            "category": "roads", "text": "Litter along 20 m of the kerb", "points": 0.5,
            "refs": ["https://files.example/4711.jpg"], "external": "sheet-7/1",
        },
        nothing_found={
            "kind": "inspection", "worker": "li", "at": "2026-11-24T08:30:00+08:00", "outcome": "passed",
            "category": "roads",
        },
        a_complaint={
            "kind": "complaint", "crew": "east", "at": "2026-11-24T09:00:00+08:00", "outcome": "open",
            "text": "The bin was not put back",
        },
    ),
)  # fmt: skip
async def enter_finding(
    request: Request, wired: Wired, desk: Desk, places: Places, dispatcher: Dispatcher
) -> FindingBody:
    """Needs a key of the role dispatcher, manager or admin. An open complaint costs nothing until it is decided."""
    with places.taken_by(dispatcher.actor):
        form = validated(FindingForm, await read_body(request, wired.limits))
        await _check_person(desk, form)
        finding = Finding(
            *("", form.kind, form.at, form.outcome, form.category, form.text, form.points),
            *(form.worker, form.crew, form.area, dispatcher.actor, tuple(form.refs)),
        )
        return _finding(await desk.records.enter_finding(finding, form.external))


@router.post(
    "/evaluation/findings/{number}/decide",
    summary="Decide about a finding",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(
        reference(DecideFindingForm),
        founded={"outcome": "fault", "reason": "The driver confirms it.", "points": 1},
        unfounded={"outcome": "dismissed", "reason": "Another company's bin."},
    ),
)
async def decide_finding(
    request: Request, wired: Wired, desk: Desk, places: Places, manager: Manager, number: Number
) -> FindingBody:
    """What came of looking into it. Needs a key of the role manager or admin."""
    with places.taken_by(manager.actor):
        form = validated(DecideFindingForm, await read_body(request, wired.limits))
        entry = await desk.records.decide(number, manager.actor, form.outcome, form.points, form.reason)
        if entry is None:
            raise not_found("finding", number)
        return _finding(entry)


@router.get("/evaluation/appeals", summary="Appeals", responses=problems(*KEYED, 404, 422, 503))
async def list_evaluation_appeals(
    desk: Desk, reader: KnownReader, query: Annotated[AppealsQuery, Query()]
) -> PageOf[AppealBody]:
    """Made last first."""
    page = await desk.appeals.page(
        state=query.state, worker=query.worker, crew=query.crew, cursor=query.cursor, limit=query.limit
    )
    return page_of(page, AppealBody.model_validate)


@router.get("/evaluation/appeals/{number}", summary="One appeal", responses=problems(*KEYED, 404, 422, 503))
async def get_evaluation_appeal(desk: Desk, reader: KnownReader, number: Number) -> AppealBody:
    """With who made it, who decided, and why."""
    found = await desk.appeals.appeal(number)
    if found is None:
        raise not_found("appeal", number)
    return AppealBody.model_validate(found)


@router.post(
    "/evaluation/appeals",
    summary="Appeal against lost points",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, said=_STATE),
    openapi_extra=body(
        reference(AppealForm),
        against_lateness={
            "worker": "li", "deduction": "late:plan-7:li", "reason": "The bus broke down; the depot knows.",
            "from": "2026-11-01T00:00:00+08:00", "to": "2026-12-01T00:00:00+08:00",
        },
    ),
)  # fmt: skip
async def appeal_against_evaluation(
    request: Request, wired: Wired, desk: Desk, places: Places, reader: KnownReader
) -> AppealBody:
    """Needs a key of the role viewer, dispatcher, manager or admin: also for somebody else, who has none."""
    with places.taken_by(reader.actor):
        form = validated(AppealForm, await read_body(request, wired.limits))
        start, end = period_told(form.from_, form.to)
        scheme = await known_scheme(desk, form.scheme, start, form.version)
        name = form.worker or form.crew or ""
        try:
            made = await desk.appeal(
                *("crew" if form.worker is None else "worker", name, start, end, scheme),
                *(form.deduction, form.reason, reader.actor),
            )
        except EvaluationStateError as error:
            raise ProblemError(409, "appeal-state", str(error)) from error
        if made is None:
            raise not_found("deduction", f"{form.deduction} in the evaluation of {name}")
        return AppealBody.model_validate(made)


@router.post(
    "/evaluation/appeals/{number}/decide",
    summary="Decide an appeal",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, said=_STATE),
    openapi_extra=body(
        reference(DecideAppealForm),
        accepted={"accepted": True, "reason": "Confirmed by the depot."},
        in_part={"accepted": True, "reason": "Half of the way was blocked.", "remaining": 0.5},
        rejected={"accepted": False, "reason": "Seen on the picture."},
    ),
)
async def decide_evaluation_appeal(
    request: Request, wired: Wired, desk: Desk, places: Places, manager: Manager, number: Number
) -> AppealBody:
    """Accepted, the deduction costs `remaining` points only, and the evaluation says who decided and why.

    Needs a key of the role manager or admin.
    """
    with places.taken_by(manager.actor):
        form = validated(DecideAppealForm, await read_body(request, wired.limits))
        try:
            decided = await desk.appeals.decide(number, manager.actor, form.accepted, form.remaining, form.reason)
        except EvaluationStateError as error:
            raise ProblemError(409, "appeal-state", str(error)) from error
        if decided is None:
            raise not_found("appeal", number)
        return AppealBody.model_validate(decided)


async def _check_person(desk: EvaluationDesk, form: TaskForm | FindingForm) -> None:
    """Raises a 422 problem for somebody who is not known: a misspelt name would be judged by nothing."""
    kind: SubjectKind = "crew" if form.worker is None else "worker"
    name = form.worker or form.crew or ""
    if not await desk.knows(kind, name):
        fault = Fault("body", kind, f"expected the id of a known {kind}", name)
        raise ProblemError(422, "invalid-request", f"{kind}: {fault.expected}", faults=(fault,))


def _filter(query: RecordsQuery) -> RecordFilter:
    workers = None if query.worker is None else (query.worker,)
    crews = None if query.crew is None else (query.crew,)
    return RecordFilter(workers, crews, query.from_, query.to, query.kind)


def task_body(entry: TaskEntry) -> TaskBody:
    """A task as people read it."""
    one = entry.task
    return TaskBody(
        id=int(one.id),
        external=entry.external,
        title=one.title,
        worker=one.worker,
        crew=one.crew,
        category=one.category,
        area=one.area,
        start=one.start,
        due=one.due,
        done_at=one.done_at,
        cancelled=one.cancelled,
        refs=list(one.refs),
        entered_by=one.by,
        entered_at=entry.entered_at,
    )


def _finding(entry: FindingEntry) -> FindingBody:
    one = entry.finding
    return FindingBody(
        id=int(one.id),
        external=entry.external,
        kind=one.kind,
        at=one.at,
        outcome=one.outcome,
        category=one.category,
        text=one.text,
        points=one.points,
        worker=one.worker,
        crew=one.crew,
        area=one.area,
        refs=list(one.refs),
        entered_by=one.by,
        entered_at=entry.entered_at,
        decided_at=entry.decided_at,
        decided_by=entry.decided_by,
        reason=entry.reason,
    )
