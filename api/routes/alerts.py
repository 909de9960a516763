"""Alerts: the list, one with its log, and what people do with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from alerts.records import AlertCount
from api.access import Dispatcher
from api.bodies import read_body, validated
from api.models.alerts import (
    MOST_SNOOZED_MIN,
    AlertBody,
    AlertCountBody,
    AlertCountsBody,
    AlertDetailBody,
    CommentedForm,
    CommentForm,
    LogEntryBody,
    NotificationBody,
    SnoozeForm,
)
from api.models.telemetry import PageOf
from api.openapi import BODIED, KEYED, body, problems, reference
from api.params.alerts import AlertsQuery
from api.ports.services import Services
from api.problems import not_found
from api.spans import end_of
from api.wiring import Places, Wired

AlertId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the alert.", examples=[17])]

router = APIRouter(tags=["Alerts"])

_HANDLED = problems(*KEYED, *BODIED, 404, 409, 422, 503, said={409: "The alert is not in a state that allows it."})
_REMARK = body(
    reference(CommentedForm), required=False, with_a_remark={"comment": "On my way."}, without_one={}
)  # fmt: skip


@router.get("/alerts", summary="List alerts", responses=problems(422, 503))
async def list_alerts(wired: Wired, query: Annotated[AlertsQuery, Query()]) -> PageOf[AlertBody]:
    """Alerts, those raised last first, in the device's time. Filters of several values take any of them."""
    page = await wired.alerts.alerts(query.wanted(), cursor=query.cursor, limit=query.limit)
    return PageOf(items=[AlertBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/alerts/counts", summary="How many alerts are open", responses=problems(503))
async def count_alerts(wired: Wired) -> AlertCountsBody:
    """By severity."""
    counts = await wired.alerts.counts()
    bodies = {
        severity: AlertCountBody.model_validate(counts.get(severity, AlertCount(0, 0, 0)))
        for severity in ("critical", "warning", "info")
    }
    new = sum(one.unacknowledged for one in bodies.values())
    return AlertCountsBody(open=sum(one.open for one in bodies.values()), unacknowledged=new, **bodies)


@router.get("/alerts/{alert_id}", summary="One alert with its log", responses=problems(404, 422, 503))
async def get_alert(wired: Wired, alert_id: AlertId) -> AlertDetailBody:
    """With who did what, and what became of its notifications."""
    return await _detail(wired, alert_id)


@router.post(
    "/alerts/{alert_id}/acknowledge", summary="Acknowledge an alert", responses=_HANDLED, openapi_extra=_REMARK
)
async def acknowledge_alert(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, alert_id: AlertId
) -> AlertDetailBody:
    """Somebody sees to it: it escalates no more. Needs a key of the role dispatcher, manager or admin.

    Once more, by the same or another, changes nothing: the answer shows whose it is.
    """
    with places.taken_by(dispatcher.actor):
        form = validated(CommentedForm, await read_body(request, wired.limits) or b"{}")
        done = await wired.alert_handling.acknowledge(alert_id, dispatcher.actor, form.comment)
        return await _detail(wired, alert_id, done)


@router.post("/alerts/{alert_id}/close", summary="Close an alert", responses=_HANDLED, openapi_extra=_REMARK)
async def close_alert(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, alert_id: AlertId
) -> AlertDetailBody:
    """A person's last word. One whose cause lasts may be closed too: it rings no more, and is no longer open."""
    with places.taken_by(dispatcher.actor):
        form = validated(CommentedForm, await read_body(request, wired.limits) or b"{}")
        done = await wired.alert_handling.close(alert_id, dispatcher.actor, form.comment)
        return await _detail(wired, alert_id, done)


@router.post(
    "/alerts/{alert_id}/comment",
    summary="Comment on an alert",
    responses=_HANDLED,
    openapi_extra=body(reference(CommentForm), a_remark={"comment": "The lid is broken; ordered a new one."}),
)
async def comment_on_alert(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, alert_id: AlertId
) -> AlertDetailBody:
    """Put a remark beside it, in whatever state it is."""
    with places.taken_by(dispatcher.actor):
        form = validated(CommentForm, await read_body(request, wired.limits))
        done = await wired.alert_handling.comment(alert_id, dispatcher.actor, form.comment)
        return await _detail(wired, alert_id, done)


@router.post(
    "/alerts/{alert_id}/snooze",
    summary="Snooze an alert",
    responses=_HANDLED,
    openapi_extra=body(
        reference(SnoozeForm), for_an_hour={"minutes": 60}, until_morning={"until": "2026-11-24T06:00:00+08:00"}
    ),
)
async def snooze_alert(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, alert_id: AlertId
) -> AlertDetailBody:
    """Let it neither ring nor escalate until then; if it is still there, it rings again."""
    with places.taken_by(dispatcher.actor):
        form = validated(SnoozeForm, await read_body(request, wired.limits))
        until = end_of(form, wired.clock(), MOST_SNOOZED_MIN)
        done = await wired.alert_handling.snooze(alert_id, dispatcher.actor, until)
        return await _detail(wired, alert_id, done)


async def _detail(wired: Services, alert_id: int, known: bool = True) -> AlertDetailBody:
    found = await wired.alerts.alert(alert_id) if known else None
    if found is None:
        raise not_found("alert", alert_id)
    entry, log = found
    told = await wired.alerts.notifications(alert_id)
    return AlertDetailBody(
        **dict(AlertBody.model_validate(entry)),
        log=[LogEntryBody.model_validate(one) for one in log],
        notifications=[NotificationBody.model_validate(one) for one in told],
    )
