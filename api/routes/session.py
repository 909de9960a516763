"""Signing in and out."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response

from api.access import COOKIE, Somebody, policy
from api.bodies import read_body, validated
from api.models.sessions import Ability, PasswordForm, SessionBody, SignedInBody, SignInForm
from api.openapi import BODIED, KEYED, body, problems, reference
from api.origins import check_origin
from api.ports.posting import PostLimits
from api.problems import ProblemError
from api.sessions import Sessions
from api.signing_in import SignIn
from api.wiring import Wired
from devices.access import Principal, Role
from devices.people import LONGEST_US, Session

router = APIRouter(tags=["Access"])

_BOUNDS = PostLimits(body_bytes=4_096, body_within_s=10.0)  # of a body that anybody at all may send
_MAY: dict[Role, list[Ability]] = {
    Role.DEVICE: ["post"],
    Role.INTEGRATION: ["post"],
    Role.WORKER: [],
    Role.VIEWER: ["read"],
    Role.DISPATCHER: ["read", "dispatch"],
    Role.MANAGER: ["read", "dispatch", "manage"],
    Role.ADMIN: ["post", "read", "dispatch", "manage", "administer"],
}
_REFUSED = {
    401: "Name or password is wrong, or the person is disabled.",
    403: "Sent by a page of another origin.",
    429: "Too many wrong tries from this address or for this name; `Retry-After` says when to try again.",
}


async def sign_in(request: Request) -> SignIn:
    """What signs people in."""
    return cast(SignIn, request.app.state.sign_in)


async def sessions(request: Request) -> Sessions:
    """The sessions of this hub."""
    return cast(Sessions, request.app.state.sessions)


Door = Annotated[SignIn, Depends(sign_in)]
Book = Annotated[Sessions, Depends(sessions)]


@router.post(
    "/session",
    summary="Sign in",
    responses=problems(401, 403, 429, *BODIED, 422, 503, said=_REFUSED),
    openapi_extra=body(
        reference(SignInForm), a_dispatcher={"name": "wang", "password": "correct horse battery staple"}
    ),
)
async def begin_session(request: Request, response: Response, door: Door) -> SignedInBody:
    """Sets the cookie of a browser; a program takes `token`. Over after 30 minutes without use, or 12 hours."""
    # Nobody is asked who they were before: a cookie that is over must not keep anybody out.
    check_origin(request, policy(request).origins)
    form = validated(SignInForm, await read_body(request, _BOUNDS))
    token, session = await door.sign_in(form.name, form.password, _host(request))
    response.set_cookie(
        COOKIE,
        token,
        max_age=LONGEST_US // 1_000_000,
        path="/",
        httponly=True,
        samesite="strict",
        secure=_secure(request),
    )
    response.headers["Cache-Control"] = "no-store"
    return SignedInBody(**dict(_body(session)), token=token)


@router.get("/session", summary="Who am I?", responses=problems(*KEYED, 503))
async def get_session(request: Request, response: Response, somebody: Somebody, book: Book) -> SessionBody:
    """The person who is signed in, or the key, and what they may do."""
    response.headers["Cache-Control"] = "no-store"
    if somebody.session is not None and (session := await book.current(somebody.session)) is not None:
        return _body(session)
    return _key(somebody)


@router.delete("/session", status_code=204, summary="Sign out", responses=problems(*KEYED, 503))
async def end_session(request: Request, somebody: Somebody, book: Book) -> Response:
    """The session is over at once, for whoever has its token or cookie."""
    number = _number(somebody)
    await book.end(number, actor=somebody.actor)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=_secure(request))
    return response


@router.patch(
    "/session/password",
    status_code=204,
    summary="Change one's own password",
    responses=problems(*KEYED, *BODIED, 422, 503, said={403: "The present password is wrong, or this is no person."}),
    openapi_extra=body(reference(PasswordForm), another={"current": "wJx8-2kQv0a_pR7t", "new": "seven green lorries"}),
)
async def change_password(request: Request, wired: Wired, somebody: Somebody, door: Door) -> Response:
    """Ends all other sessions of the person. At least 12 characters; nothing else is asked of it."""
    number = _number(somebody)
    form = validated(PasswordForm, await read_body(request, wired.limits))
    await door.change(somebody, number, form.current, form.new, _host(request))
    return Response(status_code=204)


def _number(somebody: Principal) -> int:
    if somebody.session is None:
        raise ProblemError(403, "no-session", f"{somebody.name!r} is a key, and has neither session nor password")
    return somebody.session


def _secure(request: Request) -> bool:
    return request.url.scheme == "https" or policy(request).secure_cookies


def _host(request: Request) -> str:
    return request.client.host if request.client else ""


def _body(session: Session) -> SessionBody:
    one = session.person
    return SessionBody(
        name=one.name,
        display_name=one.display_name,
        role=one.role.value,
        areas=None if one.areas is None else list(one.areas),
        worker=one.worker,
        device=session.device,
        language=one.language,
        may=_may(one.role, one.worker, session.device),
        expires_at=session.expires_at,
    )


def _key(somebody: Principal) -> SessionBody:
    return SessionBody(
        name=somebody.name,
        display_name=somebody.name,
        role=somebody.role.value,
        areas=None if somebody.areas is None else sorted(somebody.areas),
        worker=somebody.worker,
        device=somebody.device,
        language=None,
        may=_may(somebody.role, somebody.worker, somebody.device),
        expires_at=None,
    )


def _may(role: Role, worker: str | None, device: str | None) -> list[Ability]:
    more: list[Ability] = []
    if device is not None and "post" not in _MAY[role]:
        more.append("post")
    if worker is not None:
        more.append("own")
    return [*more, *_MAY[role]]
