"""Evaluations of workers and crews, and the schemes by which they are made."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from api.access import KnownReader, Manager
from api.bodies import check_rules, read_body
from api.models.evaluation import EvaluationBody, SchemeBody, SchemeDetailBody, SummaryBody
from api.models.telemetry import PageOf, page_of_names
from api.openapi import BODIED, KEYED, problems
from api.params.evaluation import (
    Desk,
    EnterSchemeQuery,
    EvaluationsQuery,
    Period,
    PeriodQuery,
    PersonId,
    SchemeId,
    SchemeQuery,
    SchemesQuery,
    known_scheme,
    period_of,
)
from api.ports.posting import PostLimits
from api.problems import LineFault, ProblemError, not_found
from api.wiring import Places, Wired
from devices.yaml_lines.tree import MAX_BYTES
from fleet.evaluation.records import EnteredScheme, EvaluationStateError
from fleet.evaluation.result import SubjectKind
from fleet.evaluation.scheme_file import SchemeFileError, read_scheme, ready_made

YAML = "application/yaml"  # RFC 9512
MOST_TOLD = 1_000  #: mistakes in an answer

_EXAMPLE = {
    "id": "own",
    "grades": [{"least": 80, "title": "good", "title_zh": "良好"}],
    "items": [
        {"id": "attendance", "weight": 60, "measures": [{"kpi": "attendance"}]},
        {
            "id": "roads",
            "weight": 40,
            "mode": "points",
            "measures": [{"kpi": "inspections", "params": {"categories": ["roads"], "points": 0.5}}],
        },
    ],
}
_YAML = """id: own
items:
  - {id: attendance, weight: 60, measures: [{kpi: attendance}]}
  - {id: tasks, weight: 40, measures: [{kpi: tasks}]}
"""
_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["id", "items"]},
                "examples": {"two_items": {"summary": "two items", "value": _EXAMPLE}},
            },
            YAML: {"schema": {"type": "string"}, "examples": {"two_items": {"summary": "two items", "value": _YAML}}},
        },
    }
}
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {YAML: {"schema": {"type": "object"}}}}}
_REFUSED = {
    409: "Somebody else has entered a version since the one that `based_on` names.",
    415: "The body is neither YAML nor JSON, or packed by something else than gzip.",
    422: "The scheme is wrong; `errors` names each mistake with its line, its field and the reason. Nothing changes.",
}

router = APIRouter(tags=["Evaluation"])


@router.get("/evaluation/workers", summary="Evaluations of workers", responses=problems(*KEYED, 404, 422, 503))
async def list_evaluations(
    wired: Wired, desk: Desk, places: Places, reader: KnownReader, query: Annotated[EvaluationsQuery, Query()]
) -> PageOf[SummaryBody]:
    """In short, by id. Needs a key of the role viewer, dispatcher, manager or admin; so does all that follows."""
    start, end = period_of(query, wired.clock())
    with places.taken_by(reader.actor):
        scheme = await known_scheme(desk, query.scheme, start, query.version)
        names = sorted(await desk.workers(query.crew))
        shown, more = page_of_names(names, query.cursor, query.limit)
        told = [await desk.evaluate("worker", name, start, end, scheme) for name in shown]
    items = [SummaryBody.model_validate(one) for one in told if one is not None]
    return PageOf(items=items, next_cursor=more)


@router.get(
    "/evaluation/workers/{person_id}", summary="One worker's evaluation", responses=problems(*KEYED, 404, 422, 503)
)
async def evaluate_worker(
    wired: Wired,
    desk: Desk,
    places: Places,
    reader: KnownReader,
    person_id: PersonId,
    query: Period,
) -> EvaluationBody:
    """Points, and for each that was lost its evidence; the shifts, and what was corrected.

    Only shifts that are over count. What there is no data about costs nothing: its weight is spread over the rest.
    """
    return await _evaluated("worker", wired, desk, places, reader, person_id, query)


@router.get("/evaluation/crews/{person_id}", summary="A crew's evaluation", responses=problems(*KEYED, 404, 422, 503))
async def evaluate_crew(
    wired: Wired,
    desk: Desk,
    places: Places,
    reader: KnownReader,
    person_id: PersonId,
    query: Period,
) -> EvaluationBody:
    """Of everything of its workers together, and what was entered about the crew."""
    return await _evaluated("crew", wired, desk, places, reader, person_id, query)


@router.get("/evaluation/schemes", summary="Schemes", responses=problems(*KEYED, 404, 422, 503))
async def list_schemes(desk: Desk, reader: KnownReader, query: Annotated[SchemesQuery, Query()]) -> PageOf[SchemeBody]:
    """Every version that was entered, and the ready-made ones (version 0), by id, the newest first."""
    made = [EnteredScheme(name, 0, 0, 0, "sanihub", "ready-made", "") for name in ready_made()]
    known = {_place(one): one for one in (*await desk.schemes.versions(), *made)}
    places, more = page_of_names(sorted(known), query.cursor, query.limit)
    return PageOf(items=[SchemeBody.model_validate(known[place]) for place in places], next_cursor=more)


@router.get(
    "/evaluation/schemes/{scheme_id}", summary="One scheme", responses={**problems(*KEYED, 404, 422, 503), **_TEXT}
)
async def get_scheme(
    wired: Wired, desk: Desk, reader: KnownReader, scheme_id: SchemeId, query: Annotated[SchemeQuery, Query()]
) -> SchemeDetailBody:
    """The version that judges a period which begins now, or the one asked for."""
    found = await desk.scheme_text(scheme_id, wired.clock(), query.version)
    if found is None:
        raise not_found("scheme", scheme_id)
    if query.format == "yaml":
        return Response(found.text, media_type=YAML)  # type: ignore[return-value]
    return await _told(found)


@router.put(
    "/evaluation/schemes/{scheme_id}",
    summary="Enter a scheme",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, said=_REFUSED),
    openapi_extra=_FILE,
)
async def enter_scheme(
    request: Request,
    wired: Wired,
    desk: Desk,
    places: Places,
    manager: Manager,
    scheme_id: SchemeId,
    query: Annotated[EnterSchemeQuery, Query()],
) -> SchemeDetailBody:
    """A new version, YAML or JSON, as docs/fleet/evaluation.md describes it. Needs a key of the role manager or admin.

    Periods that began before `since` are judged by the version that was in force then: nobody is measured afterwards
    by what they could not know.
    """
    with places.taken_by(manager.actor):
        text = await _sound(request, wired.limits, scheme_id)
        since = wired.clock() if query.since is None else query.since
        try:
            entered = await desk.schemes.enter(
                scheme_id, text, manager.actor, since, query.comment, expected=query.based_on
            )
        except EvaluationStateError as error:
            raise ProblemError(409, "stale-scheme", str(error)) from error
    return await _told(entered)


def _place(scheme: EnteredScheme) -> str:
    """Text that sorts schemes by id, the newest version first."""
    return f"{scheme.id} {2**31 - scheme.version:010}"


async def _evaluated(
    kind: SubjectKind, wired: Wired, desk: Desk, places: Places, reader: KnownReader, name: str, query: PeriodQuery
) -> EvaluationBody:
    start, end = period_of(query, wired.clock())
    with places.taken_by(reader.actor):
        scheme = await known_scheme(desk, query.scheme, start, query.version)
        told = await desk.evaluate(kind, name, start, end, scheme)
    if told is None:
        raise not_found(kind, name)
    return EvaluationBody.model_validate(told)


async def _told(entered: EnteredScheme) -> SchemeDetailBody:
    scheme = await asyncio.to_thread(read_scheme, entered.text, entered.id)
    plain = msgspec.to_builtins(msgspec.structs.replace(scheme, id=entered.id, version=entered.version))
    return SchemeDetailBody(**dict(SchemeBody.model_validate(entered)), scheme=plain)


async def _sound(request: Request, limits: PostLimits, name: str) -> str:
    """The scheme in a body, as text. Raises a 422 problem that tells every mistake."""
    payload = await read_body(request, msgspec.structs.replace(limits, body_bytes=MAX_BYTES), check_rules)
    try:
        scheme = await asyncio.to_thread(read_scheme, payload)
    except SchemeFileError as error:
        faults = tuple(
            LineFault("body", one.field, one.reason, line=one.line) for one in error.mistakes[:MOST_TOLD]
        )  # fmt: skip
        raise ProblemError(422, "wrong-scheme", f"nothing was changed\n{error}", faults=faults) from None
    if scheme.id != name:
        fault = LineFault("body", "id", f"expected {name!r}, as in the address; got {scheme.id!r}")
        raise ProblemError(422, "wrong-scheme", f"id: {fault.expected}", faults=(fault,))
    return payload.decode("utf-8-sig")
