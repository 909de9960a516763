"""The authorisation matrix: every route of the application, and who may use it. A route without a line here fails."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.routing import BaseRoute, Route

from api.app import create_app
from api.passwords import hashed
from api.ports.services import Services
from devices.access import Role, fingerprint
from devices.people import PersonSpec, new_token

EVERYBODY = ("anonymous", "device", "integration", "worker", "viewer", "dispatcher", "manager", "admin")
SOMEBODY = EVERYBODY[1:]
PEOPLE = ("worker", "viewer", "dispatcher", "manager", "admin")
POSTERS = ("device", "integration", "worker", "admin")
SERVERS = ("integration", "admin")
READERS = ("viewer", "dispatcher", "manager", "admin")
LOOKERS = ("worker", *READERS)
DISPATCHERS = ("dispatcher", "manager", "admin")
DOERS = ("worker", *DISPATCHERS)
MANAGERS = ("manager", "admin")
ADMINS = ("admin",)
WORKERS = ("worker",)  #: here only they are a worker of the master data; an admin without one has no page of their own

SHOWN, WHOLE, REFUSED = "shown what is in their areas", "shown all", "refused"
"""What becomes of somebody who is limited to areas: the route is narrowed, is about no device, or says 403."""


class Line(NamedTuple):
    """Who may use a route, and how it treats those who are limited to areas."""

    who: Sequence[str]
    limited: str


MATRIX: dict[str, Line] = {
    "GET /": Line(EVERYBODY, WHOLE),
    "GET /worker": Line(EVERYBODY, WHOLE),
    "GET /board/config.json": Line(EVERYBODY, WHOLE),
    "GET /board/{path:path}": Line(EVERYBODY, WHOLE),
    "GET /docs": Line(EVERYBODY, WHOLE),
    "GET /favicon.ico": Line(EVERYBODY, WHOLE),
    "GET /favicon.svg": Line(EVERYBODY, WHOLE),
    "GET /healthz": Line(EVERYBODY, WHOLE),
    "GET /metrics": Line(READERS, WHOLE),  # asked for from elsewhere; of the same machine see below
    "GET /openapi.json": Line(EVERYBODY, WHOLE),
    "GET /pages/docs.css": Line(EVERYBODY, WHOLE),
    "GET /pages/docs.js": Line(EVERYBODY, WHOLE),
    "GET /readyz": Line(EVERYBODY, WHOLE),
    "GET /worker-icon-192.png": Line(EVERYBODY, WHOLE),
    "GET /worker-icon-512.png": Line(EVERYBODY, WHOLE),
    "GET /worker-icon-maskable.png": Line(EVERYBODY, WHOLE),
    "GET /worker-sw.js": Line(EVERYBODY, WHOLE),
    "GET /worker.webmanifest": Line(EVERYBODY, WHOLE),
    # access
    "POST /api/v1/session": Line(EVERYBODY, WHOLE),
    "GET /api/v1/session": Line(SOMEBODY, WHOLE),
    "DELETE /api/v1/session": Line(PEOPLE, WHOLE),
    "PATCH /api/v1/session/password": Line(PEOPLE, WHOLE),
    "GET /api/v1/users": Line(ADMINS, REFUSED),
    "POST /api/v1/users": Line(ADMINS, REFUSED),
    "PATCH /api/v1/users/{name}": Line(ADMINS, REFUSED),
    "GET /api/v1/keys": Line(ADMINS, REFUSED),
    "POST /api/v1/keys": Line(ADMINS, REFUSED),
    "DELETE /api/v1/keys/{prefix}": Line(ADMINS, REFUSED),
    "GET /api/v1/audit": Line(MANAGERS, REFUSED),
    # intake
    "POST /api/v1/telemetry": Line(POSTERS, WHOLE),
    "POST /api/v1/uplinks/{protocol}": Line(SERVERS, WHOLE),
    # devices and their telemetry
    "GET /api/v1/devices": Line(READERS, SHOWN),
    "POST /api/v1/devices": Line(MANAGERS, SHOWN),
    "GET /api/v1/devices/{device_id}": Line(READERS, SHOWN),
    "PATCH /api/v1/devices/{device_id}": Line(MANAGERS, SHOWN),
    "POST /api/v1/devices/{device_id}/identities": Line(MANAGERS, SHOWN),
    "DELETE /api/v1/devices/{device_id}/identities/{identity}": Line(MANAGERS, SHOWN),
    "GET /api/v1/devices/{device_id}/latest": Line(READERS, SHOWN),
    "GET /api/v1/devices/{device_id}/series": Line(READERS, SHOWN),
    "GET /api/v1/devices/{device_id}/track": Line(READERS, SHOWN),
    "GET /api/v1/devices/{device_id}/events": Line(READERS, SHOWN),
    "GET /api/v1/devices/{device_id}/trips": Line(READERS, SHOWN),
    "GET /api/v1/devices/{device_id}/stops": Line(READERS, SHOWN),
    "GET /api/v1/devices/{device_id}/commands": Line(READERS, SHOWN),
    "POST /api/v1/devices/{device_id}/commands": Line(DISPATCHERS, SHOWN),
    "GET /api/v1/latest": Line(READERS, SHOWN),
    "GET /api/v1/board": Line(READERS, SHOWN),
    "GET /api/v1/live": Line(READERS, SHOWN),
    "GET /api/v1/latest.geojson": Line(READERS, SHOWN),
    "GET /api/v1/metrics": Line(READERS, WHOLE),
    "GET /api/v1/dead-letters": Line(READERS, SHOWN),
    "GET /api/v1/dead-letters/{letter_id}": Line(READERS, SHOWN),
    "GET /api/v1/status": Line(READERS, WHOLE),
    # alerts
    "GET /api/v1/alerts": Line(READERS, SHOWN),
    "GET /api/v1/alerts/counts": Line(READERS, SHOWN),
    "GET /api/v1/alerts/{alert_id}": Line(READERS, SHOWN),
    "POST /api/v1/alerts/{alert_id}/acknowledge": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/alerts/{alert_id}/close": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/alerts/{alert_id}/comment": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/alerts/{alert_id}/snooze": Line(DISPATCHERS, SHOWN),
    "GET /api/v1/shelves": Line(READERS, SHOWN),
    "POST /api/v1/shelves": Line(DISPATCHERS, SHOWN),
    "DELETE /api/v1/shelves/{shelf_id}": Line(DISPATCHERS, SHOWN),
    "GET /api/v1/rules": Line(READERS, WHOLE),
    "GET /api/v1/rules/versions": Line(READERS, WHOLE),
    "PUT /api/v1/rules": Line(MANAGERS, REFUSED),
    "POST /api/v1/rules/check": Line(DISPATCHERS, WHOLE),
    # fleet
    "GET /api/v1/routes": Line(READERS, WHOLE),
    "GET /api/v1/routes/{route_id}": Line(READERS, WHOLE),
    "GET /api/v1/routes/{route_id}/versions": Line(READERS, WHOLE),
    "GET /api/v1/areas": Line(READERS, WHOLE),
    "GET /api/v1/areas/{area_id}/versions": Line(READERS, WHOLE),
    "GET /api/v1/places": Line(READERS, WHOLE),
    "GET /api/v1/crews": Line(READERS, WHOLE),
    "GET /api/v1/workers": Line(READERS, WHOLE),
    "GET /api/v1/shifts": Line(READERS, WHOLE),
    "GET /api/v1/plans": Line(READERS, WHOLE),
    "POST /api/v1/fleet": Line(MANAGERS, REFUSED),
    "DELETE /api/v1/fleet/{section}/{item}": Line(MANAGERS, REFUSED),
    "GET /api/v1/fleet/live": Line(READERS, SHOWN),
    # bins and planning
    "GET /api/v1/bins/emptyings": Line(READERS, SHOWN),
    "GET /api/v1/bins/readiness": Line(READERS, SHOWN),
    "GET /api/v1/bins/{device_id}/forecast": Line(READERS, SHOWN),
    "POST /api/v1/planning/collection": Line(DISPATCHERS, REFUSED),
    "GET /api/v1/planning/jobs/{planning_id}": Line(READERS, REFUSED),
    "GET /api/v1/planning/runs/{run}/audit": Line(READERS, REFUSED),
    # work orders and incidents
    "GET /api/v1/work-orders": Line(LOOKERS, SHOWN),
    "GET /api/v1/work-orders/candidates": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/work-orders": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/work-orders/send": Line(DISPATCHERS, REFUSED),
    "GET /api/v1/work-orders/{work_order_id}": Line(LOOKERS, SHOWN),
    "POST /api/v1/work-orders/{work_order_id}/assign": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/work-orders/{work_order_id}/send": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/work-orders/{work_order_id}/accept": Line(DOERS, SHOWN),
    "POST /api/v1/work-orders/{work_order_id}/done": Line(DOERS, SHOWN),
    "POST /api/v1/work-orders/{work_order_id}/cancel": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/work-orders/{work_order_id}/comments": Line(DOERS, SHOWN),
    "GET /api/v1/incidents": Line(LOOKERS, SHOWN),
    "GET /api/v1/incidents/catalogue": Line(LOOKERS, WHOLE),
    "GET /api/v1/incidents/heat": Line(LOOKERS, SHOWN),
    "POST /api/v1/incidents": Line(DOERS, SHOWN),
    "GET /api/v1/incidents/{incident_id}": Line(LOOKERS, SHOWN),
    "POST /api/v1/incidents/{incident_id}/photos": Line(DOERS, SHOWN),
    "GET /api/v1/incidents/{incident_id}/photos/{digest}": Line(LOOKERS, SHOWN),
    "POST /api/v1/incidents/{incident_id}/hand-on": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/incidents/{incident_id}/done": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/incidents/{incident_id}/reject": Line(DISPATCHERS, SHOWN),
    "POST /api/v1/incidents/{incident_id}/comments": Line(DOERS, SHOWN),
    # what is a worker's own
    "GET /api/v1/me/today": Line(WORKERS, WHOLE),
    "GET /api/v1/me/tasks": Line(WORKERS, WHOLE),
    "GET /api/v1/me/evaluation": Line(WORKERS, WHOLE),
    "GET /api/v1/me/appeals": Line(WORKERS, WHOLE),
    "POST /api/v1/me/appeals": Line(WORKERS, WHOLE),
    # evaluation and reports
    "GET /api/v1/evaluation/workers": Line(READERS, REFUSED),
    "GET /api/v1/evaluation/workers/{person_id}": Line(READERS, REFUSED),
    "GET /api/v1/evaluation/crews/{person_id}": Line(READERS, REFUSED),
    "GET /api/v1/evaluation/schemes": Line(READERS, REFUSED),
    "GET /api/v1/evaluation/schemes/{scheme_id}": Line(READERS, REFUSED),
    "PUT /api/v1/evaluation/schemes/{scheme_id}": Line(MANAGERS, REFUSED),
    "GET /api/v1/evaluation/tasks": Line(READERS, REFUSED),
    "POST /api/v1/evaluation/tasks": Line(DISPATCHERS, REFUSED),
    "POST /api/v1/evaluation/tasks/{number}/settle": Line(DISPATCHERS, REFUSED),
    "GET /api/v1/evaluation/findings": Line(READERS, REFUSED),
    "POST /api/v1/evaluation/findings": Line(DISPATCHERS, REFUSED),
    "POST /api/v1/evaluation/findings/{number}/decide": Line(MANAGERS, REFUSED),
    "GET /api/v1/evaluation/appeals": Line(READERS, REFUSED),
    "GET /api/v1/evaluation/appeals/{number}": Line(READERS, REFUSED),
    "POST /api/v1/evaluation/appeals": Line(READERS, REFUSED),
    "POST /api/v1/evaluation/appeals/{number}/decide": Line(MANAGERS, REFUSED),
    "GET /api/v1/reports": Line(READERS, REFUSED),
    "POST /api/v1/reports/jobs": Line(DISPATCHERS, REFUSED),
    "GET /api/v1/reports/jobs/{order_id}": Line(READERS, REFUSED),
    "DELETE /api/v1/reports/jobs/{order_id}": Line(DISPATCHERS, REFUSED),
    "GET /api/v1/reports/{report_id}": Line(READERS, REFUSED),
    "GET /api/v1/reports/{report_id}/file": Line(READERS, REFUSED),
    "POST /api/v1/reports/{report_id}/sign-off": Line(DISPATCHERS, REFUSED),
    "POST /api/v1/reports/{report_id}/appeals": Line(READERS, REFUSED),
    "POST /api/v1/reports/{report_id}/appeals/{appeal_id}/decision": Line(MANAGERS, REFUSED),
}

NAMES = {
    "device_id": "bin-1", "identity": "imei:1", "protocol": "none", "letter_id": "1", "alert_id": "1",
    "shelf_id": "1", "route_id": "r1", "area_id": "a1", "planning_id": "0" * 16, "person_id": "li",
    "scheme_id": "weighted", "number": "1", "order_id": "0" * 32, "report_id": "1", "appeal_id": "1", "name": "nobody",
    "prefix": "a" * 10, "run": "none", "work_order_id": "order-1", "incident_id": "1", "digest": "0" * 64,
    "section": "plans", "item": "none", "path": "none",
}  # fmt: skip


def found(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Every route of an application, as lines of the matrix begin. HEAD is GET without a body."""
    for route in routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps routers that were included as they were
        if isinstance(route, Route):
            yield from (f"{method} {prefix}{route.path}" for method in sorted(route.methods or ()) if method != "HEAD")
        elif included is not None:
            yield from found(included.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined]
        else:
            raise AssertionError(f"what is this: {route!r}")


async def person(services: Services, city: Any, role: str, areas: tuple[str, ...] | None = None) -> dict[str, str]:
    """Somebody who has just signed in, by the token of their session."""
    worker = "li" if role == "worker" else None
    name = role + ("-limited" if areas else "")
    known = await services.people.find(name)
    spec = PersonSpec(name=name, display_name=name, role=Role(role), worker=worker, areas=areas)
    made = known.person if known else await services.people.create(spec, PASSWORD, actor="test")
    token = new_token()
    await services.sessions.open_session(made, fingerprint(token), services.clock())
    return {"Authorization": f"Bearer {token}"}


PASSWORD = hashed("correct horse battery staple")


@pytest.fixture
async def remote(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody elsewhere."""
    app = create_app(services)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("203.0.113.5", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as opened:
        yield opened


async def headers_of(who: str, services: Services, city: Any) -> dict[str, str]:
    if who == "anonymous":
        return {}
    if who in ("device", "integration"):
        return {"X-API-Key": city.key(Role(who), device="bin-1" if who == "device" else None)}
    return await person(services, city, who)


async def ask(client: httpx.AsyncClient, line: str, headers: dict[str, str]) -> httpx.Response:
    method, _, template = line.partition(" ")
    path = re.sub(r"\{(\w+)(?::path)?\}", lambda name: NAMES[name[1]], template)
    if line == "POST /api/v1/telemetry":  # no pipeline takes it here: it is refused for its type, after the key
        return await client.post(path, content=b"x", headers={**headers, "Content-Type": "text/plain"})
    if line == "GET /api/v1/live":  # a stream does not end: it is refused for its filter, after the key
        path += "?types=none"
    body: dict[str, Any] = {} if method == "GET" else {"json": {}}
    return await client.request(method, path, headers=headers, **body)


@pytest.fixture
def town(city: Any) -> Any:
    """A device, and a worker with a badge."""
    city.device("bin-1", id="bin-1")
    badge = '{"id": "li", "name": "Li Mei", "device": "badge-1"}'
    city.sql("INSERT INTO workers (id, content) VALUES ('li', %s)", badge)
    return city


def test_every_route_is_in_the_matrix(services: Services) -> None:
    there = list(found(create_app(services).routes))
    assert len(there) == len(set(there))
    assert set(there) - set(MATRIX) == set(), "routes without a line in the matrix: say who may use them"
    assert set(MATRIX) - set(there) == set(), "lines of the matrix without a route"


@pytest.mark.parametrize("who", EVERYBODY)
async def test_the_matrix(remote: httpx.AsyncClient, services: Services, town: Any, who: str) -> None:
    wrong = []
    headers = await headers_of(who, services, town)
    for line, (allowed, _) in MATRIX.items():
        answer = await ask(remote, line, headers)
        if line == "DELETE /api/v1/session" and answer.is_success:
            headers = await headers_of(who, services, town)
        refused = 401 if who == "anonymous" else 403
        as_said = answer.status_code not in (401, 403, 429) if who in allowed else answer.status_code == refused
        if not as_said or answer.status_code >= 500:
            wrong.append(f"{line}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, f"{who}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("who", ["viewer", "dispatcher", "manager"])
async def test_the_matrix_of_those_who_are_limited_to_areas(
    remote: httpx.AsyncClient, services: Services, town: Any, who: str
) -> None:
    headers = await person(services, town, who, areas=("elsewhere",))
    wrong = []
    for line, (allowed, limited) in MATRIX.items():
        if who not in allowed:
            continue
        answer = await ask(remote, line, headers)
        if line == "DELETE /api/v1/session":
            headers = await person(services, town, who, areas=("elsewhere",))
        kind = answer.json()["type"] if answer.status_code == 403 else ""
        refused = kind == "urn:sanihub:problem:limited-to-areas"
        if limited == WHOLE:
            as_said = answer.status_code not in (401, 403)
        elif limited == REFUSED:
            as_said = refused
        elif "{device_id}" in line:
            as_said = answer.status_code == 404  # the device is not there
        else:
            as_said = refused or answer.status_code not in (401, 403)
        if not as_said or answer.status_code >= 500:
            wrong.append(f"{line}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, f"{who}:\n" + "\n".join(wrong)
