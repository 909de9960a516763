"""The application: routes, errors, headers. Everything that it works with is handed in."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import openapi, problems
from api.access import EVERYWHERE, known_reading, reading
from api.body_limit import MAX_BODY_BYTES, BodyLimit
from api.exposition import Exposition
from api.forms import FORMS
from api.gatekeeper import Gatekeeper
from api.live.feed import Feed
from api.methods import HeadIsGet
from api.passwords import Passwords
from api.ports.services import Services
from api.repeats import unrepeated
from api.routes import (
    alerts,
    audit,
    bins,
    commands,
    dead_letters,
    device_entry,
    devices,
    evaluation,
    evaluation_records,
    events,
    fleet,
    fleet_entry,
    health,
    incidents,
    keys,
    latest,
    live,
    me,
    metrics,
    pages,
    planning,
    prometheus,
    reports,
    rules,
    series,
    session,
    shelves,
    status,
    telemetry,
    track,
    trips,
    uplinks,
    users,
    work_orders,
)
from api.seats import Seats
from api.security import CORS, SecurityHeaders
from api.sessions import Sessions
from api.signing_in import SignIn

# What the routes of a module ask for themselves, they ask for beside what stands here for all of them.
_OWN = (session, me, telemetry, uplinks, incidents, work_orders)  #: ask for themselves, and nothing else
_READ = (
    devices, device_entry, commands, latest, live, series, track, events, trips, alerts, shelves, rules, fleet, bins,
    planning, metrics, dead_letters, status,
)  # fmt: skip
"""Need a viewer at least; what lies outside of somebody's areas is not there (``api.areas``)."""
_WHOLE = (fleet_entry, evaluation, evaluation_records, reports, audit, users, keys)
"""Need a viewer at least, by name, and are refused to those who are limited to areas."""
_OUTSIDE = (health, prometheus, pages)


def create_app(services: Services, *, max_body_bytes: int | None = None, feed: Feed | None = None) -> FastAPI:
    """The API under ``/api/v1``, the probes, ``/metrics``, ``/docs`` and the board, over ``services``."""
    app = FastAPI(
        title="sanihub",
        version=services.probe.about().version,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        docs_url=None,  # served by api.routes.pages, without a CDN
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,  # what a generated client calls it
    )
    app.state.services = services
    app.state.feed = feed or Feed()
    app.state.exposition = Exposition(services.metrics)
    app.state.policy = services.access
    app.state.sessions = Sessions(services.sessions, services.clock)
    app.state.gatekeeper = Gatekeeper(services.keys, app.state.sessions, services.clock)
    app.state.sign_in = SignIn(services.people, app.state.sessions, Passwords())
    app.state.seats = Seats(services.limits.waiting, services.limits.waiting_per_key, services.limits.posts_per_s)
    _include(app)
    pages.install(app, services.board)
    problems.install(app)
    openapi.install(app, FORMS)
    _wrap(app, services, max_body_bytes)
    return app


def _include(app: FastAPI) -> None:
    """The routes, each module with what all of its routes ask for."""
    keyed, once = openapi.problems(*openapi.KEYED, 503), Depends(unrepeated)
    for module in _OWN:
        app.include_router(module.router, prefix="/api/v1", dependencies=[once])
    for module in _READ:
        app.include_router(module.router, prefix="/api/v1", dependencies=[Depends(reading), once], responses=keyed)
    for module in _WHOLE:
        whole = [Depends(known_reading), EVERYWHERE, once]
        app.include_router(module.router, prefix="/api/v1", dependencies=whole, responses=keyed)
    for module in _OUTSIDE:
        app.include_router(module.router)


def _wrap(app: FastAPI, services: Services, max_body_bytes: int | None) -> None:
    """What every request passes before the routes; the last added is the first passed."""
    photo = services.incidents.max_photo_bytes if services.incidents else 0
    most = max(MAX_BODY_BYTES, services.limits.body_bytes, photo)  # a route holds its own body against its own limit
    app.add_middleware(BodyLimit, limit=max_body_bytes or most)
    if services.access.origins:
        app.add_middleware(CORSMiddleware, **CORS, allow_origins=sorted(services.access.origins))
    app.add_middleware(HeadIsGet)
    app.add_middleware(SecurityHeaders)  # added last, so it is outermost and covers refusals of the limit too
