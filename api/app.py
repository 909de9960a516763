"""The application: routes, errors, headers. Everything that it works with is handed in."""

from __future__ import annotations

from fastapi import FastAPI

from api import openapi, problems
from api.body_limit import MAX_BODY_BYTES, BodyLimit
from api.exposition import Exposition
from api.ports import Services
from api.routes import (
    dead_letters,
    devices,
    events,
    health,
    latest,
    metrics,
    pages,
    prometheus,
    series,
    status,
    track,
)
from api.security import SecurityHeaders

_RESOURCES = (devices, latest, series, track, events, metrics, dead_letters, status)
_OUTSIDE = (health, prometheus, pages)


def create_app(services: Services, *, max_body_bytes: int = MAX_BODY_BYTES) -> FastAPI:
    """The read API under ``/api/v1``, the probes, ``/metrics``, ``/docs`` and the landing page, over ``services``."""
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
    for module in _RESOURCES:
        app.include_router(module.router, prefix="/api/v1")
    for module in _OUTSIDE:
        app.include_router(module.router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(BodyLimit, limit=max_body_bytes)
    app.add_middleware(SecurityHeaders)  # added last, so it is outermost and covers refusals of the limit too
    return app
