"""Work orders: given, assigned, accepted, done, with their history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.access import Dispatcher, allowed
from api.bodies import read_body, validated
from api.models.orders import (
    AssigneeForm,
    CandidateBody,
    CandidatesQuery,
    OrderBody,
    OrderDetailBody,
    OrderForm,
    OrderLineBody,
    OrderRemarkForm,
    OrdersQuery,
    SendRunForm,
    SentRunBody,
)
from api.models.telemetry import PageOf, page_of
from api.openapi import BODIED, KEYED, body, problems, reference
from api.ports.orders import OrderDesk, UnknownSubjectError
from api.ports.services import Services
from api.problems import Fault, ProblemError, not_found
from api.wiring import Places, Unlimited
from devices.access import Principal, Role
from devices.errors import RejectedError
from fleet.incidents.incident import IncidentStateError
from fleet.orders.order import OPEN_STATES, Action, Order, OrderLine, OrderStateError, OrdersWanted

router = APIRouter(tags=["Work orders"])

OrderId = Annotated[
    str,
    Path(
        alias="work_order_id",
        max_length=160,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="The order.",
        examples=["order-0d5c6a9e4f7b"],
    ),
]
Looker = Annotated[Principal, Depends(allowed(Role.WORKER, Role.VIEWER, Role.DISPATCHER, Role.MANAGER))]
"""Whoever may look: a worker at their own orders and those of their crew, the others at all of their areas."""
Doer = Annotated[Principal, Depends(allowed(Role.WORKER, Role.DISPATCHER, Role.MANAGER))]
"""Whoever may say that an order is accepted or done: a worker of their own, a dispatcher of all."""

_HANDLED = problems(*KEYED, *BODIED, 404, 409, 422, 503, said={409: "The order is not in a state that allows it."})
_REMARK = body(reference(OrderRemarkForm), required=False, with_a_remark={"text": "清运完毕"}, without_one={})


@router.get("/work-orders", summary="List work orders", responses=problems(*KEYED, 422, 503))
async def list_work_orders(
    wired: Unlimited, looker: Looker, query: Annotated[OrdersQuery, Query()]
) -> PageOf[OrderBody]:
    """By their planned start. Workers see their own, and those of their crew."""
    states = tuple(query.state) or (OPEN_STATES if query.open else ())
    wanted = OrdersWanted(
        on=query.on, run=query.run, vehicles=tuple(query.vehicle), devices=tuple(query.device), states=states,
        origins=tuple(query.origin), alert=query.alert, incident=query.incident,
        own=looker.worker_id if looker.only_own else None, within=await _within(wired, looker),
    )  # fmt: skip
    page = await _desk(wired).page(wanted, cursor=query.cursor, limit=query.limit)
    return PageOf(items=[OrderBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/work-orders/candidates", summary="Who could do it", responses=problems(*KEYED, 422, 503))
async def list_work_order_candidates(
    wired: Unlimited, dispatcher: Dispatcher, query: Annotated[CandidatesQuery, Query()]
) -> PageOf[CandidateBody]:
    """Vehicles that were heard within fifteen minutes, the nearest first; for bins only refuse trucks.

    They drive on: between two pages one may come nearer and be missed, or go away and come twice.
    """
    within = await _within(wired, dispatcher)
    page = await _desk(wired).candidates(
        query.lon, query.lat, kind=query.kind, within=within, cursor=query.cursor, limit=query.limit
    )
    return page_of(page, CandidateBody.model_validate)


@router.post(
    "/work-orders",
    status_code=201,
    summary="Give an order",
    responses={
        **problems(*KEYED, *BODIED, 404, 409, 422, 503, said={409: "The incident is not in a state that allows it."}),
        200: {"model": OrderDetailBody, "description": "Was there already."},
    },
    openapi_extra=body(
        reference(OrderForm),
        of_an_alert={"alert": 17, "nearest": True},
        about_a_bin={"device": "bin-0042", "vehicle": "vehicle-0007", "note": "后门进入"},
        of_an_incident={"incident": 3, "crew": "crew-02", "kind": "clear"},
        by_hand={"title": "检查消防通道", "worker": "worker-0011", "end": "2026-11-25T17:00:00+08:00"},
    ),
)
async def give_work_order(
    request: Request, response: Response, wired: Unlimited, places: Places, dispatcher: Dispatcher
) -> OrderDetailBody:
    """It is sent down to a vehicle at once, over its own protocol; crews and workers see it on their page."""
    with places.taken_by(dispatcher.actor):
        form = validated(OrderForm, await read_body(request, wired.limits))
        within = await _within(wired, dispatcher)
        await _subject_is_within(wired, dispatcher, form, within)
        try:
            order_id, new = await _desk(wired).give(form.model_dump(), dispatcher.actor, within=within)
        except UnknownSubjectError as error:
            raise not_found(error.what, error.name) from None
        except RejectedError as error:
            raise _refused(str(error)) from None
        except IncidentStateError as error:
            raise ProblemError(409, "not-in-that-state", str(error)) from None
        response.status_code = 201 if new else 200
        response.headers["Location"] = f"/api/v1/work-orders/{order_id}"
        return _told(await _seen(wired, dispatcher, order_id))


@router.post(
    "/work-orders/send",
    summary="Send a plan's orders down",
    responses=problems(*KEYED, *BODIED, 422, 503),
    openapi_extra=body(reference(SendRunForm), a_plan={"run": "collection-2026-11-25-0a1b2c3d4e5f"}),
)
async def send_planned_orders(
    request: Request, wired: Unlimited, places: Places, dispatcher: Dispatcher
) -> SentRunBody:
    """Each `orders.lead_min` minutes before it begins, so that a driver has the next stops and not the whole day."""
    if dispatcher.areas is not None:
        raise ProblemError(403, "limited-to-areas", "a plan is of the whole city; send its orders one by one")
    with places.taken_by(dispatcher.actor):
        form = validated(SendRunForm, await read_body(request, wired.limits))
        return SentRunBody(run=form.run, orders=await _desk(wired).send_run(form.run, dispatcher.actor))


@router.get("/work-orders/{work_order_id}", summary="One order", responses=problems(*KEYED, 404, 422, 503))
async def get_work_order(wired: Unlimited, looker: Looker, order_id: OrderId) -> OrderDetailBody:
    """With its history."""
    return _told(await _seen(wired, looker, order_id))


@router.post(
    "/work-orders/{work_order_id}/assign",
    summary="Let somebody else do it",
    responses=_HANDLED,
    openapi_extra=body(reference(AssigneeForm), a_vehicle={"vehicle": "vehicle-0007"}, nobody_yet={}),
)
async def assign_work_order(
    request: Request, wired: Unlimited, places: Places, dispatcher: Dispatcher, order_id: OrderId
) -> OrderDetailBody:
    """The order begins anew: it is planned, and sent to them."""
    with places.taken_by(dispatcher.actor):
        form = validated(AssigneeForm, await read_body(request, wired.limits) or b"{}")
        desk = _desk(wired)
        step = lambda: desk.assign(order_id, dispatcher.actor, form.assignee())  # noqa: E731
        return await _done(wired, dispatcher, order_id, step)


@router.post(
    "/work-orders/{work_order_id}/send",
    summary="Send an order down once more",
    responses=_HANDLED,
    openapi_extra=_REMARK,
)
async def send_work_order(
    request: Request, wired: Unlimited, places: Places, dispatcher: Dispatcher, order_id: OrderId
) -> OrderDetailBody:
    """At once, however often it was tried."""
    return await _step(request, wired, places, dispatcher, order_id, "sent")


@router.post(
    "/work-orders/{work_order_id}/accept", summary="Accept an order", responses=_HANDLED, openapi_extra=_REMARK
)
async def accept_work_order(
    request: Request, wired: Unlimited, places: Places, doer: Doer, order_id: OrderId
) -> OrderDetailBody:
    """By whoever is to do it, or by a dispatcher for them."""
    return await _step(request, wired, places, doer, order_id, "accepted")


@router.post("/work-orders/{work_order_id}/done", summary="An order is done", responses=_HANDLED, openapi_extra=_REMARK)
async def finish_work_order(
    request: Request, wired: Unlimited, places: Places, doer: Doer, order_id: OrderId
) -> OrderDetailBody:
    """By somebody's word. A collection ends without it, when the bin was emptied."""
    return await _step(request, wired, places, doer, order_id, "done")


@router.post(
    "/work-orders/{work_order_id}/cancel", summary="Cancel an order", responses=_HANDLED, openapi_extra=_REMARK
)
async def cancel_work_order(
    request: Request, wired: Unlimited, places: Places, dispatcher: Dispatcher, order_id: OrderId
) -> OrderDetailBody:
    """It need not be done any more."""
    return await _step(request, wired, places, dispatcher, order_id, "cancelled")


@router.post(
    "/work-orders/{work_order_id}/comments",
    summary="Put a remark beside an order",
    responses=_HANDLED,
    openapi_extra=_REMARK,
)
async def comment_on_work_order(
    request: Request, wired: Unlimited, places: Places, doer: Doer, order_id: OrderId
) -> OrderDetailBody:
    """For its history."""
    return await _step(request, wired, places, doer, order_id, "commented")


async def _step(
    request: Request, wired: Services, places: Any, person: Principal, order_id: str, action: Action
) -> OrderDetailBody:
    with places.taken_by(person.actor):
        form = validated(OrderRemarkForm, await read_body(request, wired.limits) or b"{}")
        return await _done(
            wired, person, order_id, lambda: _desk(wired).act(order_id, person.actor, action, form.text)
        )  # fmt: skip


async def _done(
    wired: Services, person: Principal, order_id: str, step: Callable[[], Awaitable[bool]]
) -> OrderDetailBody:
    await _seen(wired, person, order_id)
    try:
        if not await step():
            raise not_found("work-order", order_id)
    except OrderStateError as error:
        raise ProblemError(409, "not-in-that-state", str(error)) from None
    except UnknownSubjectError as error:
        raise not_found(error.what, error.name) from None
    return _told(await _seen(wired, person, order_id))


async def _seen(wired: Services, person: Principal, order_id: str) -> tuple[Order, tuple[OrderLine, ...]]:
    """The order, for somebody who may see it. Raises 404."""
    found = await _desk(wired).order(order_id)
    if found is None:
        raise not_found("work-order", order_id)
    order = found[0]
    if person.only_own:
        own = OrdersWanted(ids=(order_id,), own=person.worker_id)
        if not (await _desk(wired).page(own, cursor=None, limit=1)).items:
            raise not_found("work-order", order_id)
    within = await _within(wired, person)
    if within is not None and not {order.device, order.vehicle} & set(within) and order.entered_by != person.actor:
        raise not_found("work-order", order_id)
    return found


async def _within(wired: Services, person: Principal) -> tuple[str, ...] | None:
    """The devices of somebody's areas; None for those who are not limited."""
    if person.areas is None:
        return None
    return tuple(sorted(await wired.areas.devices_in(person.areas)))


async def _subject_is_within(
    wired: Services, person: Principal, form: OrderForm, within: tuple[str, ...] | None
) -> None:
    """Orders are about what somebody may see. Raises 404."""
    if within is None:
        return
    for what, name in (("device", form.device), ("device", form.vehicle)):
        if name is not None and name not in within:
            raise not_found(what, name)
    if form.alert is not None:
        found = await wired.alerts.alert(form.alert)
        if found is None or found[0].device not in within:
            raise not_found("alert", form.alert)
    if form.incident is not None and wired.incidents is not None:
        dossier = await wired.incidents.dossier(form.incident)
        if dossier is None or dossier.incident.area not in (person.areas or ()):
            raise not_found("incident", form.incident)


def _desk(wired: Services) -> OrderDesk:
    if wired.order_desk is None:
        raise not_found("resource", "work-orders")
    return wired.order_desk


def _told(found: tuple[Order, tuple[OrderLine, ...]]) -> OrderDetailBody:
    order, history = found
    lines = [OrderLineBody.model_validate(line) for line in history]
    return OrderDetailBody(order=OrderBody.model_validate(order), history=lines)


def _refused(said: str) -> ProblemError:
    field, _, expected = said.partition(": ")
    return ProblemError(422, "invalid-request", said, faults=(Fault("body", field, expected),))
