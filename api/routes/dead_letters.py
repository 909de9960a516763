"""Frames that could not be filed."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.models.telemetry import DeadLetterBody, DeadLetterContentBody, PageOf
from api.openapi import problems
from api.params.telemetry import DeadLettersQuery
from api.problems import not_found
from api.wiring import Wired

LetterId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the dead letter.", examples=[17])]

router = APIRouter(tags=["Dead letters"])


@router.get("/dead-letters", summary="List dead letters", responses=problems(422, 503))
async def list_dead_letters(wired: Wired, query: Annotated[DeadLettersQuery, Query()]) -> PageOf[DeadLetterBody]:
    """Dead letters, newest first, without their bytes."""
    page = await wired.dead_letters.letters(
        codes=query.code, device_id=query.device, is_open=query.open, cursor=query.cursor, limit=query.limit
    )
    return PageOf(items=[DeadLetterBody.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/dead-letters/{letter_id}", summary="One dead letter with its bytes", responses=problems(404, 422, 503))
async def get_dead_letter(wired: Wired, letter_id: LetterId) -> DeadLetterContentBody:
    """The frame as it came: in base64, and as text where it is UTF-8."""
    letter = await wired.dead_letters.letter(letter_id)
    if letter is None:
        raise not_found("dead-letter", letter_id)
    payload = letter.payload
    return DeadLetterContentBody(
        **dict(DeadLetterBody.model_validate(letter.entry)),
        payload_base64=None if payload is None else b64encode(payload).decode("ascii"),
        payload_text=None if payload is None else _text(payload),
    )


def _text(payload: bytes) -> str | None:
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
