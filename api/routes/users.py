"""People who sign in, entered and changed by administrators."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.access import Admin
from api.bodies import read_body, validated
from api.models.telemetry import PageOf
from api.models.users import PersonBody, PersonChangeForm, PersonForm, PersonMadeBody
from api.openapi import BODIED, KEYED, body, problems, reference
from api.params.fields import Cursor
from api.problems import Fault, ProblemError, not_found
from api.routes.session import Book, Door
from api.wiring import Places, Wired
from devices.access import Role
from devices.people import LastAdminError, Person, PersonSpec, check_password, check_person, new_password
from devices.registering import TakenError

PersonName = Annotated[
    str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="What they sign in as.", examples=["wang"])
]
_SAID = {409: "The name is taken, or no administrator would be left."}

router = APIRouter(tags=["Access"])


class UsersQuery(BaseModel):
    """Which page."""

    model_config = ConfigDict(extra="forbid")

    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


@router.get("/users", summary="People", responses=problems(*KEYED, 422, 503))
async def list_users(wired: Wired, admin: Admin, query: Annotated[UsersQuery, Query()]) -> PageOf[PersonBody]:
    """By name. Needs the role admin; so does all that follows."""
    page = await wired.people.people(cursor=query.cursor, limit=query.limit)
    return PageOf(items=[_body(one) for one in page.items], next_cursor=page.next_cursor)


@router.post(
    "/users",
    status_code=201,
    summary="Enter a person",
    responses=problems(*KEYED, *BODIED, 409, 422, 503, said=_SAID),
    openapi_extra=body(
        reference(PersonForm),
        a_dispatcher_of_one_area={
            "name": "wang", "display_name": "Wang Jianguo", "role": "dispatcher", "areas": ["district-north"],
        },
        a_worker={"name": "li", "display_name": "Li Mei", "role": "worker", "worker": "worker-0012"},
    ),
)  # fmt: skip
async def enter_user(
    request: Request, response: Response, wired: Wired, places: Places, admin: Admin, door: Door
) -> PersonMadeBody:
    """With a password of their own, or a random one that is shown once."""
    response.headers["Cache-Control"] = "no-store"
    with places.taken_by(admin.actor):
        form = validated(PersonForm, await read_body(request, wired.limits))
        spec = PersonSpec(
            name=form.name,
            display_name=form.display_name,
            role=Role(form.role),
            areas=None if form.areas is None else tuple(form.areas),
            worker=form.worker,
            language=form.language,
        )
        _check(spec, form.password)
        password = form.password or new_password()
        try:
            made = await wired.people.create(spec, await door.hashed(password), actor=admin.actor)
        except TakenError as error:
            raise ProblemError(409, "name-taken", str(error)) from error
    return _made(made, None if form.password else password)


@router.patch(
    "/users/{name}",
    summary="Change a person",
    responses=problems(*KEYED, *BODIED, 404, 409, 422, 503, said=_SAID),
    openapi_extra=body(
        reference(PersonChangeForm),
        disable={"active": False},
        without_limit={"areas": None},
        another_password={"reset_password": True},
    ),
)
async def change_user(
    request: Request,
    response: Response,
    wired: Wired,
    places: Places,
    admin: Admin,
    door: Door,
    book: Book,
    name: PersonName,
) -> PersonMadeBody:
    """Who is disabled, gets another password, or may not do what they could, is signed out everywhere."""
    response.headers["Cache-Control"] = "no-store"
    with places.taken_by(admin.actor):
        form = validated(PersonChangeForm, await read_body(request, wired.limits))
        known = await wired.people.find(name)
        if known is None:
            raise not_found("person", name)
        spec = _changed(known.person, form)
        password = new_password() if form.reset_password else form.password
        _check(spec, form.password)
        person: Person | None = known.person
        if form.model_fields_set - {"password", "reset_password"}:
            try:
                person = await wired.people.change(spec, actor=admin.actor)
            except LastAdminError as error:
                raise ProblemError(409, "last-admin", "nobody would be left who may enter people") from error
        if password is not None:
            person = await wired.people.set_password(name, await door.hashed(password), actor=admin.actor)
        book.forget_all()
        if person is None:
            raise not_found("person", name)
    return _made(person, password if form.reset_password else None)


def _changed(person: Person, form: PersonChangeForm) -> PersonSpec:
    given = {name: getattr(form, name) for name in form.model_fields_set - {"password", "reset_password"}}
    for name in ("display_name", "role", "active"):
        if given.get(name, "") is None:
            raise _fault(f"{name}: expected a value; leave it out to let it be")
    if given.get("role") is not None:
        given["role"] = Role(given["role"])
    if given.get("areas") is not None:
        given["areas"] = tuple(given["areas"])
    fields = {name: getattr(person, name) for name in PersonSpec.__struct_fields__}
    return PersonSpec(**fields | given)


def _check(spec: PersonSpec, password: str | None) -> None:
    try:
        check_person(spec)
        if password is not None:
            check_password(password, spec.name)
    except ValueError as error:
        raise _fault(str(error)) from None


def _fault(text: str) -> ProblemError:
    field, _, expected = text.partition(": ")
    return ProblemError(422, "invalid-request", text, faults=(Fault("body", field, expected),))


def _body(person: Person) -> PersonBody:
    return PersonBody.model_validate(_plain(person))


def _made(person: Person, password: str | None) -> PersonMadeBody:
    return PersonMadeBody.model_validate(_plain(person) | {"password": password})


def _plain(person: Person) -> dict[str, object]:
    return msgspec.structs.asdict(person) | {"role": person.role.value}
