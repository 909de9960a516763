"""Telemetry that is posted as sanihub's own JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request

from api.access import Poster
from api.bodies import read_body
from api.models.writes import AcceptedBody, TelemetryForm
from api.openapi import BODIED, KEYED, body, problems, reference
from api.ports.posting import AnotherDeviceError
from api.problems import ProblemError
from api.seats import while_there
from api.submissions import answer
from api.wiring import Places, Wired

_FORM = reference(TelemetryForm)
_ONE = {"ts": "2026-11-23T08:00:00+08:00", "readings": {"fill_pct": 71.5, "battery_v": 3.61}}
_MANY = [
    {"device": "bin-0042", **_ONE},
    {"device": "vehicle-0007", "ts": "2026-11-23T08:00:02+08:00", "fix": {"lat": 30.5931, "lon": 114.3054}},
]

IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The sender's name for this request. Posted again with the same name and body, it is filed once, "
        "also where its messages have neither `ts` nor `id`.",
    ),
]

router = APIRouter(tags=["Intake"])


@router.post(
    "/telemetry",
    summary="Post telemetry",
    responses=problems(*KEYED, *BODIED, 422, 503),
    openapi_extra=body(
        {"anyOf": [_FORM, {"type": "array", "items": _FORM, "minItems": 1, "maxItems": 1000}]},
        one_message=_ONE,
        several_devices=_MANY,
    ),
)
async def post_telemetry(
    request: Request, wired: Wired, places: Places, poster: Poster, idempotency_key: IdempotencyKey = None
) -> AcceptedBody:
    """One message, or an array of up to 1000. The answer comes after the commit: what it says is stored, is stored.

    A key of the role device posts for its own device, one of the role integration for any; its messages name theirs.

    Post it again when there was no answer, or 429 or 503: what has a `ts` or an `id`, or came with an
    `Idempotency-Key`, is filed once. Of a message, what is sound is filed beside what is refused. The body may be
    packed (`Content-Encoding: gzip`).
    """
    with places.taken_by(poster.actor):
        payload = await read_body(request, wired.limits)
        filing = wired.uplinks.telemetry(payload, poster, idempotency_key)
        try:
            submitted = await while_there(request, filing)
        except AnotherDeviceError as error:
            detail = f"this key speaks for {poster.device}, and the body names {error.device}; nothing of it was filed"
            raise ProblemError(403, "another-device", detail) from error
    return answer(submitted)
