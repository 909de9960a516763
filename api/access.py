"""Who may use a route: dependencies that recognise the key or the session of a request, and hold it against a need.

Routes ask for a :class:`Principal` (``Reader``, ``Poster``, ``Worker``, ``Dispatcher``, ``Manager``, ``Admin``) and do
not know how somebody was recognised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.gatekeeper import Gatekeeper, unauthorized
from api.origins import check_origin
from api.policy import AccessPolicy
from api.problems import ProblemError
from devices.access import Principal, Role

COOKIE = "sanihub_session"
ANONYMOUS = Principal("anonymous", "anonymous", Role.VIEWER)
"""Who reads without being anybody, where the settings allow it."""

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An API key, as `sanihub keys create` printed it, or the `token` of `POST /session`.",
)
_HEADER = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="header", description="The same key in a header of its own."
)
_COOKIE = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="cookie", description="What `POST /session` has set in a browser."
)


def policy(request: Request) -> AccessPolicy:
    """What this installation allows."""
    return cast(AccessPolicy, request.app.state.policy)


async def recognised(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    header: Annotated[str | None, Security(_HEADER)],
    cookie: Annotated[str | None, Security(_COOKIE)],
) -> Principal | None:
    """Whoever asks; None for somebody who names nobody. A key or token before a cookie.

    Raises 401 for a key or session that is not valid, 403 for a cookie that another site has sent, 429 after too many
    wrong keys.
    """
    key = bearer.credentials if bearer else header
    if not key:
        if not cookie:
            return None
        check_origin(request)
        key = cookie
    gatekeeper = cast(Gatekeeper, request.app.state.gatekeeper)
    host = request.client.host if request.client else ""
    return await gatekeeper.recognise(key, host, reads=request.method == "GET")


Recognised = Annotated[Principal | None, Depends(recognised)]
Check = Callable[..., Awaitable[Principal]]
_NEEDS: dict[Callable[..., object], frozenset[Role]] = {}


def allowed(*roles: Role, open_reading: bool = False) -> Check:
    """The dependency of a route that needs one of ``roles``; ADMIN may everything.

    With ``open_reading`` nobody needs to be anybody where the settings say so. Raises 401 for nobody, 403 for a role
    that is not enough.
    """
    enough = frozenset((*roles, Role.ADMIN))
    needed = " or ".join(role.value for role in Role if role in enough)

    async def check(request: Request, principal: Recognised) -> Principal:
        if principal is None:
            if open_reading and request.method == "GET" and policy(request).open_reading:
                return ANONYMOUS
            raise _nobody(f"the role {needed}")
        if principal.role not in enough:
            raise _not_enough(principal, needed)
        return principal

    _NEEDS[check] = enough
    return check


def roles(check: Callable[..., object]) -> frozenset[Role] | None:
    """The roles that a dependency lets in; None for one that asks for nobody."""
    return _NEEDS.get(check)


async def _somebody(principal: Recognised) -> Principal:
    if principal is None:
        raise _nobody("any role")
    return principal


async def _poster(principal: Recognised) -> Principal:
    """Devices and servers; and of people those who have a badge, as that badge."""
    needed = "device or integration or admin"
    if principal is None:
        raise _nobody(f"the role {needed}")
    if principal.role is Role.WORKER and principal.device is None:
        detail = f"{principal.name!r} posts as the badge of the worker {principal.worker!r}, who has none"
        raise ProblemError(403, "no-badge", detail)
    if principal.role not in (Role.DEVICE, Role.INTEGRATION, Role.ADMIN) and principal.device is None:
        raise _not_enough(principal, needed)
    return principal


async def _worker(principal: Annotated[Principal, Depends(_somebody)]) -> Principal:
    """Whoever is a worker of the master data, of the role worker or another."""
    if principal.worker is None:
        detail = f"this is for people who are a worker of the master data; {principal.name!r} is none"
        raise ProblemError(403, "not-a-worker", detail)
    return principal


async def everywhere(principal: Recognised) -> None:
    """Refuse those who are limited to areas what is about all of the city. Raises 403."""
    if principal is not None:
        check_everywhere(principal)


def check_everywhere(principal: Principal) -> None:
    """The same of somebody who is known already. Raises a 403 problem."""
    if principal.areas is not None:
        named = ", ".join(sorted(principal.areas))
        detail = f"this is about all areas, and {principal.name!r} is limited to {named}"
        raise ProblemError(403, "limited-to-areas", detail)


def _nobody(needed: str) -> ProblemError:
    detail = f"this needs {needed}: sign in, or send a key as `Authorization: Bearer <key>` or `X-API-Key: <key>`"
    return unauthorized(detail)


def _not_enough(principal: Principal, needed: str) -> ProblemError:
    detail = f"this needs the role {needed}; {principal.name!r} is {principal.role.value}"
    return ProblemError(403, "role-not-enough", detail)


_NEEDS[_somebody] = frozenset(Role)
_NEEDS[_poster] = frozenset((Role.DEVICE, Role.INTEGRATION, Role.WORKER, Role.ADMIN))
reading = allowed(Role.VIEWER, Role.DISPATCHER, Role.MANAGER, open_reading=True)
known_reading = allowed(Role.VIEWER, Role.DISPATCHER, Role.MANAGER)

Somebody = Annotated[Principal, Depends(_somebody)]
"""Whoever was recognised, of any role."""
Poster = Annotated[Principal, Depends(_poster)]
"""Who may post telemetry. ``device``, where it is not None, is the only device that they speak for."""
Server = Annotated[Principal, Depends(allowed(Role.INTEGRATION))]
Worker = Annotated[Principal, Depends(_worker)]
"""A worker of the master data, for their own: ``worker`` is not None, ``device`` is the badge if there is one."""
Reader = Annotated[Principal, Depends(reading)]
"""VIEWER and more; :data:`ANONYMOUS` where the settings leave reading open."""
KnownReader = Annotated[Principal, Depends(known_reading)]
"""VIEWER and more by name, whatever the settings say: for what tells about persons."""
Dispatcher = Annotated[Principal, Depends(allowed(Role.DISPATCHER, Role.MANAGER))]
Manager = Annotated[Principal, Depends(allowed(Role.MANAGER))]
Admin = Annotated[Principal, Depends(allowed())]
EVERYWHERE = Depends(everywhere)
"""Of a route that is about the whole city: refused to those who are limited to areas."""
