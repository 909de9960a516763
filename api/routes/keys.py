"""API keys, made and ended by administrators."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.access import Admin
from api.bodies import read_body, validated
from api.models.telemetry import PageOf
from api.models.users import KeyBody, KeyForm, KeyMadeBody
from api.openapi import BODIED, KEYED, body, problems, reference
from api.params.fields import Cursor
from api.problems import Fault, ProblemError, not_found
from api.wiring import Places, Wired
from devices.access import KeyEntry, Role

KeyPrefix = Annotated[
    str,
    Path(pattern=r"^[a-z2-7]{10}$", description="The part of the key that people may see.", examples=["k3xo2c7q5a"]),
]

router = APIRouter(tags=["Access"])


class KeysQuery(BaseModel):
    """Which keys."""

    model_config = ConfigDict(extra="forbid")

    ended: bool = False
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


@router.get("/keys", summary="API keys", responses=problems(*KEYED, 422, 503))
async def list_keys(wired: Wired, admin: Admin, query: Annotated[KeysQuery, Query()]) -> PageOf[KeyBody]:
    """By age; with `ended` also those that are revoked or have expired. Needs the role admin, as all that follows."""
    page = await wired.key_keeper.keys(ended=query.ended, cursor=query.cursor, limit=query.limit)
    return PageOf(items=[_body(one) for one in page.items], next_cursor=page.next_cursor)


@router.post(
    "/keys",
    status_code=201,
    summary="Make a key",
    responses=problems(*KEYED, *BODIED, 422, 503),
    openapi_extra=body(
        reference(KeyForm),
        of_a_device={"name": "bin 42", "role": "device", "device": "bin-0042"},
        of_a_board_for_one_area={"name": "wall", "role": "viewer", "areas": ["district-north"]},
    ),
)
async def make_key(request: Request, response: Response, wired: Wired, places: Places, admin: Admin) -> KeyMadeBody:
    """The answer has the key itself, once."""
    response.headers["Cache-Control"] = "no-store"
    with places.taken_by(admin.actor):
        form = validated(KeyForm, await read_body(request, wired.limits))
        if form.expires_at is not None and form.expires_at <= wired.clock():
            raise _fault("expires_at: expected an instant to come")
        try:
            key, entry = await wired.key_keeper.create(
                form.name,
                Role(form.role),
                device=form.device,
                expires_at=form.expires_at,
                actor=admin.actor,
                areas=form.areas,
            )
        except ValueError as error:
            raise _fault(str(error)) from None
    return KeyMadeBody.model_validate(_plain(entry) | {"key": key})


@router.delete("/keys/{prefix}", summary="Revoke a key", responses=problems(*KEYED, 404, 422, 503))
async def revoke_key(wired: Wired, admin: Admin, prefix: KeyPrefix) -> KeyBody:
    """For ever. Every hub refuses it within three seconds."""
    entry = await wired.key_keeper.revoke(prefix, actor=admin.actor)
    if entry is None:
        raise not_found("key", prefix)
    return _body(entry)


def _fault(text: str) -> ProblemError:
    field, _, expected = text.partition(": ")
    return ProblemError(422, "invalid-request", text, faults=(Fault("body", field, expected),))


def _body(entry: KeyEntry) -> KeyBody:
    return KeyBody.model_validate(_plain(entry))


def _plain(entry: KeyEntry) -> dict[str, Any]:
    return msgspec.structs.asdict(entry) | {"role": entry.role.value}
