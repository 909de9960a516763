"""The shelf: rules and devices that ring no bell for a while."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from api.access import Dispatcher, check_everywhere
from api.bodies import read_body, validated
from api.models.alerts import MOST_SHELVED_MIN, ShelfBody, ShelfForm
from api.models.telemetry import PageOf
from api.openapi import BODIED, KEYED, body, problems, reference
from api.params.alerts import ShelvesQuery
from api.problems import not_found
from api.rule_texts import plain_rules
from api.spans import end_of
from api.wiring import Places, Wired

ShelfId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the shelf.", examples=[3])]

router = APIRouter(tags=["Alerts"])


@router.get("/shelves", summary="What is on the shelf", responses=problems(422, 503))
async def list_shelves(wired: Wired, query: Annotated[ShelvesQuery, Query()]) -> PageOf[ShelfBody]:
    """Entered last first."""
    page = await wired.alerts.shelves(ended=query.ended, cursor=query.cursor, limit=query.limit)
    return PageOf(items=[ShelfBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.post(
    "/shelves",
    summary="Put a rule or a device on the shelf",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(
        reference(ShelfForm),
        a_rule_on_a_device={
            "rule": "bin-full", "device": "bin-0042", "minutes": 1440, "reason": "The sensor is being replaced.",
        },
        a_device={"device": "toilet-0003", "until": "2026-12-01T00:00:00+08:00", "reason": "Closed for repair."},
    ),
)  # fmt: skip
async def put_on_shelf(request: Request, wired: Wired, places: Places, dispatcher: Dispatcher) -> ShelfBody:
    """What it finds meanwhile stands in the list of alerts, and nobody is told.

    Needs a key of the role dispatcher, manager or admin.
    """
    with places.taken_by(dispatcher.actor):
        form = validated(ShelfForm, await read_body(request, wired.limits))
        if form.device is None:
            check_everywhere(dispatcher)
        if form.rule is not None and not await _is_rule(wired, form.rule):
            raise not_found("rule", form.rule)
        until = end_of(form, wired.clock(), MOST_SHELVED_MIN)
        number = await wired.alert_handling.shelve(form.rule, form.device, until, form.reason, dispatcher.actor)
        if number is None:
            raise not_found("device", form.device)
        return await _shelf(wired, number)


@router.delete(
    "/shelves/{shelf_id}", summary="Take it off the shelf", responses=problems(*KEYED, 404, 422, 503)
)  # fmt: skip
async def take_off_shelf(wired: Wired, dispatcher: Dispatcher, shelf_id: ShelfId) -> ShelfBody:
    """Before its time. What was raised meanwhile does not ring afterwards."""
    if not await wired.alert_handling.unshelve(shelf_id, dispatcher.actor):
        raise not_found("shelf", shelf_id)
    return await _shelf(wired, shelf_id)


async def _is_rule(wired: Wired, rule: str) -> bool:
    entered = await wired.rules.newest()
    if entered is None:
        return False
    return any(one["id"] == rule for one in await asyncio.to_thread(plain_rules, entered.text))


async def _shelf(wired: Wired, number: int) -> ShelfBody:
    found = await wired.alerts.shelf(number)
    if found is None:
        raise not_found("shelf", number)
    return ShelfBody.model_validate(found)
