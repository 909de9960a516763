"""The application: routes, errors, headers. Everything that it works with is handed in."""

from __future__ import annotations

from fastapi import FastAPI

from api import openapi, problems
from api.alert_models import FORMS
from api.body_limit import MAX_BODY_BYTES, BodyLimit
from api.evaluation_models import EVALUATION_FORMS
from api.exposition import Exposition
from api.gatekeeper import Gatekeeper
from api.planning_models import PlanningForm
from api.ports import Services
from api.report_models import FORMS as REPORT_FORMS
from api.routes import (
    alerts,
    audit,
    bins,
    commands,
    dead_letters,
    devices,
    evaluation,
    evaluation_records,
    events,
    fleet,
    fleet_entry,
    health,
    latest,
    metrics,
    pages,
    planning,
    prometheus,
    reports,
    rules,
    series,
    shelves,
    status,
    telemetry,
    track,
    trips,
    uplinks,
)
from api.seats import Seats
from api.security import SecurityHeaders
from api.write_models import BODIES

_RESOURCES = (
    telemetry, uplinks, devices, commands, latest, series, track, events, trips, alerts, shelves, rules, fleet,
    fleet_entry, bins, planning, evaluation, reports, metrics, dead_letters, audit, status, evaluation_records,
)  # fmt: skip
_OUTSIDE = (health, prometheus, pages)


def create_app(services: Services, *, max_body_bytes: int | None = None) -> FastAPI:
    """The API under ``/api/v1``, the probes, ``/metrics``, ``/docs`` and the board, over ``services``."""
    app = FastAPI(
        title="sanihub",
        version=services.probe.about().version,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        docs_url=None,  # served by api.routes.pages, without a CDN
        redoc_url=None,
    )
    app.state.services = services
    app.state.exposition = Exposition(services.metrics)
    app.state.gatekeeper = Gatekeeper(services.keys, services.clock)
    app.state.seats = Seats(services.limits.waiting, services.limits.waiting_per_key)
    for module in _RESOURCES:
        app.include_router(module.router, prefix="/api/v1")
    for module in _OUTSIDE:
        app.include_router(module.router)
    pages.install(app, services.board)
    problems.install(app)
    openapi.install(app, (*BODIES, *FORMS, *EVALUATION_FORMS, PlanningForm, *REPORT_FORMS))
    app.add_middleware(BodyLimit, limit=max_body_bytes or max(MAX_BODY_BYTES, services.limits.body_bytes))
    app.add_middleware(SecurityHeaders)  # added last, so it is outermost and covers refusals of the limit too
    return app
