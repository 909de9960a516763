"""Who may use a route: dependencies that recognise the key of a request and hold its role against what is needed.

Routes ask for a :class:`Principal` and do not know how somebody was recognised, so that people who sign in can be
recognised here too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.gatekeeper import Gatekeeper, unauthorized
from api.problems import ProblemError
from devices.access import Principal, Role

_BEARER = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="An API key, as `sanihub keys create` printed it."
)
_HEADER = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="header", description="The same key in a header of its own."
)


def allowed(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    """The dependency of a route that needs one of ``roles``; ADMIN may everything.

    Raises 401 without a valid key, 403 for a role that is not enough, 429 after too many wrong keys.
    """
    enough = frozenset((*roles, Role.ADMIN))
    needed = " or ".join(role.value for role in Role if role in enough)

    async def check(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        header: Annotated[str | None, Security(_HEADER)],
    ) -> Principal:
        key = bearer.credentials if bearer else header
        if not key:
            raise unauthorized(
                f"this needs a key of the role {needed}, as `Authorization: Bearer <key>` or `X-API-Key: <key>`"
            )
        gatekeeper = cast(Gatekeeper, request.app.state.gatekeeper)
        principal = await gatekeeper.recognise(key, request.client.host if request.client else "")
        if principal.role not in enough:
            detail = f"this needs a key of the role {needed}; the key {principal.name!r} is {principal.role.value}"
            raise ProblemError(403, "role-not-enough", detail)
        return principal

    return check


Poster = Annotated[Principal, Depends(allowed(Role.DEVICE, Role.INTEGRATION))]
Server = Annotated[Principal, Depends(allowed(Role.INTEGRATION))]
Dispatcher = Annotated[Principal, Depends(allowed(Role.DISPATCHER, Role.MANAGER))]
Manager = Annotated[Principal, Depends(allowed(Role.MANAGER))]
