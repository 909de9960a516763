"""Bins: when they were emptied, which are to be emptied and why, and how full they will be."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.instants import DAY
from api.models.bins import EmptyingBody, ForecastBody, ReadinessBody, ReadinessListBody
from api.models.telemetry import PageOf, page_of_names
from api.openapi import problems
from api.params.bins import EmptyingsQuery, ForecastQuery, ReadinessQuery
from api.problems import Fault, ProblemError, not_found
from api.spans import span_of
from api.wiring import KnownDevice, Wired
from fleet.bins.records import EmptyingEntry

FARTHEST = 14 * DAY

router = APIRouter(tags=["Bins"])


@router.get("/bins/emptyings", summary="Emptyings of bins", responses=problems(422, 503))
async def list_emptyings(wired: Wired, query: Annotated[EmptyingsQuery, Query()]) -> PageOf[EmptyingBody]:
    """Emptyings in the bins' own time, newest first; of the last day where no span is named."""
    start, end = span_of(query, now=wired.clock())
    page = await wired.emptyings.emptyings(
        start=start,
        end=end,
        devices=query.device,
        vehicles=query.vehicle,
        retracted=query.retracted,
        cursor=query.cursor,
        limit=query.limit,
    )
    return PageOf(items=[_emptying(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/bins/readiness", summary="Which bins are to be emptied", responses=problems(422, 503))
async def list_bin_readiness(wired: Wired, query: Annotated[ReadinessQuery, Query()]) -> ReadinessListBody:
    """Every bin in service, by id, with its state and the reason: FULLNESS, AGE or ALERT."""
    now = wired.clock()
    _within(query.next_visit, now, "next_visit")
    found = await wired.outlook.readiness(now, query.next_visit)
    known = {one.bin: one for one in found if not query.state or one.state in query.state}
    names, more = page_of_names(sorted(known), query.cursor, query.limit)
    items = [ReadinessBody.model_validate(known[name]) for name in names]
    return ReadinessListBody(as_of=now, items=items, next_cursor=more)


@router.get("/bins/{device_id}/forecast", summary="How full a bin will be", responses=problems(404, 422, 503))
async def get_bin_forecast(wired: Wired, device: KnownDevice, query: Annotated[ForecastQuery, Query()]) -> ForecastBody:
    """From its newest level and how it fills; 404 for a bin that told no level in the last twelve hours.

    Name the instants of planned visits as `visit`, or say `nobody=true`. Without either, its history says how likely
    it is that somebody comes.
    """
    now = wired.clock()
    then = now + DAY if query.at is None else query.at
    _within(then, now, "at")
    visits = query.visit if query.visit or query.nobody else None
    found = None if device.kind != "bin" else await wired.outlook.forecast(device.id, now, then, visits)
    if found is None:
        raise not_found("level of bin", device.id)
    return ForecastBody.model_validate(found)


def _within(at: int | None, now: int, field: str) -> None:
    if at is not None and not now < at <= now + FARTHEST:
        fault = Fault("query", field, "expected an instant within the next 14 days")
        raise ProblemError(422, "invalid-request", f"{field}: {fault.expected}", faults=(fault,))


def _emptying(entry: EmptyingEntry) -> EmptyingBody:
    one = entry.emptying
    return EmptyingBody(
        bin=one.bin,
        at=one.at,
        since=one.since,
        until=one.until,
        before_pct=one.before_pct,
        after_pct=one.after_pct,
        vehicle=one.vehicle,
        proof=one.proof,
        partial=one.partial,
        found_at=entry.found_at,
        revised_at=entry.revised_at,
        retracted=entry.retracted,
    )
