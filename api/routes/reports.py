"""Reports: making them, their revisions and files, signatures and appeals."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.access import Dispatcher, KnownReader, Manager
from api.bodies import read_body, validated
from api.models.reports import (
    ReportAppealForm,
    ReportBody,
    ReportDecisionForm,
    ReportDetailBody,
    ReportFileQuery,
    ReportForm,
    ReportJobBody,
    ReportOrderBody,
    ReportSignForm,
    ReportsQuery,
)
from api.models.telemetry import PageOf
from api.openapi import BODIED, KEYED, body, problems, reference
from api.ports.reports import BusyError, JobEntry, ReportDesk
from api.ports.services import Services
from api.problems import Fault, ProblemError, invalid, not_found
from api.wiring import Places, Wired
from devices.access import Principal, Role
from fleet.reports.kind import OrderError
from fleet.reports.records import Report, SettledError
from fleet.reports.speech import Speech

PERSONAL = ("evaluation",)  #: kinds that tell about persons: managers only

ReportId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the revision.", examples=[17])]
AppealId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the appeal.", examples=[3])]
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Id of the job.", examples=["5f0c1d2e" * 4])]

router = APIRouter(tags=["Reports"])

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_TYPES = (
    *("application/pdf", "text/html", "application/zip", "text/csv"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
_DOCUMENT = {"application/json": {"schema": {"type": "object"}}, **dict.fromkeys(_TYPES, _BYTES)}
_FILES: dict[int | str, dict[str, Any]] = {200: {"content": _DOCUMENT}}

_EXAMPLE = {
    "kind": "route_compliance", "from": "2026-11-23T00:00:00+08:00", "to": "2026-11-24T00:00:00+08:00",
    "zone": "Asia/Shanghai", "subject": {"route": "sweep-07"},
}  # fmt: skip


@router.post(
    "/reports/jobs", status_code=202, summary="Order a report",
    responses=problems(*KEYED, *BODIED, 422, 503), openapi_extra=body(reference(ReportForm), a_day=_EXAMPLE),
)  # fmt: skip
async def order_report(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, response: Response
) -> ReportJobBody:
    """Have a report made; `Location` says where its job is. Needs dispatcher, manager or admin.

    Evaluations need manager or admin. The same order over the same data ends in the same revision.
    """
    desk = _desk(wired)
    with places.taken_by(dispatcher.actor):
        form = validated(ReportForm, await read_body(request, wired.limits))
        _may_read(dispatcher, form.kind)
        try:
            job = desk.order(form.order(), dispatcher.actor)
        except OrderError as error:
            field, _, expected = str(error).partition(": ")
            fault = Fault("body", field, expected)
            raise ProblemError(422, "invalid-request", str(error), faults=(fault,)) from None
        except BusyError as error:
            raise ProblemError(429, "too-many-jobs", str(error), headers={"Retry-After": "30"}) from None
    response.headers["Location"] = f"/api/v1/reports/jobs/{job.id}"
    return _job(job)


@router.get("/reports/jobs/{order_id}", summary="How far a job is", responses=problems(*KEYED, 404, 422))
async def get_report_job(wired: Wired, reader: KnownReader, order_id: JobId) -> ReportJobBody:
    """Pieces that are done, and in the end the number of the report. Jobs are forgotten when the hub restarts."""
    job = _desk(wired).job(order_id)
    if job is None:
        raise not_found("job", order_id)
    _may_read(reader, job.order.kind)
    return _job(job)


@router.delete("/reports/jobs/{order_id}", summary="Cancel a job", responses=problems(*KEYED, 404, 422))
async def cancel_report_job(wired: Wired, dispatcher: Dispatcher, order_id: JobId) -> ReportJobBody:
    """End a job that is not done; a report that is there stays."""
    known = _desk(wired).job(order_id)
    if known is None:
        raise not_found("job", order_id)
    _may_read(dispatcher, known.order.kind)
    return _job(_desk(wired).cancel(order_id) or known)


@router.get("/reports", summary="List reports", responses=problems(*KEYED, 422, 503))
async def list_reports(
    wired: Wired, reader: KnownReader, query: Annotated[ReportsQuery, Query()]
) -> PageOf[ReportBody]:
    """Revisions, the newest first, with their hashes. Evaluations are listed for managers only."""
    without = () if reader.role in (Role.MANAGER, Role.ADMIN) else PERSONAL
    page = await _desk(wired).reports(
        kind=query.kind, like=query.like, without=without, cursor=query.cursor, limit=query.limit
    )
    return PageOf(items=[ReportBody.of(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/reports/{report_id}", summary="One revision", responses=problems(*KEYED, 404, 422, 503))
async def get_report(wired: Wired, reader: KnownReader, report_id: ReportId) -> ReportDetailBody:
    """With what it says otherwise than the revision before, who signed, and who did not agree."""
    return _detail(await _known(wired, reader, report_id))


@router.get(
    "/reports/{report_id}/file",
    summary="A report as a file",
    responses={**problems(*KEYED, 404, 422, 503), **_FILES},
    response_class=Response,
)  # fmt: skip
async def get_report_file(
    wired: Wired, places: Places, reader: KnownReader, report_id: ReportId, query: Annotated[ReportFileQuery, Query()]
) -> Response:
    """JSON, CSV, XLSX, HTML or PDF, in Chinese or English; made of what the revision says, whenever it is asked for."""
    with places.taken_by(reader.actor):
        report = await _known(wired, reader, report_id)
        try:
            file = await _desk(wired).rendered(report, query.format, query.lang, query.table, query.bom)
        except ValueError as error:
            field, _, expected = str(error).partition(": ")
            raise invalid(field, expected, query.table) from None
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
        "Cache-Control": "private, no-store",
    }
    return Response(file.content, media_type=file.media_type, headers=headers)


@router.post(
    "/reports/{report_id}/sign-off", summary="Sign a revision", responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(reference(ReportSignForm), signed={"name": "Wang Jianguo", "comment": "Seen with the driver."}),
)  # fmt: skip
async def sign_report(
    request: Request, wired: Wired, places: Places, dispatcher: Dispatcher, report_id: ReportId
) -> ReportDetailBody:
    """Sign this revision. A later one shows that another was signed."""
    with places.taken_by(dispatcher.actor):
        form = validated(ReportSignForm, await read_body(request, wired.limits))
        await _known(wired, dispatcher, report_id)
        await _desk(wired).sign(report_id, dispatcher.actor, form.name, form.comment)
        return _detail(await _known(wired, dispatcher, report_id))


@router.post(
    "/reports/{report_id}/appeals", status_code=201, summary="Appeal",
    responses=problems(*KEYED, *BODIED, 404, 422, 503),
    openapi_extra=body(
        reference(ReportAppealForm), a_stop={"name": "Li Wei", "about": "Stop 4", "reason": "The road was closed."}
    ),
)  # fmt: skip
async def appeal_against_report(
    request: Request, wired: Wired, places: Places, reader: KnownReader, report_id: ReportId
) -> ReportDetailBody:
    """Say what is not right. It stands in the report until it is decided, and after that with the decision."""
    with places.taken_by(reader.actor):
        form = validated(ReportAppealForm, await read_body(request, wired.limits))
        await _known(wired, reader, report_id)
        await _desk(wired).appeal(report_id, reader.actor, form.name, form.about, form.reason)
        return _detail(await _known(wired, reader, report_id))


@router.post(
    "/reports/{report_id}/appeals/{appeal_id}/decision", summary="Decide an appeal",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, said={409: "It was decided already."}),
    openapi_extra=body(
        reference(ReportDecisionForm), accepted={"accepted": True, "decision": "The closure is confirmed."}
    ),
)  # fmt: skip
async def decide_report_appeal(
    request: Request, wired: Wired, places: Places, manager: Manager, report_id: ReportId, appeal_id: AppealId
) -> ReportDetailBody:
    """Accept or reject an appeal, once; needs manager or admin."""
    with places.taken_by(manager.actor):
        form = validated(ReportDecisionForm, await read_body(request, wired.limits))
        try:
            found = await _desk(wired).decide(
                report_id, appeal_id, accepted=form.accepted, decision=form.decision, actor=manager.actor
            )
        except SettledError as error:
            raise ProblemError(409, "appeal-decided", str(error)) from None
        if not found:
            raise not_found("appeal", appeal_id)
        return _detail(await _known(wired, manager, report_id))


def _desk(wired: Services) -> ReportDesk:
    if wired.reports is None:
        raise ProblemError(503, "no-reports", "this hub makes no reports")
    return wired.reports


async def _known(wired: Services, who: Principal, report_id: int) -> Report:
    report = await _desk(wired).report(report_id)
    if report is None:
        raise not_found("report", report_id)
    _may_read(who, report.entry.order.kind)
    return report


def _may_read(who: Principal, kind: str) -> None:
    """Raises a 403 problem for a report about persons where the key is no manager's."""
    if kind in PERSONAL and who.role not in (Role.MANAGER, Role.ADMIN):
        detail = f"{kind} reports tell about persons: this needs a key of the role manager or admin"
        raise ProblemError(403, "role-not-enough", detail)


def _job(job: JobEntry) -> ReportJobBody:
    return ReportJobBody(
        id=job.id, order=ReportOrderBody.of(job.order), state=job.state, done=job.done, whole=job.whole,
        report=job.report,
        new_revision=job.made, error=job.error, ordered_at=job.ordered_at,
    )  # fmt: skip


def _detail(report: Report) -> ReportDetailBody:
    speech = Speech("en", report.document)
    said = [[speech.text(part) for part in change.where] for change in report.stamp.changes]
    return ReportDetailBody.whole(report, said)
