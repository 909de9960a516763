"""What is a worker's own: the shifts of today, tasks, the evaluation, and appeals against it.

Who asks is the worker that the session names; no parameter names anybody. Reading one's own leaves no entry in the
audit, an appeal does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.access import Worker
from api.bodies import read_body, validated
from api.instants import DAY, SECOND
from api.models.evaluation import AppealBody, EvaluationBody, TaskBody
from api.models.me import CheckBody, DutyBody, MyAppealForm, MySpanBody, TodayBody
from api.models.telemetry import PageOf
from api.openapi import BODIED, KEYED, body, problems, reference
from api.params.evaluation import Desk, Period, known_scheme, period_of, period_told
from api.params.fields import Cursor
from api.ports.services import Services
from api.problems import ProblemError, not_found
from api.routes.evaluation_records import task_body
from api.wiring import Places, Unlimited
from devices.access import Principal
from devices.instants import to_datetime
from fleet import calendar
from fleet.evaluation.records import EvaluationStateError, RecordFilter
from fleet.evaluation.roster import Roster
from fleet.master.people import Worker as Person
from fleet.master.places import Area
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route

router = APIRouter(tags=["Me"])

HOUR = 3_600 * SECOND
BEFORE_US, AHEAD_US = 12 * HOUR, 24 * HOUR  #: which duties are today's: a night shift that is over is still of interest
TASKS_US = 7 * DAY  #: how far back and ahead tasks are looked for
MOST_PLANS = 200
_STATE = {409: "Another appeal about it is open, or nothing is lost any more."}
_NONE = {403: "Whoever asks is no worker of the master data."}


class MineQuery(BaseModel):
    """Which page of one's own."""

    model_config = ConfigDict(extra="forbid")

    cursor: Cursor
    limit: Annotated[int, Field(default=50, ge=1, le=200)]


@router.get("/me/today", summary="My shifts", responses=problems(*KEYED, 404, 503, said=_NONE))
async def get_my_day(wired: Unlimited, worker: Worker) -> TodayBody:
    """What is planned for me, and whether I am checked in."""
    now = wired.clock()
    me = await _person(wired, worker)
    return TodayBody(
        as_of=now,
        worker=me.id,
        name=me.name,
        role=me.role,
        crew=me.crew,
        device=worker.device,
        duties=await _duties(wired, me, now),
        last_check=await _last_check(wired, worker, now),
    )


@router.get("/me/tasks", summary="My tasks", responses=problems(*KEYED, 404, 422, 503, said=_NONE))
async def list_my_tasks(
    wired: Unlimited, desk: Desk, worker: Worker, query: Annotated[MineQuery, Query()]
) -> PageOf[TaskBody]:
    """Mine and my crew's that are due within seven days, or were due in the last seven. Entered last first."""
    me, now = await _person(wired, worker), wired.clock()
    wanted = RecordFilter((me.id,), () if me.crew is None else (me.crew,), now - TASKS_US, now + TASKS_US)
    page = await desk.records.tasks(wanted, cursor=query.cursor, limit=query.limit)
    return PageOf(items=[task_body(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/me/evaluation", summary="My evaluation", responses=problems(*KEYED, 404, 422, 503, said=_NONE))
async def get_my_evaluation(
    wired: Unlimited, desk: Desk, places: Places, worker: Worker, query: Period
) -> EvaluationBody:
    """Points, and for each that was lost its evidence. Only shifts that are over count."""
    start, end = period_of(query, wired.clock())
    with places.taken_by(worker.actor):
        scheme = await known_scheme(desk, query.scheme, start, query.version)
        told = await desk.evaluate("worker", worker.worker_id, start, end, scheme)
    if told is None:
        raise not_found("worker", worker.worker_id)
    return EvaluationBody.model_validate(told)


@router.get("/me/appeals", summary="My appeals", responses=problems(*KEYED, 404, 422, 503, said=_NONE))
async def list_my_appeals(desk: Desk, worker: Worker, query: Annotated[MineQuery, Query()]) -> PageOf[AppealBody]:
    """About my points, whoever made them. Made last first."""
    page = await desk.appeals.page(
        state=None, worker=worker.worker_id, crew=None, cursor=query.cursor, limit=query.limit
    )  # fmt: skip
    return PageOf(items=[AppealBody.model_validate(one) for one in page.items], next_cursor=page.next_cursor)


@router.post(
    "/me/appeals",
    summary="Appeal against points that I lost",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, said={**_NONE, **_STATE}),
    openapi_extra=body(
        reference(MyAppealForm),
        against_lateness={
            "deduction": "late:plan-7:li", "reason": "班车故障，站点知道。",
            "from": "2026-11-01T00:00:00+08:00", "to": "2026-12-01T00:00:00+08:00",
        },
    ),
)  # fmt: skip
async def enter_my_appeal(request: Request, wired: Unlimited, desk: Desk, places: Places, worker: Worker) -> AppealBody:
    """A manager decides it; what was decided, by whom and why stands in the appeal."""
    with places.taken_by(worker.actor):
        form = validated(MyAppealForm, await read_body(request, wired.limits))
        start, end = period_told(form.from_, form.to)
        scheme = await known_scheme(desk, form.scheme, start, form.version)
        subject: tuple[Literal["worker"], str] = ("worker", worker.worker_id)
        try:
            made = await desk.appeal(*subject, start, end, scheme, form.deduction, form.reason, worker.actor)
        except EvaluationStateError as error:
            raise ProblemError(409, "appeal-state", str(error)) from error
    if made is None:
        raise not_found("deduction", form.deduction)
    return AppealBody.model_validate(made)


async def _person(wired: Services, worker: Principal) -> Person:
    """The worker of the master data. Raises 404 for one that is not there any more."""
    found = (await wired.fleet.workers(worker=worker.worker_id, cursor=None, limit=1)).items
    if not found:
        raise not_found("worker", worker.worker_id)
    return found[0]


async def _duties(wired: Services, me: Person, now: int) -> list[DutyBody]:
    shifts = {one.id: one for one in (await wired.fleet.shifts(cursor=None, limit=1_000)).items}
    first, last = to_datetime(now - BEFORE_US).date(), to_datetime(now + AHEAD_US).date()
    day = timedelta(days=1)  # a date of the city is up to a day from that of UTC, and a shift runs past midnight
    page = await wired.fleet.plans(first - 2 * day, last + day, worker=me.id, cursor=None, limit=MOST_PLANS)
    plans = {one.id: one for one in page.items}
    # A plan that names its workers is not for the rest of the crew: the roster knows who is meant.
    roster = Roster(page.items, shifts, (), {me.id: me})
    found = roster.duties([me.id], now - BEFORE_US - 2 * DAY, now + AHEAD_US)
    own = [plans[duty.plan] for duty in found if duty.end > now - BEFORE_US]
    areas, routes = await _named(wired, own, now)
    return [_duty(plan, shifts[plan.shift], areas, routes) for plan in own]


async def _named(wired: Services, plans: list[Plan], now: int) -> tuple[dict[str, Area], dict[str, Route]]:
    """The areas and routes of plans, as far as they are in force now: for their names."""
    areas, routes = {}, {}
    for name in {plan.area for plan in plans if plan.area is not None}:
        areas.update({one.id: one for one in (await wired.fleet.areas(at=now, area=name, cursor=None, limit=1)).items})
    for name in {plan.route for plan in plans if plan.route is not None}:
        found = (await wired.fleet.routes(at=now, route=name, cursor=None, limit=1)).items
        routes.update({one.id: one for one in found})
    return areas, routes


def _duty(plan: Plan, shift: Shift, areas: dict[str, Area], routes: dict[str, Route]) -> DutyBody:
    start, end = calendar.span(shift, plan.on)
    area, route = areas.get(plan.area or ""), routes.get(plan.route or "")
    return DutyBody(
        plan=plan.id,
        on=plan.on,
        shift=shift.id,
        shift_name=shift.name,
        shift_name_zh=shift.name_zh,
        start=start,
        end=end,
        breaks=[MySpanBody(start=begin, end=until) for begin, until in calendar.breaks(shift, plan.on)],
        area=plan.area,
        area_name="" if area is None else area.name,
        area_name_zh="" if area is None else area.name_zh,
        route=plan.route,
        route_name="" if route is None else route.name,
        route_name_zh="" if route is None else route.name_zh,
        vehicle=plan.vehicle,
        note=plan.note,
    )


async def _last_check(wired: Services, worker: Principal, now: int) -> CheckBody | None:
    if worker.device is None:
        return None
    page = await wired.telemetry.events(
        worker.device, start=now - DAY, end=now + HOUR, kinds=("check_in", "check_out"), cursor=None, limit=1
    )
    if not page.items:
        return None
    newest = page.items[0]
    return CheckBody(kind="check_in" if newest.kind == "check_in" else "check_out", at=newest.observed_at)
